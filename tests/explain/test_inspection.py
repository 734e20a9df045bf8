"""Networks looked into while the tracking server goes away."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from plainres.errors import StoreAway
from plainres.explain.inspection import Findings, inspect, present
from plainres.explain.why_construction import construct_all
from plainres.explain.why_gradients import controls
from plainres.screen.table import text_table
from plainres.sweeps.plan import plan_sweep
from tests.analysis.synthetic import sweep_of
from tests.servers import free_port

RESULTS = replace(
    sweep_of({("plain", 8): [0.5], ("plain", 14): [0.5]}),
    parent_run_id="0" * 32,
    tracking_uri=f"http://127.0.0.1:{free_port()}",
)


@pytest.mark.parametrize(
    "use",
    [
        lambda: inspect(RESULTS, lambda *_: {}),
        lambda: construct_all(RESULTS),
        lambda: present(RESULTS, Findings("x", pd.DataFrame(), text_table((), (), ""), [], {"figure": Figure()})),
    ],
)
def test_a_server_that_is_gone_is_told_apart_from_bad_input(use: Callable[[], object]) -> None:
    with pytest.raises(StoreAway, match="Max retries exceeded"):
        use()


def test_learning_rates_are_exchanged_where_there_is_no_gpu_though_others_will_train() -> None:
    settings = {"width": 8, "train_images": 300, "device": "cuda", "precision": "bf16"}
    sweep = plan_sweep(["plain", "residual"], [8], [0], elsewhere=True, **settings)
    assert [arm.partition("=")[0] for arm in controls(sweep.configs)] == ["plain:lr", "residual:lr"]
