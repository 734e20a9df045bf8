"""Which sweeps does the store hold, and what did they come to?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plainres.cli.command_line import FINISHED
from plainres.settings.declaration import Role, check_values, setting
from plainres.sweeps.plan import asked_words
from plainres.tracking.store import check_store, tracking_uri

if TYPE_CHECKING:
    from plainres.analysis.stored_sweeps import StoredSweep


@dataclass(frozen=True)
class Flags:
    """List the sweeps that the store holds, the one asked for last first: when, verdict, id, and what was compared.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in this folder. An id is what `plainres browse`, --report and
    plainres.load_sweep take.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--most 100")

    most: int = setting(20, "Sweeps that are listed, at most.", least=1)


def main(flags: Flags) -> int:
    """Print two lines a sweep."""
    check_values(flags)
    uri = tracking_uri()
    check_store(uri, writes=False)
    from plainres.analysis.stored_sweeps import stored_sweeps
    from plainres.tracking.outages import reaching_store

    with reaching_store():
        sweeps = stored_sweeps(uri)
    for sweep in sweeps[: flags.most]:
        print(lines_of(sweep))
    if len(sweeps) > flags.most:
        print(f"and {len(sweeps) - flags.most} more, with --most")
    if not sweeps:
        print("The store holds no sweep yet.")
    return FINISHED


def lines_of(sweep: "StoredSweep") -> str:
    """Say in two lines when a sweep was asked for, what came of it, its id, and what it compares, not by its recipe."""
    from plainres.analysis.asked import changed_settings

    compared = f"{sweep.question}: {asked_words(sweep.arms, sweep.depths, sweep.seeds)}, {sweep.dataset}"
    changed = "".join(f", {name} {sweep.params[name]}" for name in changed_settings(sweep, Role.IDENTITY))
    return f"{sweep.asked:%Y-%m-%d %H:%M}  {sweep.outcome:14}  {sweep.run_id}\n  {compared}{changed}"
