"""Makes the tables and figures of the pages from docs/data: `python -m tests.docs.published`.

A page has them between `<!-- from data/NAME.csv -->` and `<!-- end -->`, or errors alone after `NAME.csv, short`. A
file has a row a run, out of a store: `python -m tests.docs.published NAME PARENT_RUN_ID "THE COMMAND"`. What its name
begins with says what is asked of the runs: `why-gradients` and the like what that experiment measured, `dose-SETTING`
the doses of a setting, `cures` what becomes of each arm, `budget`, `trainability` and `robustness` what these
experiments say, `study` the trials of studies (`ID,ID,...` are their runs), and any other the verdict. In `budget` the
running error is that of the last epoch's steps, in training mode. Of some sweeps the folders `curves` and `gradients`
have a row an epoch and a row a layer of each run; `drawn` has what figures of the why experiments show beside their
tables; `steps` what a training step takes (`python -m tests.docs.published step-times`, on a quiet machine).
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient

from plainres.analysis.figures import draw_curves, draw_degradation, draw_dose_response, draw_gradients
from plainres.analysis.judged_sweep import JudgedSweep
from plainres.analysis.results import (
    GRADIENTS,
    SPLITS,
    SweepResults,
    first_of_each_variant,
    load_curves,
    read_sweep,
    variant_of,
)
from plainres.analysis.results_table import sweep_table
from plainres.analysis.verdict import Verdict, judge, points
from plainres.explain import (
    budget,
    leaky_dial,
    robustness,
    trainability,
    why_construction,
    why_gradients,
    why_landscape,
    why_lesion,
)
from plainres.explain.arms_figure import draw_final_errors
from plainres.explain.cures import (
    arms_table,
    count_parameters,
    dose_sentence,
    dose_table,
    doses_of,
    fates_sentence,
    with_borders,
)
from plainres.explain.step_times import time_steps
from plainres.names import TRAIN_ACCURACY
from plainres.screen.figure_style import save_figure
from plainres.screen.table import TextTable, text_table
from plainres.settings import RunConfig
from plainres.settings.thresholds import MARGIN
from plainres.sweeps.arms import parse_arm, without
from plainres.sweeps.configure import configure
from plainres.tuning.definition import StudyPlan, plan_studies
from plainres.tuning.search import Search
from plainres.tuning.study_figures import draw_arms
from tests.environment import ROOT

DATA = ROOT / "docs" / "data"
BLOCK = re.compile(r"<!-- from (?:docs/)?data/([\w-]+)\.csv(, short)? -->\n(.*?)<!-- end -->", re.DOTALL)
FIGURE = re.compile(r"figures/([\w-]+)\.png")
RESULTS = ("train_error", "test_error", "gradient_growth", "epochs_to_10", "diverged", "seconds")
MADE_BY = ("processor", "commit", "command")
OF_RUN = ("arm", "depth", "seed")
KEPT = (*OF_RUN, *RESULTS, "lr", "at_border", *MADE_BY[:2])
SHORT = ("arm", "depth", "failed", "training error", "test error")
DIGITS = 6
CLASSES = 10  # of digits and of CIFAR-10
IMAGES = 256  # that the why experiments measure on by default
DEPTHS = why_construction.Depths(18, 34)

BY_EPOCH = ("digits-again", "deeper")
CURVES, LAYERS = DATA / "curves", DATA / "gradients"  # of these
DRAWN = DATA / "drawn"
STEPS = DATA / "steps" / "step-times.csv"  # of the networks in tables of cures
DIGITS_OF_NORMS = 5  # significant, and of a layer's position

WHY, DOSE, CURES, BUDGET, TRAINABILITY, ROBUSTNESS = "why-", "dose-", "cures", "budget", "trainability", "robustness"
OF_CURES = ("cures-arms", "cures-from", "cures-tuned", "cures-until")
STUDY = "study"
MAPPED = "lr"
MEASURED: dict[str, Callable[[pd.DataFrame], tuple[TextTable, Sequence[str]]]] = {
    "construction": lambda data: (why_construction.table(data, DEPTHS), why_construction.sentences(data, DEPTHS)),
    "gradients": lambda data: (why_gradients.table(data), why_gradients.sentences(data)),
    "landscape": lambda data: (why_landscape.table(data), why_landscape.sentences(data)),
    "lesion": lambda data: (why_lesion.table(data, IMAGES), why_lesion.sentences(data)),
}
FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {  # of each what `MEASURED` has
    "construction": lambda _: why_construction.draw_construction(drawn("construction-curves")),
    "gradients": why_gradients.draw_size_and_coherence,
    "leaks": leaky_dial.draw_dial,
    "landscape": lambda data: why_landscape.draw_lines(data, drawn("landscape-lines"), drawn("landscape-curvature")),
    "landscape-plane": lambda _: why_landscape.draw_plane(drawn("landscape-plane")),
    "lesion": why_lesion.draw_lesions,
    "lesion-one-block": lambda data: why_lesion.draw_lesions(data, rows=1),
}
OF_QUESTION = {  # or its name alone
    "gradients": ("gradients", "leaks"),
    "landscape": ("landscape", "landscape-plane"),
    "lesion": ("lesion", "lesion-one-block"),
}


def publish(name: str, parent_run_id: str, command: str) -> None:
    """Write the runs of a sweep in the store to a file of docs/data, with what was measured of them."""
    if name == STUDY:
        trials = pd.concat(map(_trials, parent_run_id.split(",")))
        trials.assign(command=command).round(DIGITS).to_csv(DATA / f"{name}.csv", index=False)
        return
    results = with_borders(read_sweep(parent_run_id))
    runs = results.runs
    if name == ROBUSTNESS:
        runs = pd.read_csv(Path(results.folder) / f"{name}.csv")
    runs = runs.assign(commit=runs["commit"].str[:12])
    if name.startswith(WHY):
        question = name.removeprefix(WHY)
        measured = pd.read_csv(Path(results.folder) / f"{question}.csv")
        for path in Path(results.folder).glob(f"{question}-*.csv"):
            pd.read_csv(path).round(DIGITS).to_csv(DRAWN / path.name, index=False)
        key = "deep_run" if "deep_run" in measured else "run_id"
        made_by = runs.set_index("run_id")[list(MADE_BY[:2])]
        runs = measured.join(made_by, on=key).drop(columns=[column for column in measured if "run" in column])
    elif name != ROBUSTNESS:
        runs = runs[[column for column in KEPT if column in runs]]
    if name == BUDGET:
        last = load_curves(results).groupby(list(OF_RUN))[TRAIN_ACCURACY].last()
        runs.insert(len(OF_RUN) + 1, "running_error", 1 - runs.set_index(list(OF_RUN)).index.map(last))
    runs.assign(command=command).round(DIGITS).to_csv(DATA / f"{name}.csv", index=False)
    if name in BY_EPOCH:
        curves = load_curves(results)[[*OF_RUN, "epoch", *SPLITS]].round(DIGITS)
        curves.to_csv(CURVES / f"{name}.csv", index=False)
        norms = results.gradients[[*OF_RUN, "position", "when", "norm"]]
        norms.to_csv(LAYERS / f"{name}.csv", index=False, float_format=f"%.{DIGITS_OF_NORMS}g")


def _trials(study_run_id: str) -> pd.DataFrame:
    """Read the trials of a study, and what made them."""
    client = MlflowClient()
    study = client.get_run(study_run_id)
    trials = pd.read_csv(client.download_artifacts(study_run_id, "trials.csv"))
    first = client.get_run(trials["run_id"].iloc[0]).data.tags
    of_study = {"arm": study.data.tags["arm"], **{of: study.data.params[of] for of in OF_RUN[1:]}}
    made_by = {"processor": first["processor"], "commit": first["commit"][:12]}
    return trials.drop(columns=["run_id", "failure"]).assign(**of_study, **made_by)


def studies_in(name: str) -> dict[StudyPlan, pd.DataFrame]:
    """Read a file of docs/data that has the trials of a study for each network."""
    rows = rows_of(name)
    plans = plan_studies(
        list(rows["arm"].unique()), list(rows["depth"].unique()), 0, prefix=name, search=Search(), settings={}
    )
    return {
        plan: rows[(rows["arm"] == plan.config.arm) & (rows["depth"] == plan.config.depth)]
        for plan in sorted(plans, key=lambda plan: (plan.config.arm, plan.config.depth))
    }


@cache
def published(name: str) -> SweepResults:
    """Read a file of docs/data as what a sweep has come to."""
    return _results(rows_of(name))


def choices_in(name: str) -> dict[str, JudgedSweep]:
    """Read a file of docs/data that has a sweep for each choice."""
    found = ((str(choice), _results(runs.copy())) for choice, runs in rows_of(name).groupby("choice", sort=False))
    return {choice: JudgedSweep(**vars(results), verdict=judge(results)) for choice, results in found}


def _results(runs: pd.DataFrame) -> SweepResults:
    runs["variant"] = runs["arm"].map(variant_of)
    params = {plural: " ".join(map(str, runs[one].unique())) for plural, one in (("arms", "arm"), ("depths", "depth"))}
    params["seeds"] = " ".join(map(str, sorted(runs["seed"].unique())))
    return SweepResults("", "", "", params, runs, pd.DataFrame(columns=list(GRADIENTS)), ())


def rows_of(name: str) -> pd.DataFrame:
    """Read a file of docs/data."""
    return pd.read_csv(DATA / f"{name}.csv").fillna(dict.fromkeys(MADE_BY, ""))


def by_epoch(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the curves and the gradients of the runs of a file of docs/data, one of `BY_EPOCH`."""
    return pd.read_csv(CURVES / f"{name}.csv"), pd.read_csv(LAYERS / f"{name}.csv")


def drawn(name: str) -> pd.DataFrame:
    """Read what a figure of a why experiment shows beside its table."""
    return pd.read_csv(DRAWN / f"{name}.csv")


def block(name: str, *, short: bool = False) -> str:
    """Write a file's table in Markdown, and what the experiment says of it unless it's to be `short`."""
    if name.startswith(WHY):
        return _written(*MEASURED[name.removeprefix(WHY)](rows_of(name)))
    if name == ROBUSTNESS:
        sweeps = choices_in(name)
        return _written(robustness.table(sweeps), robustness.sentences(sweeps))
    if name == STUDY:
        return _written(_best_trials(studies_in(name)), [])
    results = published(name)
    if name == BUDGET:
        judged = budget.by_budget(results, MARGIN)
        return _written(budget.table(judged), budget.sentences(judged))
    if name == TRAINABILITY:
        cells, arms = _map(results)
        values = sorted(cells["value"].unique())
        return _written(trainability.table(cells, MAPPED, arms), trainability.sentences(cells, MAPPED, arms, values))
    verdict = judge(results)
    if name.startswith(DOSE):
        setting = name.removeprefix(DOSE)
        return _written(dose_table(setting, results, verdict), [dose_sentence(setting, results, verdict)])
    if name.startswith(CURES):
        deepest = {arm: _digits(arm, results.depths[-1]) for arm in results.arms}
        parameters = {arm: _parameters(config) for arm, config in deepest.items()}
        steps = pd.read_csv(STEPS)
        times = steps[steps["depth"] == results.depths[-1]].set_index("arm")["ratio"].to_dict()
        return _written(arms_table(results, verdict, parameters, times), [fates_sentence(results, verdict)])
    table = sweep_table(results, verdict)
    said = verdict.lines if all(first_of_each_variant(results.arms)) else verdict.lines[1:]
    return _written(table.picked(SHORT), []) if short else _written(table, [*said, _changes(results, verdict)])


def rewritten(text: str) -> str:
    """Put what today's files and code give into a page."""
    return BLOCK.sub(lambda found: _with(found, block(found[1], short=bool(found[2]))), text)


def figures_of(name: str) -> dict[str, Figure]:
    """Draw a file's figures by their names."""
    if name.startswith(WHY):
        data, question = rows_of(name), name.removeprefix(WHY)
        return {f"{WHY}{figure}": FIGURES[figure](data) for figure in OF_QUESTION.get(question, (question,))}
    figures = {name: _figure_of_sweep(name)}
    if name in BY_EPOCH:
        arms = published(name).arms
        curves, norms = by_epoch(name)
        figures[f"{name}-curves"] = draw_curves(curves, arms, classes=CLASSES)
        figures[f"{name}-gradients"] = draw_gradients(norms, arms)
    return figures


def _figure_of_sweep(name: str) -> Figure:
    if name == ROBUSTNESS:
        return robustness.draw(choices_in(name))
    if name == STUDY:
        return draw_arms(studies_in(name))
    results = published(name)
    if name == BUDGET:
        return budget.draw(budget.by_budget(results, MARGIN), MARGIN)
    if name == TRAINABILITY:
        cells, arms = _map(results)
        return trainability.draw(cells, MAPPED, arms)
    if name.startswith(DOSE):
        setting = name.removeprefix(DOSE)
        return draw_dose_response(
            results.runs.assign(dose=results.runs["arm"].map(doses_of(setting, results))), setting, CLASSES
        )
    if name.startswith(CURES):
        return draw_final_errors(results.runs, results.arms)
    return draw_degradation(results.runs, results.arms, classes=CLASSES)


def _changes(results: SweepResults, verdict: Verdict) -> str:
    """Write the numbers behind the verdict: the change to the deepest depth, its interval and p."""
    gaps = {arm: gaps[results.depths[-1]] for arm, gaps in verdict.gaps.items() if results.depths[-1] in gaps}
    said = [
        f"{arm} {gap.interval}, {'above' if gap.interval.mean > verdict.margin else 'below'} {points(verdict.margin)} "
        f"with p = {gap.p:.3g}"
        for arm, gap in gaps.items()
    ]
    worth = f"; plain's less residual's, what the shortcut is worth, {verdict.difference}" if verdict.difference else ""
    return f"Change in percentage points, mean and 95 % t interval over seeds: {'; '.join(said)}{worth}."


def _best_trials(studies: Mapping[StudyPlan, pd.DataFrame]) -> TextTable:
    """Tabulate the best trial of each study that trained to its end without diverging."""
    rows = []
    for plan, trials in studies.items():
        ended = trials[(trials["state"] == "complete") & ~trials["diverged"]]
        best = ended.loc[ended["objective"].idxmin()]
        pruned = f"{(trials['state'] == 'pruned').sum()} of {len(trials)}"
        found = (f"{best['lr']:.3g}", f"{best['batch_size']:g}", f"{best['objective']:.3g}")
        rows.append((plan.config.arm, str(plan.config.depth), pruned, *found))
    return text_table(("arm", "depth", "pruned", "best lr", "batch size", "training loss"), rows, "")


def _map(results: SweepResults) -> tuple[pd.DataFrame, list[str]]:
    """The cells of a map of learning rates, and its arms."""
    arms = list(dict.fromkeys(without(arm, MAPPED) for arm in results.arms))
    return trainability.cells_of(results.runs, MAPPED), arms


def _digits(arm: str, depth: int) -> RunConfig:
    """Configure a run on digits."""
    parsed = parse_arm(arm)
    return configure(parsed.variant, depth, arm=arm, **parsed.settings)


_parameters = cache(count_parameters)


def _write_step_times() -> None:
    """Time a step of each network in whose table it stands, by turns, a depth after the other."""
    networks = {(arm, of.depths[-1]) for of in map(published, OF_CURES) for arm in of.arms}
    times = [
        time_steps([_digits(arm, depth) for arm, of in sorted(networks) if of == depth])
        for depth in sorted({depth for _, depth in networks})
    ]
    pd.concat(times).round(DIGITS).to_csv(STEPS, index=False)


def _written(table: TextTable, sentences: Iterable[str]) -> str:
    """The table in Markdown, its last column as text, and each sentence as a quotation."""
    lines = [f"| {' | '.join(table.columns)} |", f"| --- |{' ---: |' * (len(table.columns) - 2)} --- |"]
    lines += [f"| {' | '.join(cells)} |" for cells in table.rows]
    return "\n".join([*lines, "", *(f"> {sentence}\n" for sentence in sentences)])


def _with(found: re.Match[str], content: str) -> str:
    return f"{found[0].partition(chr(10))[0]}\n{content}<!-- end -->"


def main() -> None:
    if sys.argv[1:] == [STEPS.stem]:
        _write_step_times()
        return
    if len(sys.argv) > 1:
        publish(*sys.argv[1:])
        return
    shown = set()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = rewritten(page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8")
        shown |= set(FIGURE.findall(text))
    for path in sorted(DATA.glob("*.csv")):
        for name, figure in figures_of(path.stem).items():
            if name in shown:
                save_figure(figure, ROOT / "docs" / "figures" / f"{name}.png")


if __name__ == "__main__":
    main()
