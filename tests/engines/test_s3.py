"""MLflow's server with its files in S3, or what speaks its protocol: here moto's server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import plainres
from tests.engines.two_runs import finish, start
from tests.environment import environment
from tests.faults.waiting import eventually
from tests.servers import answers, free_port

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto.server", reason="the dependency group s3 installs it")
pytestmark = pytest.mark.engine

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
SWEEP = ["--depths", "8", "14", "--width", "8", "--seeds", "1", "--train-images", "300", "--epochs", "2"]


@pytest.fixture
def bucket() -> Iterator[Any]:
    """An empty bucket called runs."""
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    session = boto3.Session(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    yield session.resource("s3", endpoint_url=address).create_bucket(Bucket="runs")
    server.stop()


@pytest.fixture
def server(bucket: Any, tmp_path: Path) -> Iterator[str]:
    """The address of MLflow's server, which alone has the keys."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--artifacts-destination", "s3://runs/plainres",
        ],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment() | KEYS | {
            "MLFLOW_S3_ENDPOINT_URL": bucket.meta.client.meta.endpoint_url,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    eventually(lambda: answers(address), 120)
    yield address
    process.terminate()
    process.wait()


def test_clients_without_keys_store_and_read_a_servers_files_in_s3(
    bucket: Any, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not KEYS.keys() & os.environ.keys()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    folder = tmp_path / "client"
    folder.mkdir()
    code, _, errors = finish(start(folder, *SWEEP, uri=server))
    assert (code, errors) == (0, ""), errors

    client = MlflowClient(server)
    runs = client.search_runs(["1"], "tags.config_hash LIKE '%'")
    (parent,) = client.search_runs(["1"], "tags.config_hash IS NULL")
    stored = {Path(file.key).name for file in bucket.objects.filter(Prefix=f"plainres/1/{parent.info.run_id}/")}
    assert stored >= {"report.md", "report.html", "results.csv", "degradation.png", "curves.png", "gradients.png"}
    assert not list(folder.glob("mlruns/[0-9]*"))

    run = plainres.load_run(runs[0].info.run_id)
    test = run.dataset.test
    wrong = (run.predict(test.images).argmax(1) != test.labels).float().mean().item()
    assert wrong == pytest.approx(runs[0].data.metrics["final/test_error"])
