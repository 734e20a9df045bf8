"""What answers in the tracking server's place while a run trains: a proxy's page, an expired token, an empty object."""

from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from plainres.running.events import Failed, Finished
from plainres.running.folders import Job
from plainres.running.tracked_run import Hooks, train_run
from plainres.settings import RunConfig
from plainres.system.stopping import StopSignal
from plainres.tracking import run_log
from plainres.tracking.runs import open_experiment
from plainres.tracking.source import Source
from plainres.training import EpochRecord, Trainer
from tests.faults.stored import histories

ANSWERS = {
    "an empty object": (200, "application/json", b"{}"),
    "a page": (200, "text/html", b"<html>Please sign in</html>"),
    "an expired token": (401, "text/plain", b"Unauthorized"),
    "no such address": (404, "text/html", b"<html>Not Found</html>"),
    "a bad request": (400, "text/plain", b"Bad Request"),
    "too little room": (507, "text/plain", b"Insufficient Storage"),
}


class Proxy(ThreadingHTTPServer):
    """Hands every request on to a server; while there is an `answer` it gives that instead."""

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.server = server
        self.answer: tuple[int, str, bytes] | None = None
        self.odd_answers = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def hand_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.answer:
            self.server.odd_answers += 1
            self.reply(*self.server.answer)
            return
        connection = HTTPConnection(urlsplit(self.server.server).netloc)
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        connection.request(self.command, self.path, content, headers)
        reply = connection.getresponse()
        self.reply(reply.status, reply.headers["Content-Type"] or "text/plain", reply.read())
        connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = hand_on  # noqa: N815

    def reply(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    with Proxy(server) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


@pytest.fixture
def job(proxy: Proxy, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(run_log, "SECONDS_BETWEEN_SENDS", 0)
    monkeypatch.setattr(run_log, "QUIET_SECONDS", 0)
    monkeypatch.setattr(run_log, "QUIET_SHARE", 0)
    experiment = replace(open_experiment(store, "somewhere"), tracking_uri=proxy.uri)
    return Job(experiment, None, "", Source("", ""), tmp_path / "checkpoints", checkpoint_every=1)


@pytest.fixture
def config(tiny) -> RunConfig:  # type: ignore[no-untyped-def]
    return tiny(epochs=6)  # type: ignore[no-any-return]


def train(config: RunConfig, job: Job, proxy: Proxy, answer: str, epochs: range) -> Finished | Failed:
    def on_record(trainer: Trainer, record: EpochRecord) -> bool:
        # The record of an epoch has been told by now: the next one is the first that the answer meets.
        proxy.answer = ANSWERS[answer] if record.epoch + 1 in epochs else None
        return False

    outcome = train_run(
        config, job, lambda event: None, patient=False, stop=StopSignal(), hooks=Hooks(on_record=on_record)
    )
    assert isinstance(outcome, Finished | Failed)
    return outcome


def check(job: Job, server: str) -> None:
    ((run_id, history),) = histories(server, "somewhere").values()
    assert [step for step, _ in history["loss/train"]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in history["grad_norm/total"]] == [0, 1, 2, 3, 4, 5, 6]
    assert [step for step, _ in history["final/train_error"]] == [6]
    run = replace(job.experiment, tracking_uri=server).client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert not list(job.checkpoints.glob("plain-8-*"))


@pytest.mark.parametrize("answer", ANSWERS)
def test_metrics_outlast_what_answers_in_the_servers_place_for_some_epochs(
    config: RunConfig, job: Job, proxy: Proxy, server: str, answer: str
) -> None:
    outcome = train(config, job, proxy, answer, range(3, 6))
    assert proxy.odd_answers
    assert isinstance(outcome, Finished), outcome
    check(job, server)


@pytest.mark.parametrize("answer", ["an empty object", "an expired token"])
def test_what_answers_in_the_servers_place_at_the_end_is_not_taken_for_it(
    config: RunConfig, job: Job, proxy: Proxy, server: str, answer: str
) -> None:
    outcome = train(config, job, proxy, answer, range(4, 8))  # and while all is handed over
    assert isinstance(outcome, Failed)
    assert "its results wait in" in outcome.reason
    proxy.answer = None
    outcome = train(config, job, proxy, answer, range(0))
    assert isinstance(outcome, Finished), outcome
    check(job, server)
