"""The snippets of docs/trained-networks.md, run one after the other as a reader would."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "trained-networks.md"
SETUP, FEATURES, GRAD_CAM, ONNX = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def names() -> dict[str, Any]:
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    exec(SETUP, names)
    exec(FEATURES, names)
    return names


def test_features_have_the_shapes_of_the_blocks(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert names["names"] == [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert names["features"]["layer1.1"].shape == (4, 16, 28, 28)
    assert names["features"]["layer4.1"].shape == (4, 128, 4, 4)
    assert not torch.equal(names["without"], names["network"](names["images"]))


def test_grad_cam_weighs_the_last_stage_by_its_gradients(names: dict[str, Any]) -> None:
    exec(GRAD_CAM, names)
    assert names["cam"].shape == (4, 1, 28, 28)
    # Before the classifier stands only a mean, so the gradients are the classifier's weights over the 4 x 4 pixels.
    network, images = names["network"], names["images"]
    weights = network.fc.weight[network(images).argmax(1)] / 16
    expected = torch.einsum("nc,nchw->nhw", weights, names["features"]["layer4.1"]).relu()[:, None]
    expected = torch.nn.functional.interpolate(expected, (28, 28), mode="bilinear")
    torch.testing.assert_close(names["cam"], expected)


@pytest.mark.filterwarnings("ignore")  # of the exporter's own making
def test_onnx_gives_the_same_logits(names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    exec(ONNX, names)
    torch.testing.assert_close(
        torch.tensor(names["logits"]), names["network"](names["images"][:2]), rtol=1e-3, atol=1e-4
    )
