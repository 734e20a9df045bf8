"""Does a solution exist that training doesn't find? `python -m experiments.construction --help`.

The argument of section 1 of He et al. 2015: a deeper network can be made of a shallower one and identities.
"""

import sys
from dataclasses import dataclass
from typing import ClassVar

from plainres.cli.command_line import exit_code, run_command
from plainres.errors import BadInput
from plainres.settings.declaration import redeclared
from plainres.workflows.look_into import brought_together, checked
from plainres.workflows.requests import LookRequest

PROGRAM = "uv run python -m experiments.construction"


@dataclass(frozen=True)
class Flags(LookRequest):
    """Construct a deeper network from a trained shallower one, train it on, and compare it with the depth from scratch.

    The added blocks are the identity, so the deeper network gives the same logits; plain bottlenecks can't be that.
    Each arm is also trained from scratch for as long as both together. Networks are trained where the store lacks
    them; what is measured of constructed ones is logged with the run from scratch. Table and figure are stored with a
    parent run in MLflow.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--depths 18 34 --seeds 6",)

    depths: tuple[int, ...] = redeclared(
        LookRequest, "depths", (18, 34), help="Of the shallow and of the deep network."
    )


def main(flags: Flags) -> int:
    """Train what is lacking, construct, store and print."""
    asked = checked(flags)
    if asked and len(flags.depths) != 2:
        raise BadInput("construction takes two depths: of the shallow network, and of the one constructed from it")

    from plainres.explain import why_construction
    from plainres.explain.inspection import present

    longer: list[str] = []
    if asked:
        why_construction.check_constructible(asked.sweep.configs)
        longer = why_construction.longer(asked.sweep.arms, flags.run.epochs)
    results = brought_together(flags, asked, "construction", longer)
    made = why_construction.construct_all(results)
    present(results, why_construction.findings(made, results))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
