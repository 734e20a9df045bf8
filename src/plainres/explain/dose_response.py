"""A dose-response curve: how the training error depends on one numeric setting, depth by depth."""

from pathlib import Path

from plainres.analysis.figures import draw_dose_response
from plainres.analysis.results import SweepResults
from plainres.analysis.results_table import percent
from plainres.analysis.verdict import Verdict
from plainres.explain.fates import by_fate, fate_of, scope
from plainres.screen import table
from plainres.screen.figure_style import save_figure
from plainres.sweeps.arms import dose_of

FIGURE = "dose-response.png"


def dose_table(setting: str, results: SweepResults, verdict: Verdict) -> table.TerminalTable:
    """A row for each dose: the training error at each depth, and what becomes of it with depth."""
    columns = (setting, *(f"depth {depth}" for depth in results.depths), "with depth")
    of_network = dict(list(results.runs.groupby(["arm", "depth"])["train_error"]))
    rows = [
        (
            f"{dose:g}",
            *(percent(of_network[arm, depth]) if (arm, depth) in of_network else "–" for depth in results.depths),
            fate_of(arm, results, verdict),
        )
        for arm, dose in doses_of(setting, results).items()
    ]
    words = "Final training error in %, mean ± standard deviation over seeds; with depth as the verdict has it."
    return table.terminal(columns, rows, words)


def dose_sentence(setting: str, results: SweepResults, verdict: Verdict) -> str:
    """At which doses depth does no harm, and the smallest and the largest of them."""
    fates = {f"{dose:g}": fate_of(arm, results, verdict) for arm, dose in doses_of(setting, results).items()}
    harmless = [dose for dose, fate in fates.items() if fate == "does not degrade"]
    found = (
        f"The smallest dose that does not degrade is {harmless[0]}, the largest {harmless[-1]}"
        if harmless
        else "No dose is known not to degrade"
    )
    return f"{scope(results, verdict)}, by {setting}: {by_fate(fates)}. {found}."


def write_dose_response(setting: str, results: SweepResults, folder: Path) -> None:
    """Write `dose-response.png` and `.pdf`, and `dose-response.csv` with a row for each run."""
    doses = doses_of(setting, results)
    runs = results.runs.assign(dose=results.runs["arm"].map(doses))
    runs[["arm", "dose", "depth", "seed", "train_error", "test_error"]].to_csv(
        folder / "dose-response.csv", index=False
    )
    if not runs.empty:
        figure = draw_dose_response(runs, setting)
        for suffix in (".png", ".pdf"):
            save_figure(figure, folder / f"dose-response{suffix}")


def doses_of(setting: str, results: SweepResults) -> dict[str, float]:
    """By arm, the smallest first."""
    doses = {arm: dose_of(arm, setting) for arm in results.arms}
    return dict(sorted(doses.items(), key=lambda item: item[1]))
