from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from plainres.launchers.local_launcher import LocalLauncher
from plainres.sweeps.plan import on_known_images, plan_sweep
from plainres.sweeps.run_sweep import run_sweep
from plainres.tracking.parents import members_of
from plainres.tracking.runs import open_experiment


def test_a_run_whose_images_have_changed_begins_anew_and_says_so(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # the cache's
    images, screen = tmp_path / "images", tmp_path / "screen"
    experiment = open_experiment(store, "somewhere")

    def trained(brightness: int) -> tuple[set[str], str]:
        """The ids of the sweep's runs on images of this brightness, and what was printed."""
        for split in ("train", "test"):
            for shade, label in enumerate(("cat", "dog")):
                (images / split / label).mkdir(parents=True, exist_ok=True)
                for number in range(20):
                    pixel = brightness + 40 * shade + number
                    Image.new("L", (8, 8), pixel).save(images / split / label / f"{number}.png")
        own = {"dataset": "imagefolder", "data_dir": str(images), "recipe": "digits", "batch_size": 8, "width": 8}
        sweep = on_known_images(plan_sweep(["plain"], [8], [0], **own, epochs=1, device="cpu"))
        with screen.open("w") as file:
            parent = run_sweep(
                sweep, experiment, launcher=LocalLauncher(1), fresh=False,
                console=Console(file=file, width=200), checkpoints=tmp_path / "checkpoints",
            )  # fmt: skip
        members = members_of(experiment.client.get_run(parent).data.tags)
        return set(members.values()), screen.read_text()

    first, said = trained(0)
    assert "have changed" not in said
    assert trained(0)[0] == first
    second, said = trained(100)
    assert second.isdisjoint(first)
    assert f"The images in {images} have changed: runs on those of before don't count." in said
