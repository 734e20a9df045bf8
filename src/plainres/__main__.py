"""`python -m plainres`: the command `plainres`."""

import sys

from plainres.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
