"""A trained network out of a real store is the one that the run's metrics tell of."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy

from plainres.analysis.trained import load_run
from plainres.data import dataset_of
from plainres.errors import BadInput
from plainres.running.events import Finished
from plainres.running.job import Job
from plainres.running.stopping import StopSignal
from plainres.running.tracked_run import train_run
from plainres.settings import RunConfig


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
