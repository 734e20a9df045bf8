"""Settles who trains a run: all that write to its store agree there, wherever they keep their checkpoints.

An MLflow run that is RUNNING and has the lease's tag is the claim of one process to train a configuration. A process
makes its claim and only then looks for others: of two, at least one sees the other's, and gives way. The holder changes
the tag every few seconds; a claim that another process has seen unchanged for long enough is revoked. No two machines'
clocks are compared.
"""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from mlflow.entities import Run

from plainres.errors import StoreAway
from plainres.names import ATTEMPT_TAG, CONFIG_HASH_TAG, LEASE_TAG
from plainres.settings import RunConfig
from plainres.system.processes import repeated
from plainres.tracking.outages import reaching_store
from plainres.tracking.runs import Experiment, end_if_open, finished_run

SECONDS_BETWEEN_SIGNS = 10.0
SECONDS_BETWEEN_LOOKS = 2.0
LOOKS_OF_SILENCE = 30  # in a row at the same sign, after which a claim is revoked: a minute
LOOKS_TO_SETTLE, SECONDS_TO_SETTLE = 5, 0.5  # for those who claim at the same moment
SECONDS_TO_END = 2.0  # for what is being asked of the store when the lease ends


class GivesWay(Exception):
    """Says that another process trains the run, or has."""


class Lease:
    """Holds the claim of one process to train a configuration.

    Attributes:
        attempts: those of the journals that this process alone may go on from; their claims are its own.
        lost: whether others took it for dead and have revoked its claim.
    """

    def __init__(
        self, experiment: Experiment, config: RunConfig, generation: str = "", attempts: Iterable[str] = ()
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.generation = generation
        self.attempts = set(attempts)
        self.lost = False
        self._run_id: str | None = None

    def others(self) -> dict[str, str]:
        """Find the claims of other processes: their runs' ids, each with its latest sign of life."""
        return {run.info.run_id: run.data.tags[LEASE_TAG] for run in self._claims() if not self._is_own(run)}

    def stands(self, run_id: str) -> bool:
        """Tell whether this process may train, now that the run, its claim, is there for all to see."""
        self._run_id, self.lost = run_id, False
        for _ in range(LOOKS_TO_SETTLE):
            others = []
            for claim in self._claims():
                if not self._is_own(claim):
                    others.append(claim.info.run_id)
                elif claim.info.run_id != run_id:  # of a process that died, whose folder is this one's now
                    self.revoke(claim.info.run_id)
            if not others:  # Who has finished meanwhile was among the claims before.
                return finished_run(self.experiment, self.config, self.generation) is None
            if min(others) < run_id:
                return False
            time.sleep(SECONDS_TO_SETTLE)  # they give way, unless they were here first
        return False

    def renew(self) -> None:
        """Show a sign of life, or notice that the claim was revoked."""
        if self._run_id is None:
            return
        info = self.experiment.client.get_run(self._run_id).info
        if info.status == "RUNNING" and info.lifecycle_stage == "active":
            self.experiment.client.set_tag(self._run_id, LEASE_TAG, sign())
        else:
            self.lost = True

    def check(self) -> None:
        """Raise GivesWay if others took this process for dead."""
        if self.lost:
            raise GivesWay

    def revoke(self, run_id: str) -> None:
        """End the run of a process that is gone, and its claim with it."""
        end_if_open(self.experiment, run_id, "KILLED")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Show signs of life meanwhile, as soon as there is a claim; a store that is away gets the next one."""

        def keep() -> None:
            with suppress(StoreAway), reaching_store():
                self.renew()

        with repeated(keep, SECONDS_BETWEEN_SIGNS, seconds_to_end=SECONDS_TO_END):
            yield

    def _is_own(self, claim: Run) -> bool:
        return claim.data.tags.get(ATTEMPT_TAG) in self.attempts

    def _claims(self) -> list[Run]:
        return list(
            self.experiment.client.search_runs(
                [self.experiment.experiment_id],
                f"attributes.status = 'RUNNING' AND tags.{CONFIG_HASH_TAG} = '{self.config.config_hash}' "
                f"AND tags.{LEASE_TAG} LIKE '%'",
            )
        )


class Watch:
    """Notices which claims show no sign of life, by how often they were looked at."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str], int] = {}

    def silent(self, claims: Mapping[str, str]) -> list[str]:
        """Take in what was seen now; returns the runs whose claims have had the same sign for too long."""
        self._looks = {claim: self._looks.get(claim, 0) + 1 for claim in claims.items()}
        return [run_id for (run_id, _), looks in self._looks.items() if looks > LOOKS_OF_SILENCE]

    def forget(self) -> None:
        """Begin anew: nobody could show a sign while the store was away."""
        self._looks.clear()


def sign() -> str:
    """Make a sign of life, unlike every other."""
    return uuid.uuid4().hex[:8]
