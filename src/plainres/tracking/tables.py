"""Reads MLflow's tables for many runs at once, without the objects that MLflow makes of every row."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from mlflow.entities import LifecycleStage
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import case, select
from sqlalchemy.orm import aliased

from plainres.names import ATTEMPT_TAG, CONFIG_HASH_TAG, GENERATION_TAG, SAME_AS_TAG

IDS_A_QUERY = 500  # databases take so many values in a list

Named = dict[str, Any]


def active_runs(store: SqlAlchemyStore, run_ids: Sequence[str]) -> dict[str, tuple[Named, Named]]:
    """Read the latest metrics and the tags of those of the runs that are there and not deleted, by id."""
    active: Any = select(SqlRun.run_uuid).where(SqlRun.lifecycle_stage == LifecycleStage.ACTIVE)
    runs: dict[str, tuple[Named, Named]] = {
        run_id: ({}, {}) for (run_id,) in _rows(store, active, SqlRun.run_uuid, run_ids)
    }
    latest = SqlLatestMetric
    values: Any = select(latest.run_uuid, latest.key, latest.value, latest.is_nan)
    for run_id, key, value, is_nan in _rows(store, values, latest.run_uuid, list(runs)):
        runs[run_id][0][key] = math.nan if is_nan else value
    tags: Any = select(SqlTag.run_uuid, SqlTag.key, SqlTag.value)
    for run_id, key, text in _rows(store, tags, SqlTag.run_uuid, list(runs)):
        runs[run_id][1][key] = text
    return runs


def metric_entries(store: SqlAlchemyStore, run_ids: Sequence[str], metric: str) -> Iterator[tuple[str, int, float]]:
    """Read run, step and value of everything that was logged of a metric, in the order of its times."""
    entries: Any = select(SqlMetric.run_uuid, SqlMetric.step, SqlMetric.value, SqlMetric.is_nan)
    entries = entries.where(SqlMetric.key == metric).order_by(SqlMetric.timestamp, SqlMetric.step, SqlMetric.value)
    for run_id, step, value, is_nan in _rows(store, entries, SqlMetric.run_uuid, run_ids):
        yield run_id, step, math.nan if is_nan else value


def finished_by_hash(
    store: SqlAlchemyStore, experiment_id: str, hashes: Sequence[str], generation: str
) -> dict[str, str]:
    """Find what `plainres.tracking.runs.finished_runs` does, by the hashes of the configurations."""
    of_hash, of_attempt, of_generation, of_same = (aliased(SqlTag) for _ in range(4))
    found: Any = (
        select(of_hash.value, SqlRun.run_uuid)
        .join(of_hash, (of_hash.run_uuid == SqlRun.run_uuid) & (of_hash.key == CONFIG_HASH_TAG))
        .join(of_attempt, (of_attempt.run_uuid == SqlRun.run_uuid) & (of_attempt.key == ATTEMPT_TAG))
        .outerjoin(of_same, (of_same.run_uuid == SqlRun.run_uuid) & (of_same.key == SAME_AS_TAG))
        .where(
            SqlRun.experiment_id == int(experiment_id),
            SqlRun.status == "FINISHED",
            SqlRun.lifecycle_stage == LifecycleStage.ACTIVE,
        )
        .order_by(case((of_same.key.is_(None), 1), else_=0), SqlRun.end_time.desc())  # the last of a hash counts
    )
    if generation:
        found = found.join(of_generation, (of_generation.run_uuid == SqlRun.run_uuid)).where(
            of_generation.key == GENERATION_TAG, of_generation.value == generation
        )
    return dict(_rows(store, found, of_hash.value, hashes))


def _rows(store: SqlAlchemyStore, query: Any, column: Any, values: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The query's rows in which the column has one of many values."""
    with store.ManagedSessionMaker() as session:
        for start in range(0, len(values), IDS_A_QUERY):
            yield from session.execute(query.where(column.in_(values[start : start + IDS_A_QUERY])))
