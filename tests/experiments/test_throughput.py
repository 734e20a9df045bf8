import json
import re
from pathlib import Path
from statistics import median

import pytest

from experiments.throughput import Flags, main
from plainres.errors import BadInput
from plainres.sweeps.configure import filled

RUN = filled({"width": 8, "batch_size": 256, "device": "cpu"})


def test_loops_are_compared_and_told_to_people_and_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "throughput.json"
    assert main(Flags(depths=(8,), rounds=2, seconds=0.05, json=str(path), run=RUN)) == 0
    values = json.loads(path.read_text())
    (network,) = values["networks"]
    assert network["network"] == "residual-8"
    rates = network["images_per_second"]
    assert {"harness", "bare step", "conventional"} <= set(rates)
    assert all(rate > 0 for of in rates.values() for rate in of)
    ratios = network["ratios"]["harness / bare step"]
    assert ratios == pytest.approx([a / b for a, b in zip(rates["harness"], rates["bare step"], strict=True)])
    shown = capsys.readouterr().out
    assert values["hardware"] in shown
    (line,) = re.findall(r"harness: ([\d.]+) times bare step", shown)
    assert float(line) == pytest.approx(median(ratios), abs=0.006)
    assert max(map(len, shown.partition("residual-8")[2].partition("Images/s")[0].splitlines())) <= 80


@pytest.mark.parametrize(
    "flags",
    [
        Flags(rounds=1),
        Flags(seconds=0.0),
        Flags(seconds=float("nan")),
        Flags(json="nowhere/x.json"),
        Flags(json="."),
    ],
)
def test_what_cannot_be_measured_is_refused(flags: Flags) -> None:
    with pytest.raises(BadInput):
        main(flags)
