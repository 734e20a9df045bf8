"""Imported by the fork server that the tests' commands share, so that one which is killed while asking it for a process
doesn't take it along. A command outside the tests has a server of its own."""

import errno
from multiprocessing import reduction

recvfds = reduction.recvfds


def recvfds_of_the_living(*arguments: object) -> object:
    try:
        return recvfds(*arguments)
    except EOFError as error:
        raise OSError(errno.ECONNABORTED, "killed while asking") from error  # which the server passes over


reduction.recvfds = recvfds_of_the_living  # type: ignore[attr-defined]
