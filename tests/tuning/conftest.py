import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from plainres.tuning.definition import Search, StudyPlan, plan_studies


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of its own, on a free port, in a temporary folder."""
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if found is None:
        pytest.skip("no PostgreSQL is installed")
    # Links lead to the folder that holds the programs that belong together.
    programs = Path(found).resolve().parent
    if not (programs / "postgres").exists():
        programs = next(Path("/usr/lib/postgresql").glob("*/bin"))
    # The server refuses to run as root.
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, "nobody")

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, "-D", f"{folder}/data", *arguments],
                check=True, stdout=subprocess.DEVNULL, cwd=folder, **user,
            )  # fmt: skip

        run("initdb", "-U", "tester", "--auth", "trust", "--no-sync")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://tester:secret@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    """An SQLite storage that isn't made yet."""
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture(scope="session")
def tiny_plans() -> Callable[..., tuple[StudyPlan, ...]]:
    """Studies whose trials train in a second."""

    def make(
        variants: tuple[str, ...] = ("plain",),
        depths: tuple[int, ...] = (8,),
        prefix: str = "tiny",
        epochs: int = 1,
        lr: float | None = None,
        **search: object,
    ) -> tuple[StudyPlan, ...]:
        defaults = {
            "lr_range": (1e-3, 1.0), "batch_sizes": (64, 128, 256), "objective": "train_loss", "pruner": "none",
            "pruner_warmup": None, "sampler_seed": 0,
        }  # fmt: skip
        return plan_studies(
            variants, depths, 0,
            prefix=prefix, search=Search(**{**defaults, **search}),
            settings={"width": 8, "epochs": epochs, "device": "cpu", "lr": lr},
        )  # fmt: skip

    return make
