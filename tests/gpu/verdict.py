"""Prints what the store has of section 4.2, beside the paper's errors; finished or not, runs are kept by epoch.

`python -m tests.gpu.verdict CSV JSON`: CSV gets a row for each finished run, JSON the accuracies of all by epoch.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient

from plainres.analysis.judged_sweep import JudgedSweep
from plainres.analysis.report import print_findings
from plainres.analysis.results_table import percent, sweep_table
from plainres.analysis.stored_runs import histories
from plainres.names import TRAIN_ACCURACY, VALIDATION_ACCURACY
from plainres.screen.table import TextTable
from plainres.workflows.compare import last_sweep, read_back

# Test errors in %: He et al. 2015, table 6, and the five runs of a public repository that has plain networks as well.
PUBLISHED = {
    ("plain", 20): ("", "9.78 ± 0.13"),
    ("plain", 56): ("", "12.95 ± 0.22"),
    ("residual", 20): ("8.75", "8.51 ± 0.22"),
    ("residual", 56): ("6.97", "7.40 ± 0.27"),
}
COLUMNS = ("network", "seeds", "test error, %", "the paper's", "a repository's")


def main(csv: Path, by_epoch: Path) -> None:
    """Write what the runs of the last sweep have come to, and print its verdict."""
    sweep = read_back(last_sweep())
    sweep.runs.to_csv(csv, index=False)
    by_epoch.write_text(json.dumps(accuracies(sweep)))
    print_findings([sweep_table(sweep, sweep.verdict), beside_published(sweep.runs)], sweep.verdict.lines)


def accuracies(sweep: JudgedSweep) -> dict[str, dict[str, Any]]:
    """Read status and accuracies by epoch of all of a sweep's runs, by name."""
    client = MlflowClient(sweep.tracking_uri)
    children = client.search_runs([sweep.experiment_id], f"tags.mlflow.parentRunId = '{sweep.parent_run_id}'")
    ids = [child.info.run_id for child in children]
    found = {metric: histories(client, ids, metric) for metric in (TRAIN_ACCURACY, VALIDATION_ACCURACY)}
    return {
        str(child.info.run_name): {
            "status": child.info.status,
            **{metric: of_runs[child.info.run_id] for metric, of_runs in found.items()},
        }
        for child in children
    }


def beside_published(runs: pd.DataFrame) -> TextTable:
    """Put each network's test error, mean and deviation over its seeds, beside those that others have published."""
    rows = [
        (f"{arm}-{depth}", str(len(errors)), percent(errors), *PUBLISHED.get((arm, depth), ("", "")))
        for (arm, depth), errors in runs.groupby(["arm", "depth"])["test_error"]
    ]
    return TextTable(COLUMNS, tuple(rows), "Test errors, mean ± standard deviation over seeds.")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
