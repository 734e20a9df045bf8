"""What may be shown of URLs and errors: no user name, no password."""

import re


def without_credentials(text: str) -> str:
    """The text as it may be shown: user name, password and query, which can hold them too, left out of its URLs."""
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1", re.sub(r"://\S*@", "://", text))


def first_line(error: BaseException) -> str:
    """The first line of an error's text, as it may be shown; the error's kind if it has no text."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return without_credentials(lines[0])
