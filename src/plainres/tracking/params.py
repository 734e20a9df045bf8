"""Parameters of MLflow runs, however long: what MLflow would cut is stored in parts."""

from collections.abc import Iterator, Mapping

from mlflow import MlflowClient
from mlflow.entities import Param

LONGEST_PARAM = 6000  # characters, that MLflow keeps of one
PARAMS_A_BATCH = 100  # the most that MLflow takes in one log_batch


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, str]) -> None:
    """Log a run's parameters; again has no effect."""
    entries = [Param(name, text) for name, text in _in_parts(params)]
    for start in range(0, len(entries), PARAMS_A_BATCH):
        client.log_batch(run_id, params=entries[start : start + PARAMS_A_BATCH])


def whole_params(params: Mapping[str, str]) -> dict[str, str]:
    """A run's parameters, with those that were stored in parts put together."""
    whole: dict[str, str] = {}
    for name, text in sorted(params.items(), key=lambda item: (item[0].partition("/")[0], len(item[0]), item[0])):
        first, _, part = name.partition("/")
        whole[first] = whole[first] + text if part else text
    return whole


def _in_parts(params: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Parameters under names of their own for each part that MLflow keeps whole: `seeds`, `seeds/2`, `seeds/3`."""
    for name, text in params.items():
        for number, start in enumerate(range(0, max(1, len(text)), LONGEST_PARAM), start=1):
            yield (name if number == 1 else f"{name}/{number}"), text[start : start + LONGEST_PARAM]
