"""The exceptions whose messages are meant for the person who asked."""


class OneLine(Exception):
    """Its message is one line, and a notebook shows that alone."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints."""
        return [f"{type(self).__name__}: {self}"]


class BadInput(OneLine, ValueError):
    """A request that cannot be carried out; its message is one line that says why and what would do instead."""


class StoreAway(OneLine):
    """The tracking store doesn't answer now and may later; its message is one line."""


class StoreRefuses(StoreAway):
    """The tracking store refuses what it's asked, and may admit it later, as after an expired token; one line."""


class StudiesFail(OneLine):
    """Studies can't go on: their storage was lost, or workers die whatever they are given; its message is one line."""


class ProcessesFail(OneLine):
    """Processes that train each run together can't go on: one of them is lost, or the run failed; one line."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: as a KeyboardInterrupt, but with an exit code of its own."""
