"""How helper processes start, what they have imported by then, and when they end."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

from plainres.system.machine_folders import shorten_socket_addresses

PRELOADED = ["plainres.launchers.preloaded"]
VISIBLE = "CUDA_VISIBLE_DEVICES"  # which of a machine's GPUs CUDA shows to a process


def worker_context() -> BaseContext:
    """How worker processes start: forked from a server that has imported what they need, where the system can fork.

    A worker that takes another's place is then there at once.
    """
    shorten_socket_addresses()
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # Ctrl-C goes to every process of the terminal's group, and is for this one alone. What is blocked is so in the
    # server and in what it forks; the tracker that it starts first would unblock it.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def begin_imports() -> None:
    """Let workers' imports begin, which take seconds, beside what this process does before it has tasks for them."""
    worker_context()


@contextmanager
def without_main() -> Iterator[None]:
    """Around the start of a process: it doesn't run the script anew that the caller is, nor needs a guard in it."""
    main = vars(sys.modules["__main__"])
    kept: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    main.pop("__file__", None)
    try:
        yield
    finally:
        main.update(kept)


def follow_parent() -> None:
    """In a helper process: leave an interrupt to the parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def gpu_of(place: int, gpus: int, environment: Mapping[str, str]) -> dict[str, str]:
    """What the worker at a place, from 0, is to have in its environment so that it sees one of several GPUs only.

    Args:
        place: the worker's; workers that run at once have different ones.
        gpus: how many the parent sees.
        environment: the parent's, which may itself show some of the machine's GPUs only.
    """
    if gpus < 2:
        return {}
    shown = environment[VISIBLE].split(",") if VISIBLE in environment else [str(index) for index in range(gpus)]
    return {VISIBLE: shown[place % gpus]}
