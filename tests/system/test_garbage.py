import gc

import pytest

from plainres.system.garbage import uncollected


def test_garbage_is_collected_again_afterwards_whatever_happens() -> None:
    seen = []

    @uncollected()
    def interrupted() -> None:
        seen.append(gc.isenabled())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [*seen, gc.isenabled()] == [False, True]


def test_who_collects_none_goes_on_collecting_none() -> None:
    gc.disable()
    try:
        with uncollected(), uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
