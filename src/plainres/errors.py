"""The one exception whose message is meant for the person at the command line."""


class BadInput(ValueError):
    """A request that cannot be carried out; its message is one line that says why and what would do instead."""
