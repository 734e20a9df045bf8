import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments._throughput.loops import LOADER_WORKERS, bare, conventional, harness, matrix_product
from experiments._throughput.rounds import Contender, Loop, LoopFailed, measure
from plainres.settings import RunConfig
from tests.faults.stored import loading_processes


def sleeping(config: RunConfig) -> Iterator[int]:
    while True:
        time.sleep(0.01)
        yield config.batch_size


def failing(config: RunConfig) -> Iterator[int]:
    yield 1
    raise MemoryError("no room\nfor this")


def test_rates_are_work_a_second_of_all_processes_of_a_loop(tiny: Callable[..., RunConfig]) -> None:
    config = tiny(batch_size=5)
    measured = measure(
        [Contender("one", sleeping, config), Contender("three", sleeping, config, processes=3)], rounds=2, seconds=0.05
    )
    assert {name: len(of.rates) for name, of in measured.items()} == {"one": 2, "three": 2}
    assert all(rate <= 500 for rate in measured["one"].rates)  # 5 a hundredth of a second, and no more
    assert all(rate <= 1500 for rate in measured["three"].rates)
    assert max(measured["three"].rates) > max(measured["one"].rates)
    assert measured["three"].peak_memory > 2 * measured["one"].peak_memory > 2**20


def test_a_loop_that_fails_is_named_in_a_line(tiny: Callable[..., RunConfig]) -> None:
    with pytest.raises(LoopFailed, match=r"^mine: MemoryError: no room$"):
        measure([Contender("mine", failing, tiny())], rounds=2, seconds=0.05)


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="needs /proc")
def test_no_process_outlives_its_turn(tiny: Callable[..., RunConfig]) -> None:
    seen: set[int] = set()

    def watch(over: threading.Event) -> None:
        while not over.wait(0.02):
            seen.update(loading_processes() - before)

    before, over = loading_processes(), threading.Event()
    watcher = threading.Thread(target=watch, args=(over,))
    watcher.start()
    measure([Contender("conventional", conventional, tiny(threads=2))], rounds=1, seconds=0.05)
    over.set()
    watcher.join()
    assert len(seen) == LOADER_WORKERS
    assert loading_processes() <= before


@pytest.mark.cuda
@pytest.mark.parametrize("loop", [harness, bare, conventional, matrix_product])
def test_loops_on_a_gpu_are_timed_there(loop: Loop, tiny: Callable[..., RunConfig]) -> None:
    measured = measure([Contender("it", loop, tiny(device="cuda"))], rounds=2, seconds=0.05)
    assert min(measured["it"].rates) > 0
    assert measured["it"].peak_memory > 2**20
