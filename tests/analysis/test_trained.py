"""A trained network out of a real store is the one that the run's metrics tell of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from plainres.analysis.trained import TrainedRun, load_run
from plainres.data import dataset_of
from plainres.errors import BadInput
from plainres.networks.factory import network_for
from plainres.running.events import Finished
from plainres.running.folders import Job
from plainres.running.tracked_run import train_run
from plainres.settings import RunConfig
from plainres.sweeps.configure import configure, identified
from plainres.system.stopping import StopSignal


def test_a_run_on_images_that_have_changed_since_has_no_data_set(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for shade, label in enumerate(("cat", "dog")):
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(20):
                Image.new("L", (8, 8), 40 * shade + number).save(tmp_path / split / label / f"{number}.png")
    settings = {"dataset": "imagefolder", "data_dir": str(tmp_path), "recipe": "digits", "batch_size": 8}
    config = identified(configure("plain", 8, **settings))
    network = network_for(config, in_channels=1, num_classes=2)
    assert len(TrainedRun(network, config).dataset.train) == 36
    Image.new("L", (8, 8), 255).save(tmp_path / "train" / "cat" / "0.png")
    changed = identified(configure("plain", 8, **settings))
    assert len(TrainedRun(network, changed).dataset.train) == 36  # in the same process
    with pytest.raises(BadInput, match="have changed: they aren't those that the run is of"):
        _ = TrainedRun(network, replace(config, seed=1, train_images=30)).dataset


@pytest.mark.parametrize("schedule", [{"shortcut_until": 0.5}, {"shortcut_from": 0.5}], ids=str)
def test_a_network_comes_back_with_the_shortcuts_that_it_ended_with(
    schedule: dict[str, float], job: Job, tiny: Callable[..., RunConfig]
) -> None:
    outcome = train_run(tiny("residual", **schedule), job, print, patient=False, stop=StopSignal())
    assert isinstance(outcome, Finished)
    run = load_run(outcome.run_id, job.experiment.tracking_uri)
    test = run.dataset.test
    ((images, labels),) = test.batches(torch.arange(len(test)), len(test))
    errors = (run.predict(images).argmax(1) != labels).float().mean().item()
    logged = job.experiment.client.get_run(outcome.run_id).data.metrics
    assert errors == pytest.approx(logged["final/test_error"])
    with torch.no_grad():
        loss = cross_entropy(run.network(run.normalisation(images)), labels).item()
    assert loss == pytest.approx(logged["final/test_loss"], rel=1e-4)


def test_a_network_comes_back_with_the_losses_that_its_run_logged(job: Job, tiny: Callable[..., RunConfig]) -> None:
    config = tiny("residual", shortcut="B", stem="small", train_images=300, conv_bias=True)
    experiment, store = job.experiment, job.experiment.tracking_uri
    outcome = train_run(config, job, print, patient=False, stop=StopSignal())
    assert isinstance(outcome, Finished)

    run = load_run(outcome.run_id, store)
    assert run.config == config
    assert not run.network.training
    assert run.dataset is dataset_of(config)
    every = torch.arange(len(run.dataset.test))
    ((images, labels),) = run.dataset.test.batches(every, len(every))
    with torch.no_grad():
        logits = run.network(run.normalisation(images))
    assert torch.allclose(run.predict(images), logits.softmax(1), atol=1e-6)
    assert torch.allclose(run.predict(images).sum(1), torch.ones(len(images)))
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
            same = load_run(outcome.run_id, store).predict(images)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(same, run.predict(images))
    logged = experiment.client.get_run(outcome.run_id).data.metrics
    assert cross_entropy(logits, labels).item() == pytest.approx(logged["final/test_loss"], rel=1e-4)
    assert (logits.argmax(1) != labels).float().mean().item() == pytest.approx(logged["final/test_error"])

    with pytest.raises(BadInput, match="is not the training of a network"):
        load_run(job.parent_run_id, store)
    for nothing in ("0" * 32, "nope"):
        with pytest.raises(BadInput, match=f"has no run '{nothing}'"):
            load_run(nothing, store)
    unfinished = experiment.client.create_run(experiment.experiment_id).info.run_id
    experiment.client.log_param(unfinished, "variant", "plain")
    with pytest.raises(BadInput, match="holds no trained network"):
        load_run(unfinished, store)
