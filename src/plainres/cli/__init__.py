"""The command line: flags from the settings, exit codes, and the command `plainres`."""
