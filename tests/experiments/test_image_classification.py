import gzip
import os
import re
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from mlflow import MlflowClient

from experiments.image_classification import PROGRAM, Flags, main
from plainres.cli.command_line import run_command
from plainres.data import load_dataset
from plainres.settings import RunConfig

Here = Callable[..., tuple[int, str, str]]
TINY = ["--dataset", "digits", "--depth", "8", "--width", "8", "--stem", "small", "--image-size", "12", "--lr", "0.1"]


@pytest.fixture
def here(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs the experiment in this process, in an empty folder with an empty store: exit code, output and errors."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", [PROGRAM, *arguments])
        code = run_command(Flags, main, PROGRAM)
        return code, *capsys.readouterr()

    return run


def only_run(store: str) -> tuple[MlflowClient, str]:
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("image-classification")
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run.info.run_id


def test_a_run_goes_from_the_summary_to_the_pictures(here: Here, store: str) -> None:
    code, output, errors = here(*TINY)
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].split() == ["stage", "kind", "output", "parameters", "multiply-adds"]
    # 26 of 256 images are held out; the other 230 are a batch of 128 and one of 102.
    assert "residual-8-seed0 on digits: 230 train, 26 validation, 128 test images" in output
    number = r"\d+\.\d{4}"
    epoch = rf"epoch \d/3  2 steps, [\d.]+ m?s/step  loss {number}  accuracy \S+%  validation loss {number}  valid"
    assert len(re.findall(epoch, output)) == 3

    client, run_id = only_run(store)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["train_images"] == "230"
    config = RunConfig.from_params(run.data.params)
    assert (config.conv_bias, config.projection_norm, config.keep_last_batch, config.momentum) == (True, False, True, 0)
    loss, error = run.data.metrics["final/test_loss"], run.data.metrics["final/test_error"]
    assert f"test loss {loss:.4f}  test accuracy {1 - error:.2%}" in output

    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert f"{artifacts}/confusion.png" in output
    table = pd.read_csv(artifacts / "predictions.csv")
    assert (table["true"] != table["predicted"]).mean() == pytest.approx(error)
    assert table["true"].tolist() == load_dataset("digits", test_images=128).test.labels.tolist()
    for name in ("confusion.png", "predictions.png"):
        assert imread(artifacts / name).std() > 0.05  # something is drawn


def test_the_summary_is_printed_without_data_or_store(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plainres.data.dataset_of", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    code, output, _ = here("--summary")
    assert code == 0
    assert "11,178,378 trainable, 7,808 not (running statistics of batch norm); input 1 x 224 x 224" in output
    code, output, _ = here(
        "--summary", "--layers", "--variant", "plain", "--depth", "20", "--dataset", "cifar10", "--image-size", "0"
    )
    assert "layer3.2.conv2" in output
    assert "input 3 x 32 x 32" in output
    # Bias and norm are flags both ways; with neither, ResNet-18 has torchvision's 11,689,512 less a classifier of 990
    # classes and two input channels.
    _, output, _ = here("--summary", "--no-conv-bias", "--projection-norm")
    assert f"{11_689_512 - 990 * 513 - 2 * 49 * 64:,} trainable" in output


def test_where_mnist_cannot_be_downloaded_one_line_names_what_is_at_hand(
    here: Here, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    code, output, errors = here("--data-dir", str(tmp_path / "data"))
    assert (code, output) == (2, "")
    (line,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert "mnist can't be downloaded" in line
    assert "--dataset digits" in line
    assert not MlflowClient(store).search_experiments(filter_string="name = 'image-classification'")


def test_mnists_files_are_drawn_from_and_resized(here: Here, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for split, images in (("train", 5300), ("t10k", 200)):
        pixels = generator.integers(0, 256, (images, 28, 28), dtype=np.uint8).tobytes()
        labels = bytes(index % 10 for index in range(images))
        for kind, head, content in (
            ("images-idx3", struct.pack(">4i", 2051, images, 28, 28), pixels),
            ("labels-idx1", struct.pack(">2i", 2049, images), labels),
        ):
            (tmp_path / f"{split}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + content, 1))
    code, output, errors = here(
        "--data-dir", str(tmp_path), "--depth", "18", "--width", "4", "--image-size", "40", "--epochs", "1"
    )
    assert code == 0, errors
    assert "input 1 x 40 x 40" in output
    assert "residual-18-seed0 on mnist: 230 train, 26 validation, 128 test images" in output


def test_an_interrupted_run_goes_on_and_ends_with_its_pictures(
    here: Here, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*TINY, "--checkpoint-every", "1"]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):

        def interrupt(*_: object, number: int = number) -> str:
            os.kill(os.getpid(), number)
            return "the last for now"

        with monkeypatch.context() as interrupted:
            interrupted.setattr("experiments.image_classification.epoch_text", interrupt)
            ended, output, errors = here(*command)
        assert ended == code
        assert "python -m experiments.image_classification --dataset digits" in errors
        client, run_id = only_run(store)
        assert client.get_run(run_id).info.status == "KILLED"
        assert output.count("the last for now") == 1
    code, output, errors = here(*command)
    assert (code, errors) == (0, "")
    assert "goes on after epoch 2" in output
    assert {"predictions.csv", "confusion.png", "predictions.png", "model.pt"} <= {
        file.path for file in client.list_artifacts(run_id)
    }
    assert [metric.step for metric in client.get_metric_history(run_id, "loss/train")] == [1, 2, 3]
    code, again, _ = here(*command)  # it's trained: what came of it is shown once more
    assert (code, "epoch 3/3" in again, "is trained already" in again) == (0, False, True)
    assert again.splitlines()[-4:] == output.splitlines()[-4:]
    only_run(store)


def test_a_run_that_diverges_says_so(here: Here, store: str) -> None:
    code, output, _ = here(*TINY[:-1], "1e30")
    assert code == 0
    assert "diverged" in output
    client, run_id = only_run(store)
    assert client.get_run(run_id).data.tags["diverged"] == "1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--depth 19", "depth 19 does not exist"),
        ("--variant dense", "choose from plain, residual"),
        ("--image-size -1", "image size -1"),
        ("--dataset digits --train-images 2000", "2000 training images are asked for; there are 1437"),
        ("--train-images 100 --no-keep-last-batch", "batch size 128 is above the 90 training images of mnist"),
        ("--validation-share 1", "validation share 1.0"),
        ("--experiment-name=", "is empty or can't be shown"),
    ],
)
def test_bad_input_gets_one_line(here: Here, arguments: str, words: str) -> None:
    code, output, errors = here(*arguments.split())
    assert (code, output) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1
