"""Carries out tasks on Ray: on this machine, or on the cluster that it belongs to."""

import logging
import os
import signal
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import joblib

from plainres.errors import BadInput, first_line
from plainres.launchers.launcher import AtOnce, Died, Happening, Launcher, Task, Told, outcome_of, room
from plainres.system.hardware import gpu_count
from plainres.system.processes import has_long_temporary_folder
from plainres.system.stopping import StopSignal

SECONDS_TO_WAIT = 1.0  # for a task to end
RETRIES = 10  # of a task whose process or machine is gone
OBJECT_STORE = 100 * 2**20  # bytes: results and messages are small

# Before Ray is imported: no reports of use to its makers, and workers that run what this process does, where it lies,
# rather than a copy of the folder in which `uv run` was called. Tasks without a GPU see none.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
}
HANDED_ON = "MLFLOW_"  # what the names of variables begin with that a task needs from this process


class RayLauncher(Launcher):
    """Makes each task one of Ray's, with CPUs and GPUs of its own; it is begun anew if its machine is lost."""

    def __init__(self, cpus: int, gpus: float, address: str) -> None:
        """Connect to a cluster; a Ray of this machine's own is started when there is something to do.

        Args:
            cpus, gpus: what a task is given.
            address: of the cluster, as HOST:PORT; empty for a Ray of this machine's own.

        Raises:
            BadInput: the cluster refuses, or no machine of it could carry out a task.
        """
        self.needs = {"CPU": float(cpus), "GPU": float(gpus)}
        self.address = address
        if address:
            with _connected(address):
                import ray

                machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        else:
            machines = [{"CPU": joblib.cpu_count(), "GPU": gpu_count()}]
        self.jobs = room(machines, self.needs)
        if not self.jobs:
            raise BadInput(f"no machine of Ray's has {cpus} CPUs and {gpus:g} GPUs for a run: see --threads and --gpus")

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        """See `Launcher`."""
        with _connected(self.address):
            flight = _Flight(self.needs)
            try:
                yield from flight.happenings(tasks)
            except BaseException:
                try:
                    flight.stop()
                except KeyboardInterrupt as second:
                    flight.kill()
                    raise AtOnce from second
                raise


class _Flight:
    """The tasks that Ray has, and what they tell."""

    def __init__(self, needs: Mapping[str, float]) -> None:
        import ray
        from ray.util.queue import Queue
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.ray = ray
        self.told = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        self.carry_out = ray.remote(_carry_out).options(
            num_cpus=needs["CPU"], num_gpus=needs["GPU"], max_retries=RETRIES
        )
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
        self.tasks: list[Task] = []
        self.in_flight: dict[Any, Task] = {}  # by the reference to what will be returned

    def happenings(self, waiting: deque[Task]) -> Iterator[Happening | None]:
        """What happens, until every task has ended."""
        while waiting or self.in_flight:
            while waiting:
                self._submit(waiting.popleft())
            ended, _ = self.ray.wait(list(self.in_flight), timeout=SECONDS_TO_WAIT)
            told = self.told.get_nowait_batch(self.told.qsize())
            happened: list[Happening | None] = [Told(self.tasks[number], message) for number, message in told]
            happened += map(self._end, ended)
            yield from happened or [None]

    def stop(self) -> None:
        """Have the tasks in flight leave their work in order; returns when they have."""
        left = list(self.in_flight)
        for reference in left:
            self.ray.cancel(reference)
        while left:
            _, left = self.ray.wait(left, num_returns=len(left), timeout=SECONDS_TO_WAIT)

    def kill(self) -> None:
        """End the tasks in flight at once."""
        for reference in self.in_flight:
            self.ray.cancel(reference, force=True)

    def _submit(self, task: Task) -> None:
        reference = self.carry_out.remote(task.call, os.getcwd(), self.environment, self.told, len(self.tasks))
        self.tasks.append(task)
        self.in_flight[reference] = task

    def _end(self, reference: Any) -> Happening:
        task = self.in_flight.pop(reference)
        try:
            kind, content = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            return Died(task, first_line(error))
        end: Happening = kind(task, content)
        return end


def _carry_out(
    call: Any, folder: str, environment: Mapping[str, str], told: Any, number: int
) -> tuple[type[Happening], Any]:
    """In a process of Ray's: carry out a task; Ray's `cancel` is the request to stop."""
    os.chdir(folder)  # which all machines share: paths may be relative to it
    os.environ.update(environment)
    stop = StopSignal()
    with stop.listening():
        return outcome_of(call, tell=lambda message: told.put((number, message)), stop=stop)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connect to a cluster, or to a Ray of this machine's own that ends afterwards; one that is connected stays so.

    Raises:
        BadInput: the cluster refuses.
    """
    os.environ.update(ENVIRONMENT)
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    own: dict[str, Any] = {
        "num_cpus": joblib.cpu_count(), "num_gpus": gpu_count(), "include_dashboard": False,
        "object_store_memory": OBJECT_STORE, "_node_ip_address": "127.0.0.1",
    }  # fmt: skip
    if "RAY_TMPDIR" not in os.environ and has_long_temporary_folder():
        own["_temp_dir"] = "/tmp/ray"
    at_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", **quiet, **({} if address else own))
    except Exception as error:  # of any kind, where no Ray starts
        what = f"Ray {address} refuses" if address else "Ray can't be started here"
        raise BadInput(f"{what}: {first_line(error)}") from error
    finally:
        if signal.getsignal(signal.SIGTERM) is not at_sigterm:  # Ray has its own idea of it
            signal.signal(signal.SIGTERM, at_sigterm)
    try:
        yield
    finally:
        ray.shutdown()  # at which what is left of the tasks ends
