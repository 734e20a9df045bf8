"""What is asked of Slurm's commands while its controller does not answer; `tests/engines` asks a real one."""

import os
from pathlib import Path

import pytest

from plainres.launchers import slurm_commands


@pytest.fixture
def away_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `squeue` and a `sinfo` that fail twice, as they do while slurmctld is away, and then answer."""
    for name, answer in (("squeue", "4711"), ("sinfo", "node1 64 gpu:h100:4(S:0-1)")):
        command = tmp_path / name
        command.write_text(
            f'#!/bin/sh\necho x >> "$0.asked"\n[ $(wc -l < "$0.asked") -gt 2 ] || exit 1\necho "{answer}"\n'
        )
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm_commands, "SECONDS_BETWEEN_TRIES", 0.01)
    return tmp_path


@pytest.mark.usefixtures("away_twice")
def test_a_job_is_not_given_up_while_slurm_does_not_say_whether_it_has_it() -> None:
    assert slurm_commands.states() is None
    assert slurm_commands.id_of("plainres-1") == "4711"
    assert slurm_commands.machines("") == [{"CPU": 64, "GPU": 4}]


def test_of_a_persons_settings_those_of_sbatch_stay_that_say_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ("SQUEUE_STATES", "SINFO_PARTITION", "SBATCH_EXPORT", "SBATCH_TIMELIMIT", "SLURM_JOB_ID", "SBATCH_PARTITION")
    kept = ("SBATCH_ACCOUNT", "SBATCH_MEM_PER_CPU", "SLURM_CONF")
    for name in (*gone, *kept):
        monkeypatch.setenv(name, "own")
    with slurm_commands.without_personal_settings("another"):
        assert not [name for name in gone if name in os.environ]
        assert all(os.environ[name] == "own" for name in kept)
    with slurm_commands.without_personal_settings():
        assert os.environ["SBATCH_PARTITION"] == "own"
    assert all(os.environ[name] == "own" for name in (*gone, *kept))
