"""Does depth slow plain networks, or stop them, if they are trained longer? `python -m experiments.budget --help`."""

import sys
from dataclasses import dataclass, replace
from typing import ClassVar

from plainres.cli.command_line import exit_code, run_command
from plainres.screen.console import console
from plainres.settings.declaration import redeclared, setting
from plainres.sweeps.arms import dose_arms
from plainres.sweeps.plan import check_distinct
from plainres.workflows.compare import carry_out, store_beside
from plainres.workflows.requests import CompareRequest

PROGRAM = "uv run python -m experiments.budget"
TIMES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Train each network for several numbers of epochs, and state whether depth slows an arm or stops it.

    Every number is a training of its own with its whole schedule. Runs are tracked in MLflow as those of
    experiments.degradation; table and figure are stored with the sweep's parent run.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--depths 20 56 --budgets 12 48")

    depths: tuple[int, ...] = redeclared(CompareRequest, "depths", (20, 56))
    budgets: tuple[int, ...] = setting(
        (), "Numbers of epochs; the largest decides.",
        words="number of epochs", least=1, shown="--epochs, and 2, 4, 8 and 16 times as many",
    )  # fmt: skip


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    budgets = flags.budgets or [times * flags.run.epochs for times in TIMES]
    check_distinct("number of epochs", budgets)
    arms = [dosed for arm in flags.arms for dosed in dose_arms(arm, "epochs", list(map(str, sorted(budgets))))]
    sweep = carry_out(replace(flags, arms=tuple(arms)), console(), report=False)

    from plainres.analysis.report import print_report
    from plainres.explain import budget

    judged = budget.by_budget(sweep, flags.margin / 100)
    store_beside(sweep, lambda folder: budget.write(judged, flags.margin / 100, folder))
    print_report(sweep, [budget.table(judged)], budget.sentences(judged), file=budget.FIGURE)
    return exit_code(sweep)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
