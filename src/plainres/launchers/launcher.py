"""Who carries out tasks, here or elsewhere: the seam between what is to be trained and the machines that train it."""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Task:
    """One call in a process of the launcher's choice, `call(tell=..., stop=...)`; it can be pickled.

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
    """A task has told this of its progress."""

    task: Task
    message: Any


@dataclass(frozen=True)
class Returned:
    """A task has come to its end with this value."""

    task: Task
    value: Any


@dataclass(frozen=True)
class Died:
    """A task raised an exception or lost its process; `reason` is one line.

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
    """A second interrupt, while the tasks in flight were being stopped."""
