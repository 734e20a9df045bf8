"""Starts and ends helper processes and threads, the processes with their imports done where the system can fork."""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.context import BaseContext
from typing import Any

PRELOADED = ["plainres.launchers.preloaded"]
LONGEST_SOCKET_FOLDER = 35  # characters: an AF_UNIX address holds 107, of which Ray's names take up to 70
VISIBLE = "CUDA_VISIBLE_DEVICES"  # which of a machine's GPUs CUDA shows to a process


def worker_context() -> BaseContext:
    """Give the way in which workers start: forked, where possible, from a server that has imported what they need.

    Its imports, which take seconds, begin with the first call. A worker that takes another's place is
    then there at once.
    """
    shorten_socket_addresses()
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # Ctrl-C, and a terminal's end, go to every process of its group, and are for this one alone. What is blocked is
    # so in the server and in what it forks; the tracker that it starts first would unblock it.
    with environment({"PYTHONSAFEPATH": "1"}):  # a `random.py` of the working folder is not Python's
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@contextmanager
def environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change variables of the environment, None for unset, around the start of other programs, and put them back."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def without_main() -> Iterator[None]:
    """Surround the start of a process, which then doesn't run the caller's script anew, nor needs a guard in it."""
    main = vars(sys.modules["__main__"])
    kept: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    main.pop("__file__", None)
    try:
        yield
    finally:
        main.update(kept)


def follow_parent() -> None:
    """Leave an interrupt to this helper process's parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def gpu_of(place: int, gpus: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables by which the worker at a place, from 0, sees one of several GPUs only.

    Args:
        place: the worker's; workers that run at once have different ones.
        gpus: how many the parent sees.
        environment: the parent's, which may itself show some of the machine's GPUs only.
    """
    if gpus < 2:
        return {}
    shown = environment[VISIBLE].split(",") if VISIBLE in environment else [str(index) for index in range(gpus)]
    return {VISIBLE: shown[place % gpus]}


@contextmanager
def repeated(action: Callable[[], None], seconds: float, *, seconds_to_end: float | None = None) -> Iterator[None]:
    """Call `action` every so many seconds in a thread; at the end wait for a call that is under way.

    Args:
        action: what is done; an exception ends this call of it and no other.
        seconds: between two calls, and before the first.
        seconds_to_end: how long the end waits; None for as long as the call takes.
    """
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            with suppress(Exception):
                action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(seconds_to_end)


def has_long_temporary_folder() -> bool:
    """Tell whether the addresses of sockets in the folder of temporary files would be too long."""
    return os.name != "nt" and len(os.fsencode(tempfile.gettempdir())) > LONGEST_SOCKET_FOLDER


def shorten_socket_addresses() -> None:
    """Let multiprocessing's sockets lie in /tmp where TMPDIR is too long for their addresses.

    It makes one folder in a process, when it first needs one, and hands it on to the processes that it starts.
    """
    if not has_long_temporary_folder():
        return
    before = tempfile.tempdir
    tempfile.tempdir = "/tmp"
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before
