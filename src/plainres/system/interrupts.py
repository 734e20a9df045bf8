"""An interrupt that comes before a command has begun, while it imports: one line, as later, and no traceback."""

import sys
from types import TracebackType


def one_line(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Say it in a line; Python then ends with exit code 130."""
    if issubclass(kind, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def begin() -> None:
    """From now on; the first thing that a command does."""
    sys.excepthook = one_line
