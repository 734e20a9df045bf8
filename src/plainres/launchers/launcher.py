"""Declares how tasks are carried out, here or elsewhere: the seam between what is trained and the machines for it."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from plainres.errors import first_line


@dataclass(frozen=True)
class Task:
    """Holds one call in a process of the launcher's choice, `call(tell=..., stop=...)`; it can be pickled.

    Attributes:
        about: what the task is known by to who asked for it.
        call: a function of a module, or a `functools.partial` of one. It may tell of its progress through the callable
            `tell`, and leaves its work in order as soon as the `plainres.system.stopping.StopSignal` comes. If it
            returns a `plainres.running.events.Failed`, nothing else is called in its process.
        key: what another command knows the same task by, where tasks outlive commands.
    """

    about: Any
    call: Callable[..., object]
    key: str = ""


@dataclass(frozen=True)
class Told:
    """Says what a task has told of its progress."""

    task: Task
    message: Any


@dataclass(frozen=True)
class Returned:
    """Says with which value a task has come to its end."""

    task: Task
    value: Any


@dataclass(frozen=True)
class Died:
    """Says that a task raised an exception or lost its process; `reason` is one line.

    Attributes:
        on_purpose: whether a person ended it.
    """

    task: Task
    reason: str
    on_purpose: bool = False


Happening = Told | Returned | Died


class Launcher(Protocol):
    """Carries out tasks."""

    jobs: int
    """How many at a time."""
    outlives: bool = False
    """Whether tasks go on when the command ends, to be found by the next one."""

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        """Carry out the tasks of a queue, the first first, and tell what happens; None when nothing did for a second.

        Whoever reads this may append tasks meanwhile. It ends when the queue is empty and every task has ended. Closing
        it, or an exception such as KeyboardInterrupt while it waits, lets the tasks in flight leave their work in order
        and returns when they have; where they outlive the command it returns at once.

        Raises:
            AtOnce: a second interrupt came meanwhile; what was in flight has been killed.
        """


class AtOnce(KeyboardInterrupt):
    """Says that a second interrupt came while the tasks in flight were being stopped."""


def room(machines: Iterable[Mapping[str, float]], needs: Mapping[str, float]) -> int:
    """Count the tasks that machines can carry out at once, where each needs so many of what the machines have."""
    return sum(min(int(machine.get(name, 0) / need) for name, need in needs.items() if need) for machine in machines)


def outcome_of(call: Callable[..., object], **told: Any) -> tuple[type[Returned | Died], Any]:
    """Carry out a task's call in this process; returns how it ended, and its value or the reason."""
    try:
        return Returned, call(**told)
    except Exception as error:
        return Died, f"{type(error).__name__}: {first_line(error)}"
