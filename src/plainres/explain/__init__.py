"""Measures, draws and says what becomes of networks with depth, and why, beyond the report."""
