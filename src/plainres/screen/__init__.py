"""Decide how things look on a screen or a page: text, tables, bars, clock times and figures."""
