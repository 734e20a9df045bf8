"""The table of tuned values in the report of a tuned sweep."""

from collections.abc import Sequence

from plainres import table
from plainres.sweeps.tuned import Tuned, objective_words

COLUMNS = ("network", "trials", "learning rate", "batch size", "objective")


def tuned_rows(tuned: Sequence[Tuned]) -> list[tuple[str, ...]]:
    """The cells under `COLUMNS`, as text."""
    return [
        (
            values.network,
            str(values.trials),
            f"{values.lr:.3g} ({values.near_lr[0]:.2g}–{values.near_lr[1]:.2g})",
            f"{values.batch_size} ({'–'.join(map(str, dict.fromkeys(values.near_batch_sizes)))})",
            f"{values.value:.3g} (≤ {values.near_value:.2g})",
        )
        for values in tuned
    ]


def explanation(tuned: Sequence[Tuned]) -> str:
    """What the columns are, and whether the networks had equal chances."""
    words = (
        f"Learning rate and batch size of the trial with the lowest {objective_words(tuned[0].objective)}; in brackets "
        "the spread over the best quarter of the trials that trained to the end: how sharp the optimum is."
    )
    if len({values.trials for values in tuned}) > 1:
        words += " The networks were not tuned equally: their numbers of trials differ."
    return words


def tuned_terminal_table(tuned: Sequence[Tuned]) -> table.TerminalTable:
    """The table for a terminal."""
    return table.terminal(COLUMNS, tuned_rows(tuned), explanation(tuned))
