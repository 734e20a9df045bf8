"""One comparison, or studies, whole: checked, trained and read back, for commands and for Python."""
