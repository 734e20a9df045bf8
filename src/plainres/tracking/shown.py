"""What may be shown of URLs and errors: no user name, no password."""

import re

TRACEBACK = "Traceback (most recent call last):\n"


def without_credentials(text: str) -> str:
    """The text as it may be shown: user name, password and query, which can hold them too, left out of its URLs.

    A file's URL has neither, and its path may hold an `@`.
    """
    servers = re.sub(r"(?<!sqlite)(?<!file)://\S*@", "://", text)
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1", servers)


def first_line(error: BaseException) -> str:
    """The first line of an error's text, as it may be shown; the error's kind if it has no text.

    A process that loads images hands its error over with the traceback before it.
    """
    before, _, after = str(error).rpartition(TRACEBACK)
    lines = [line for line in after.splitlines() if not (before and line.startswith(" "))]
    text = next((line.strip() for line in lines if line.strip()), "")
    return without_credentials(text.removeprefix(f"{type(error).__name__}: ") or type(error).__name__)
