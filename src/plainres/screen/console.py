"""Make the console that every command prints to: no width that can't be, no character that the terminal can't show."""

import codecs
import sys
from io import TextIOWrapper

from rich.console import Console

WIDTH = 80  # columns where the terminal has none
REPLACEMENTS = {"–": "-", "—": "-", "−": "-", "×": "x", "±": "+-", "≤": "<=", "→": "->", "…": "...", "─": "-", "━": "-"}
REPLACE = "plainres.replace"


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Make a console on stdout or stderr, on which names and paths are never read as markup.

    A notebook gets text, as a file does: rich would make a display of every line, too wide for the page.

    Args:
        stderr: whether it prints there.
        soft_wrap: whether long lines are left to the terminal to break.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors=REPLACE)
    made = Console(
        stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False, force_jupyter=False,
        force_terminal=False if Console().is_jupyter else None,  # as which a notebook's streams give themselves out
    )  # fmt: skip
    if made.width < 1:
        made.width = WIDTH
    return made


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Give what stands for characters that an encoding lacks, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(REPLACEMENTS.get(character, "?") for character in lacking), error.end


codecs.register_error(REPLACE, _replace)
