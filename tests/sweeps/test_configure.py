import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.settings.declaration import Setting
from plainres.settings.recipes import RECIPES
from plainres.sweeps.configure import configure, identified
from tests.small_disk import mounted


def test_what_is_not_given_comes_from_the_recipe_and_the_paper() -> None:
    config = configure("residual", 34, epochs=9, device="cpu")
    assert (config.epochs, config.lr, config.shortcut) == (9, RECIPES["digits"]["lr"], "B")
    assert configure("plain", 34, device="cpu").shortcut == "none"


def test_a_configuration_survives_becoming_text(tiny: Callable[..., RunConfig]) -> None:
    config = tiny("residual", 14, 5, lr=1e-3, weight_decay=0.0, projection_norm=False, train_images=200)
    assert RunConfig.from_params(config.params) == config


def test_configurations_that_differ_anywhere_differ_in_their_hash(tiny: Callable[..., RunConfig]) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"variant": "residual"},
        {"depth": 14},
        {"seed": 1},
        {"width": 16},
        {"stem": "imagenet"},
        {"epochs": 3},
        {"batch_size": 8},
        {"lr": 0.3},
        {"momentum": 0.1},
        {"weight_decay": 0.5},
        {"schedule": "step"},
        {"warmup_epochs": 1},
        {"threads": 2},
        {"augment": "crop-flip"},
        {"dataset": "mnist"},
        {"image_size": 16},
        {"conv_bias": True},
        {"projection_norm": False},
        {"train_images": 200},
        {"test_images": 100},
        {"validation_share": 0.2},
        {"keep_last_batch": True},
        {"downsampling": "pool"},
        {"activation": "crelu"},
    ]
    assert len({tiny(**change).config_hash for change in changes}) == len(changes)
    assert tiny(data_dir="elsewhere").config_hash == tiny().config_hash


def test_what_came_later_leaves_the_hash_of_a_run_alone(tiny: Callable[..., RunConfig]) -> None:
    # As hashed before the configuration had biases, draws of images and the last batch.
    assert configure("residual", 18, width=8, epochs=9, device="cpu").config_hash == "dd6e17e432a7"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "epochs 0"),
        ({"batch_size": 0}, "batch size 0"),
        ({"batch_size": -4}, "batch size -4"),
        ({"batch_size": 1}, "batch size 1 is below 2"),
        ({"batch_size": 1294}, "above the 1293 training images of digits"),
        ({"batch_size": 128, "train_images": 100}, "above the 89 training images of digits"),
        ({"batch_size": 68, "keep_last_batch": True}, "leave one of 1293 training images over"),
        ({"train_images": 1438}, "1438 training images are asked for; there are 1437"),
        ({"test_images": 361}, "361 test images are asked for; there are 360"),
        ({"train_images": 50}, "6 of 50 images can't have all 10 classes among them and .*: see --validation-share"),
        ({"train_images": 5}, "5 of 1437 images can't have all 10 classes"),
        ({"train_images": -1}, "training images -1 is below 0"),
        ({"validation_share": 1.0}, "validation share 1.0"),
        ({"image_size": -1}, "image size -1"),
        ({"lr": 0.0}, "learning rate 0.0"),
        ({"lr": -0.1}, "learning rate -0.1"),
        ({"lr": float("nan")}, "learning rate nan"),
        ({"lr": float("inf")}, "learning rate inf"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": float("nan")}, "weight decay"),
        ({"schedule": "linear"}, "cosine, step, constant"),
        ({"augment": "mixup"}, "none, crop-flip"),
        ({"epochs": 2, "warmup_epochs": 2}, "warm-up"),
        ({"threads": 0}, "threads 0"),
        ({"seed": -1}, "seed -1"),
        ({"dataset": "imagenet"}, "digits"),
        ({"device": "tpu"}, "auto, cpu, cuda, mps"),
        ({"precision": "fp16"}, "auto, fp32, bf16"),
        ({"device": "cpu", "precision": "bf16"}, "bf16 needs a CUDA GPU"),
    ],
)
def test_what_cannot_be_trained_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        configure("plain", 18, **settings)  # type: ignore[arg-type]


def test_images_that_changed_are_another_runs_and_the_same_elsewhere_are_not(tmp_path: Path) -> None:
    def folder(name: str, pixel: int) -> str:
        for split in ("train", "test"):
            for label in ("cat", "dog"):
                (tmp_path / name / split / label).mkdir(parents=True, exist_ok=True)
                for number in range(12):
                    Image.new("L", (8, 8), pixel + number).save(tmp_path / name / split / label / f"{number}.png")
        return str(tmp_path / name)

    def config_hash(data_dir: str) -> str:
        config = configure("plain", 8, dataset="imagefolder", data_dir=data_dir, device="cpu")
        return identified(config).config_hash

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(tmp_path / "home"))  # the cache's
        first = config_hash(folder("first", 0))
        assert config_hash(folder("second", 0)) == first
        assert config_hash(folder("first", 100)) != first
    assert identified(configure("plain", 8, device="cpu")).data_content == ""


@pytest.mark.parametrize(
    ("bounds", "value", "words"),
    [
        ({"least": 0, "most": 5}, 7, "x 7 is outside 0 to 5"),
        ({"least": 0, "below": 1}, 1.0, "x 1.0 is outside [0, 1)"),
        ({"above": 0, "most": 5}, 7.0, "x 7.0 is outside (0, 5]"),
        ({"above": 0, "below": 1}, 2.0, "x 2.0 is outside (0, 1)"),
        ({"above": 0}, 0.0, "x 0.0 is not a finite number above 0"),
        ({"least": 2}, 1, "x 1 is below 2"),
        ({"least": 0}, float("nan"), "x nan is not a finite number of at least 0"),
        ({"most": 5}, 7, "x 7 is not a finite number of at most 5"),
        ({"below": 1}, float("inf"), "x inf is not a finite number below 1"),
    ],
)
def test_a_refusal_names_the_bounds_that_there_are(bounds: dict[str, float], value: float, words: str) -> None:
    with pytest.raises(BadInput) as refusal:
        Setting("help", words="x", **bounds).check(value)  # type: ignore[arg-type]
    assert str(refusal.value) == words


def test_one_text_stands_for_a_list_of_one() -> None:
    assert configure("plain", 8, device="cpu", probes="lesion").probes == ("lesion",)


def test_a_compiler_that_the_environment_turns_off_or_stops_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure("plain", 8, compile=True)
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    with pytest.raises(BadInput, match=r"TORCHDYNAMO_DISABLE=1 in the environment turns torch.compile off"):
        configure("plain", 8, compile=True)
    configure("plain", 8, compile=True, elsewhere=True)
    monkeypatch.delenv("TORCHDYNAMO_DISABLE")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)  # torch's own, where it has compiled before
    with mounted(tmp_path / "disk", "1m", "noexec") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(BadInput, match=r"disk, where none may be run .noexec."):
            configure("plain", 8, compile=True)


def test_a_further_recipe_gives_what_a_data_sets_own_does_and_flags_override_it() -> None:
    config = configure("residual", 56, dataset="cifar10", recipe="cifar10-cpu")
    assert (config.image_size, config.train_images, config.epochs, config.augment) == (16, 2500, 40, "none")
    assert configure("residual", 56, dataset="cifar10", recipe="cifar10-cpu", epochs=80).epochs == 80
    with pytest.raises(
        BadInput, match=r"unknown recipe 'cifar'; choose from digits, .*, cifar10-cpu, fashion-mnist-cpu"
    ):
        configure("residual", 56, recipe="cifar")
