"""The exceptions whose messages are meant for the person at the command line."""


class BadInput(ValueError):
    """A request that cannot be carried out; its message is one line that says why and what would do instead."""


class StoreAway(Exception):
    """The tracking store doesn't answer now and may later; its message is one line."""


class StoreRefuses(Exception):
    """The tracking store refuses what it's asked, and would again; its message is one line."""


class StudiesFail(Exception):
    """Studies can't go on: their storage was lost, or workers die whatever they are given; its message is one line."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: as a KeyboardInterrupt, but with an exit code of its own."""
