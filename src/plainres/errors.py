"""Holds the exceptions whose messages are meant for the person who asked, and tells what may be shown of an error."""

import re

TRACEBACK = "Traceback (most recent call last):\n"


class OneLine(Exception):
    """Says in one line what happened, and a notebook shows that alone."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints."""
        return [f"{type(self).__name__}: {self}"]


class BadInput(OneLine, ValueError):
    """Says of a request why it cannot be carried out, in one line, and what would do instead."""


class StoreAway(OneLine):
    """Says that the tracking store doesn't answer now, and may later."""


class StoreRefuses(StoreAway):
    """Says that the tracking store refuses what it's asked, and may admit it later, as after an expired token."""


class StudiesFail(OneLine):
    """Says that studies can't go on: their storage was lost, or workers die whatever they are given."""


class ProcessesFail(OneLine):
    """Says that processes that train each run together can't go on: one of them is lost, or the run failed."""


class Terminated(KeyboardInterrupt):
    """Stands for SIGTERM or SIGHUP, whose number it holds: as a KeyboardInterrupt, with an exit code of its own."""


def without_credentials(text: str) -> str:
    """Leave user name, password and query, which can hold them too, out of the URLs in a text, so that it may be shown.

    A file's URL has neither, and its path may hold an `@`.
    """
    servers = re.sub(r"(?<!sqlite)(?<!file)://\S*@", "://", text)
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1", servers)


def first_line(error: BaseException) -> str:
    """Take the first line of an error's text, as it may be shown; the error's kind if it has no text.

    A process that loads images hands its error over with the traceback before it.
    """
    before, _, after = str(error).rpartition(TRACEBACK)
    lines = [line for line in after.splitlines() if not (before and line.startswith(" "))]
    text = next((line.strip() for line in lines if line.strip()), "")
    return without_credentials(text.removeprefix(f"{type(error).__name__}: ") or type(error).__name__)
