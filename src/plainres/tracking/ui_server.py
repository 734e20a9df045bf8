"""Serves MLflow's UI of a store on this machine, for as long as a person looks at it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile

import requests

from plainres.errors import StoreAway, without_credentials

HOST = "127.0.0.1"  # for this machine alone
USUAL_PORT = 5000
SECONDS_TO_ANSWER = 5.0
# Of fifteen processes two are left, which show a sweep as well.
FEW_PROCESSES = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@contextmanager
def served(uri: str, port: int = 0) -> Iterator[str]:
    """Serve the UI of a store in a database while this lasts; gives its address.

    Args:
        uri: of the store, which only the server's environment holds: others see a process's arguments.
        port: 0 for a free one.

    Raises:
        StoreAway: the server doesn't start.
    """
    port = port or _free_port()
    address = f"http://{HOST}:{port}"
    arguments = ["server", "--host", HOST, "--port", str(port), "--workers", "1"]
    with TemporaryFile("w+") as errors:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *arguments],
            env={**os.environ, **FEW_PROCESSES, "MLFLOW_BACKEND_STORE_URI": uri},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
        )  # fmt: skip
        try:
            if not _answers(server, address):
                errors.seek(0)
                said = errors.read().strip().rpartition("\n")[2]
                raise StoreAway(f"MLflow's UI didn't start: {without_credentials(said)}")
            yield address
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _answers(server: "subprocess.Popen[bytes]", address: str) -> bool:
    """Wait until the server answers, which takes seconds; False if it ends before."""
    while server.poll() is None:
        with suppress(requests.RequestException):
            return requests.get(f"{address}/health", timeout=SECONDS_TO_ANSWER).ok
        time.sleep(0.2)
    return False


def _free_port() -> int:
    """Find a free port: MLflow's own, to which reports link, if nothing listens there."""
    with socket.socket() as usual:
        if usual.connect_ex((HOST, USUAL_PORT)):
            return USUAL_PORT
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
