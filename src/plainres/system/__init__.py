"""Holds what the machine gives: its hardware, files that are whole or not there, processes and signals."""
