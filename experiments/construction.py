"""Does a solution exist that training doesn't find? `python -m experiments.construction --help`.

The argument of section 1 of He et al. 2015: a deeper network can be made of a shallower one and identities.
"""

import sys
from dataclasses import dataclass

from plainres.cli.command_line import run_command
from plainres.cli.sweep_flags import SweepFlags, check, exit_code, planned, sweep_of
from plainres.errors import BadInput

PROGRAM = "uv run python -m experiments.construction"


@dataclass(frozen=True)
class Flags(SweepFlags):
    """Construct a deeper network from a trained shallower one, train it on, and compare it with the depth from scratch.

    The added blocks are the identity, so the deeper network gives the same logits; plain bottlenecks can't be that.
    Each arm is also trained from scratch for as long as both together. Networks are trained where the store lacks
    them; what is measured of constructed ones is logged with the run from scratch. Table and figure are stored with a
    parent run in MLflow.
    """

    depths: tuple[int, ...] = (18, 34)
    """Of the shallow and of the deep network."""


def main(flags: Flags) -> int:
    """Train what is lacking, construct, store and print."""
    arms = list(flags.arms)
    check(flags, arms)
    if not flags.finished and len(flags.depths) != 2:
        raise BadInput("construction takes two depths: of the shallow network, and of the one constructed from it")

    from plainres.explain import why_construction
    from plainres.explain.inspection import present

    if not flags.finished:
        sweep = planned(flags, arms)
        why_construction.check_constructible(sweep.configs)
        arms += why_construction.longer(arms, flags.run.epochs)
    results = sweep_of(flags, arms, "construction")
    made = why_construction.construct_all(results)
    present(results, why_construction.findings(made, results))
    return exit_code(flags, results)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
