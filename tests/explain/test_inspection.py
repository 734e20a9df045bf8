"""Networks looked into while the tracking server goes away."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from plainres.errors import StoreAway
from plainres.explain.inspection import Findings, inspect, present
from plainres.explain.why_construction import construct_all
from plainres.screen.table import text_table
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
