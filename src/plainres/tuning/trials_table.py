"""A study's trials as a pandas table."""

from collections.abc import Sequence

import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from plainres.tuning.slots import counted_slots
from plainres.tuning.space import SEARCHABLE
from plainres.tuning.state import DIVERGED, FAILURE, PRUNED_EPOCH, RUN_ID

COLUMNS = (
    "slot", "trial", "state", *SEARCHABLE, "objective", "diverged", "epochs", "pruned_epoch", "seconds",
    "run_id", "failure",
)  # fmt: skip


def trials_table(trials: Sequence[FrozenTrial], budget: int) -> pd.DataFrame:
    """A row for each attempt at a trial.

    Columns: slot (place in the study, from 0; beyond the budget those that ended well), trial (Optuna's number), state
    (complete, pruned, fail, running or waiting), lr, batch_size and weight_decay where they are searched, objective (of
    a pruned trial the last epoch's value), diverged, epochs (reported), pruned_epoch, seconds, run_id (in MLflow),
    failure (why, in one line).
    """
    rows = [
        {
            "slot": slot.number,
            "trial": trial.number,
            "state": trial.state.name.lower(),
            **{name: trial.params.get(name) for name in SEARCHABLE},
            "objective": trial.value if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
            "diverged": DIVERGED in trial.user_attrs,
            "epochs": len(trial.intermediate_values),
            "pruned_epoch": trial.user_attrs.get(PRUNED_EPOCH),
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            "run_id": trial.user_attrs.get(RUN_ID, ""),
            "failure": trial.user_attrs.get(FAILURE, ""),
        }
        for slot in counted_slots(trials, budget)
        for trial in slot.attempts
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"batch_size": "Int64", "pruned_epoch": "Int64"})
