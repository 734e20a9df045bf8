"""Which learning rate, batch size and weight decay suit each network? `python -m studies.lr_batch_size --help`."""

import math
import shlex
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.cli.flags import words_of
from plainres.errors import StudiesFail, without_credentials
from plainres.settings.thresholds import fewest_seeds
from plainres.settings.values import flag
from plainres.sweeps.configure import filled
from plainres.workflows.requests import CompareRequest, StudyRequest
from plainres.workflows.tune import StudyResults, carry_out_studies

if TYPE_CHECKING:
    from rich.console import Console

PROGRAM = "uv run python -m studies.lr_batch_size"
PACKAGED = __name__.startswith("plainres.")
COMPARISON = "plainres degradation" if PACKAGED else "uv run python -m experiments.degradation"


@dataclass(frozen=True)
class Flags(StudyRequest):
    """Tune learning rate and batch size of plain and residual networks, each in studies of its own, all alike.

    The recipe's values (or those of --lr and --batch-size) are the first trial. Started again, studies go
    on where they stopped; started several times at once, in terminals or on machines that share a storage, the work
    is shared. Exit code: 0 finished, 1 a trial failed, 2 bad input, 130 interrupted.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--depths 18 34 50",
        "--depths 18 34 --studies 3 --confirm 3",
        "--search lr weight_decay --trials 40",
    )


def main(flags: Flags) -> int:
    """Tune, then print what the studies came to."""
    from plainres.screen.console import console

    screen = console()
    try:
        results = carry_out_studies(flags, screen)
    except StudiesFail as error:
        print(f"failed: {error}", file=sys.stderr)
        return RUN_FAILED
    return report(results, flags, screen)


def comparison(flags: Flags) -> str:
    """Write the command that compares the networks at what these studies found, on seeds that no trial has seen.

    A multiple of the number of studies, so that each has as many seeds.
    """
    recipe = filled({"dataset": flags.run.dataset, "recipe": flags.run.recipe})
    seeds = math.ceil(fewest_seeds() / flags.studies) * flags.studies
    request = CompareRequest(
        depths=flags.depths,
        arms=flags.arms,
        seeds=tuple(range(flags.seed + 1, flags.seed + 1 + seeds)),
        jobs=flags.jobs,
        launch=flags.launch,
        run=replace(flags.run, **{name: getattr(recipe, name) for name in flags.searched}),
    )
    of_studies = {"storage": flags.storage, "study_name": flags.study_name}
    found = [
        word for name, value in of_studies.items() if value != getattr(Flags, name) for word in (flag(name), value)
    ]
    return f"{COMPARISON} {without_credentials(shlex.join(['--tuned', *found, *words_of(request)]))}"


def report(results: StudyResults, flags: Flags, screen: "Console") -> int:
    """Print the table of the studies, what to know of them, what failed, where to look further, and what uses them."""
    from plainres.tracking.store import browse_hint
    from plainres.tuning.study_table import remarks, study_table

    screen.print(study_table(results.states))
    for line in remarks(results.states):
        screen.print(line, soft_wrap=True)
    for line in results.failures:
        screen.print(f"failed: {line}", soft_wrap=True)
    screen.print(f"\nStudies: {without_credentials(results.storage)}", soft_wrap=True)
    browse = browse_hint(results.tracking_uri, results.experiment_id)
    screen.print(f"Browse: {browse}", soft_wrap=True)
    screen.print(f"Compare the networks at these values: {comparison(flags)}", soft_wrap=True)
    return RUN_FAILED if results.failures else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
