"""Read the command line: flags from what is declared, exit codes, and the command `plainres`."""
