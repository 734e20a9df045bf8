"""Constructs a deeper network that computes what a shallower one does, and trains it beside one from scratch."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mlflow import MlflowClient

from plainres.analysis.results import SweepResults
from plainres.analysis.statistics import paired_interval
from plainres.analysis.stored_runs import histories
from plainres.analysis.trained import BATCH, TrainedRun, load_run
from plainres.data import dataset_of
from plainres.errors import BadInput
from plainres.explain.inspection import Findings, network_at_start, training_batch
from plainres.explain.paired_seeds import Cells, answer, network_table, points
from plainres.names import CONSTRUCTED, FINAL_TRAIN_ERROR, TRAIN_ACCURACY
from plainres.networks.construction import CHECKED, NotFinite, construct
from plainres.networks.network import Network
from plainres.screen.drawn_seeds import BANDS, draw_means
from plainres.screen.figure_style import COLOURS, draw_legend, panels_in_rows, plain_style
from plainres.screen.table import TextTable
from plainres.settings import RunConfig
from plainres.sweeps.arms import Arm, parse_arm
from plainres.tracking.outages import reaching_store
from plainres.tracking.runs import log_metrics
from plainres.training import Trainer
from plainres.training.process import settings_of

STATISTICS = 512  # images of which the added batch norms get theirs
START, SAME, END, CURVE = "start_error", "same_logits", "train_error", "train_accuracy"


@dataclass(frozen=True)
class Depths:
    """Holds the depth of the network that is trained first, and of the one that is constructed from it."""

    shallow: int
    deep: int

    @property
    def prefix(self) -> str:
        """Return what the names of the metrics begin with that the deep run gets."""
        return f"{CONSTRUCTED}{self.shallow}/"


def longer(arms: Sequence[str], epochs: int) -> list[str]:
    """Name the arms that train from scratch for as long as the shallow and the constructed network together."""
    parsed = [parse_arm(arm) for arm in arms]
    return [Arm(arm.variant, {**arm.settings, "epochs": 2 * arm.settings.get("epochs", epochs)}).name for arm in parsed]


def depths_of(depths: Sequence[int]) -> Depths:
    """Tell the two depths apart; raises BadInput if there aren't two."""
    if len(set(depths)) != 2:
        raise BadInput("construction takes two depths: of the shallow network, and of the one constructed from it")
    return Depths(min(depths), max(depths))


def check_constructible(configs: Sequence[RunConfig]) -> None:
    """Raise BadInput for an arm whose deep network can't be made of its shallow one; found out before any training."""
    depths = depths_of([config.depth for config in configs])
    networks = {(config.arm, config.depth): config for config in configs}
    for arm in dict.fromkeys(config.arm for config in configs):
        deep, shallow = (network_at_start(networks[arm, depth]) for depth in (depths.deep, depths.shallow))
        image_shape = dataset_of(networks[arm, depths.deep]).train.image_shape
        images = torch.rand(CHECKED, *image_shape, generator=torch.Generator().manual_seed(0))
        try:
            with suppress(NotFinite):  # before training, very deep ones may compute what is no number
                construct(deep, shallow, images)
        except BadInput as error:
            raise BadInput(f"arm {arm}: {error}") from error


@reaching_store()
def construct_all(results: SweepResults) -> pd.DataFrame:
    """Construct and train a network for each arm and seed that has both depths, the shallow one not diverged.

    A row of the table holds errors, and whether the logits are the same.

    What is measured is logged with the deep run from scratch; where that was done before, nothing is trained again.
    """
    depths = depths_of(results.depths)
    client = MlflowClient(results.tracking_uri)
    runs = {(row["arm"], row["depth"], row["seed"]): row for row in results.runs.to_dict("records")}
    stored = {key: client.get_run(run["run_id"]).data for key, run in runs.items()}
    configs = {key: RunConfig.from_params(data.params) for key, data in stored.items()}
    twice = {arm: longer([arm], config.epochs)[0] for (arm, _, _), config in configs.items()}
    rows = []
    for (arm, depth, seed), deep in runs.items():
        shallow, as_long = runs.get((arm, depths.shallow, seed)), runs.get((twice[arm], depth, seed))
        if depth != depths.deep or shallow is None or shallow["diverged"] or arm in twice.values():
            continue
        if depths.prefix + END not in stored[arm, depth, seed].metrics:
            trained = load_run(shallow["run_id"], results.tracking_uri)
            try:
                _train_on(client, trained, configs[arm, depth, seed], deep["run_id"], depths)
            except NotFinite:
                continue
        known = client.get_run(deep["run_id"]).data.metrics
        rows.append(
            {
                "arm": arm, "seed": seed, "shallow": shallow["train_error"], "scratch": deep["train_error"],
                **{name: known[depths.prefix + name] for name in (START, SAME, END)},
                "longer": as_long["train_error"] if as_long else math.nan, "shallow_run": shallow["run_id"],
                "deep_run": deep["run_id"], "longer_run": as_long["run_id"] if as_long else "",
            }
        )  # fmt: skip
    if not rows:
        raise BadInput("no arm and seed has a finished run of both depths, the shallow one not diverged")
    return pd.DataFrame(rows)


@reaching_store()
def findings(made: pd.DataFrame, results: SweepResults) -> Findings:
    """Make table, sentences and figure of what was constructed."""
    depths = depths_of(results.depths)
    curves = curves_of(made, MlflowClient(results.tracking_uri), depths)
    figures = {"construction": draw_construction(curves)}
    return Findings("construction", made, table(made, depths), sentences(made, depths), figures, {"curves": curves})


def table(data: pd.DataFrame, depths: Depths) -> TextTable:
    """Lay out a row for each arm."""
    cells: Cells = {
        "shallow": ("shallow", points),
        "constructed": (START, points),
        "same logits": (SAME, lambda same: f"{int(same.sum())} of {len(same)}"),
        "trained on": (END, points),
        "from scratch": ("scratch", points),
        "as long as both": ("longer", points),
    }
    caption = (
        f"Training error in %, mean ± standard deviation over seeds. Shallow: depth {depths.shallow}; constructed: "
        f"depth {depths.deep} with the added blocks at the identity; trained on, from scratch: the same depth, trained "
        "by the same recipe; as long as both: from scratch for twice the epochs."
    )
    return network_table(data, cells, caption, by=["arm"])


def sentences(made: pd.DataFrame, depths: Depths) -> list[str]:
    """Say for each arm whether a solution as good exists, and whether training from scratch finds one."""
    found = []
    for arm, of in made.groupby("arm", sort=False):
        exact = (of[SAME] == 1) & (of[START] == of["shallow"])
        scratch, words = ("longer", " for twice the epochs") if of["longer"].notna().all() else ("scratch", "")
        gap = paired_interval(of[scratch] - of[START])
        said = answer(gap, "training from scratch does not find it", "training from scratch finds one as good")
        found.append(
            f"{arm} {depths.deep}: a solution exactly as good as depth {depths.shallow}'s exists for {exact.sum()} of "
            f"{len(of)} seeds (training error {points(of[START])} %); from scratch{words} the network ends "
            f"{points(of[scratch] - of[START])} points above it, {gap or 'of one seed'}: {said}."
        )
    return found


def curves_of(made: pd.DataFrame, client: MlflowClient, depths: Depths) -> pd.DataFrame:
    """Read the running training error of each network by epoch; a constructed one goes on after its shallow one.

    The columns are arm, seed, network, epoch and error, in percent.
    """
    labels = {
        "shallow_run": f"depth {depths.shallow}",
        "constructed": f"depth {depths.deep} constructed from it",
        "deep_run": f"depth {depths.deep} from scratch",
        "longer_run": f"depth {depths.deep} from scratch, twice the epochs",
    }
    curves = []
    for what, label in labels.items():
        metric, runs = (depths.prefix + CURVE, "deep_run") if what == "constructed" else (TRAIN_ACCURACY, what)
        for arm, of in made.groupby("arm", sort=False):
            trained = client.get_run(of["shallow_run"].iloc[0]).data.params["epochs"]  # the shallow network
            before = int(trained) if what == "constructed" else 0
            seeds = {run_id: seed for run_id, seed in zip(of[runs], of["seed"], strict=True) if run_id}
            curves += [
                (arm, seeds[run_id], label, before + epoch, 100 - 100 * accuracy)
                for run_id, history in histories(client, list(seeds), metric).items()
                for epoch, accuracy in history.items()
            ]
    return pd.DataFrame(curves, columns=["arm", "seed", "network", "epoch", "error"])


def draw_construction(curves: pd.DataFrame) -> Figure:
    """Draw the training error by epoch, a panel an arm: shallow, trained on from its construction, and from scratch."""
    arms, order = (list(dict.fromkeys(curves[of])) for of in ("arm", "network"))
    look: dict[str, Any] = {"hue": "network", "hue_order": order, "palette": list(COLOURS[: len(order)])}
    with plain_style():
        figure, panels = panels_in_rows(len(arms), 3.0)
        for arm, axes in zip(arms, panels, strict=True):
            draw_means(axes, curves[curves["arm"] == arm], "epoch", "error", **look, marker="o", markersize=3)
            axes.set_title(arm.replace(":", ":\n"), parse_math=False)
            axes.set(ylim=(-3, 100))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supxlabel("epoch")
        figure.supylabel("training error (%)")
        draw_legend(figure, BANDS)
    return figure


def _train_on(client: MlflowClient, shallow: TrainedRun, config: RunConfig, deep_run_id: str, depths: Depths) -> None:
    """Construct the deep network, compare it with the shallow one, train it on, and log all that with the deep run."""
    trainer = Trainer(config)
    deep = network_at_start(config)
    construct(deep, shallow.network, training_batch(shallow, STATISTICS)[0])
    with settings_of(config):
        same = _same_logits(deep, shallow)
    trainer.network.load_state_dict(deep.state_dict())
    start = 1 - trainer.evaluate(trainer.train_split)[1]
    for record in trainer:
        if record.epoch:
            accuracy = record.metrics[TRAIN_ACCURACY]
            log_metrics(client, deep_run_id, {depths.prefix + CURVE: accuracy}, record.epoch)
    values = {START: start, SAME: float(same), END: record.metrics[FINAL_TRAIN_ERROR]}
    log_metrics(client, deep_run_id, {depths.prefix + name: value for name, value in values.items()}, config.epochs)


@torch.no_grad()
def _same_logits(deep: Network, shallow: TrainedRun) -> bool:
    """Compare the logits of both networks for all training images, to the bit."""
    split = shallow.dataset.train
    batches = split.batches(torch.arange(len(split)), BATCH)
    normalised = (shallow.normalisation(pixels) for pixels, _ in batches)
    return all(torch.equal(deep(images), shallow.network(images)) for images in normalised)
