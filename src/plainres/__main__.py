"""Runs the command `plainres`, as `python -m plainres`."""

import sys

from plainres.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
