"""Carry out whole requests for commands and for Python: filled once, checked, planned once, trained and read back."""
