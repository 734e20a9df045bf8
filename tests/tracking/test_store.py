import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from mlflow import MlflowClient

from plainres.analysis.stored_runs import stored_run
from plainres.errors import BadInput
from plainres.tracking.database import sqlite_path
from plainres.tracking.runs import open_experiment
from plainres.tracking.store import (
    DEFAULT_URI,
    browse_hint,
    check_experiment_name,
    check_store,
    is_read_only,
    run_exists,
)
from tests.small_disk import mounted


def test_an_empty_folder_is_a_store_to_be_and_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_store(DEFAULT_URI)
    assert not run_exists(DEFAULT_URI, "0" * 32)
    assert not list(tmp_path.iterdir())


def test_a_database_without_tables_holds_no_run(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    check_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert not run_exists(f"sqlite:///{tmp_path / 'mlflow.db'}", "0" * 32)


def test_a_run_is_found_by_its_id(store: str) -> None:
    client = MlflowClient(store)
    run_id = client.create_run(client.create_experiment("somewhere")).info.run_id
    check_store(store)
    assert run_exists(store, run_id)
    assert not run_exists(store, "0" * 32)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sqlite:///missing/folder/mlflow.db", "folder is missing"),
        ("sqlite:///not-a-database.db", "not a database"),
        ("http://127.0.0.1:9", "can't be reached"),
        ("postgresql://someone:secret@127.0.0.1:9/mlflow", "can't be reached"),
        ("./mlruns", "neither a database"),
        ("http://127.0.0.1:abc", "can't be reached"),
        ("sqlite:mlflow.db", "sqlite:mlflow.db is no URL of a file: sqlite:///FILE names one"),
        ("http://[bad", "can't be reached"),
        ("postgresql://someone:secret@host:notaport/mlflow", "can't be reached"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused(
    uri: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("not-a-database.db").write_text("plain text " * 100)
    with pytest.raises(BadInput, match=words) as refusal:
        check_store(uri)
    assert "secret" not in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_the_hint_to_browse_opens_the_store_that_was_written() -> None:
    assert "secret" not in browse_hint("postgresql://me:secret@host/mlflow", "1")
    assert "--backend-store-uri sqlite:///other.db`" in browse_hint("sqlite:///other.db", "1")
    assert "--backend-store-uri 'sqlite:///a b.db'`" in browse_hint("sqlite:///a b.db", "1")
    assert browse_hint("sqlite:///./mlflow.db", "1") == browse_hint(DEFAULT_URI, "1")
    seen = browse_hint(DEFAULT_URI, "1", "settings_hash-0123").rpartition(" ")[2]
    assert seen.startswith("http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=settings_hash-0123&")
    assert browse_hint(DEFAULT_URI, "1").startswith("`uv run mlflow ui`, then http://127.0.0.1:5000/#/experiments/1")


class AsksForAPassword(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == f"Basic {b64encode(b'me:sec@ret').decode()}"
        self.send_response(200 if allowed else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_is_asked_with_the_credentials_of_its_uri_or_of_mlflows_variables_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), AsksForAPassword) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        check_store(f"http://me:sec%40ret@{host}")
        with pytest.raises(BadInput, match=f"tracking server http://{host} can't be reached: HTTP Error 401"):
            check_store(f"http://me:wrong@{host}")
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".mlflow").mkdir()
        (tmp_path / ".mlflow" / "credentials").write_text(
            "[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = sec@ret\n"
        )
        check_store(f"http://{host}")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "sec%40ret")  # as it is, and in place of the file's
        with pytest.raises(BadInput, match="HTTP Error 401"):
            check_store(f"http://{host}")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "sec@ret")
        check_store(f"http://{host}")
        server.shutdown()


def test_a_servers_certificate_is_trusted_as_mlflows_variables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    write_certificate(key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), AsksForAPassword) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"https://me:sec%40ret@localhost:{server.server_port}"
        with pytest.raises(BadInput, match="CERTIFICATE_VERIFY_FAILED"):
            check_store(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        check_store(uri)
        monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        check_store(uri)
        server.shutdown()


def write_certificate(key: Path, certificate: Path) -> None:
    """Of localhost, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    certificate.write_bytes(made.public_bytes(Encoding.PEM))


def test_a_folder_for_artifacts_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mlruns").write_text("a file")
    with pytest.raises(BadInput, match="mlruns is missing or can't be written"):
        check_store(DEFAULT_URI)
    assert [path.name for path in tmp_path.iterdir()] == ["mlruns"]


def test_a_name_that_a_database_would_cut_or_refuse_is_refused() -> None:
    check_experiment_name("x" * 250)
    for name in ("x" * 251, " ", "a\nb"):
        with pytest.raises(BadInput, match="the experiment's name"):
            check_experiment_name(name)


def test_a_deleted_experiment_is_refused(store: str) -> None:
    client = MlflowClient(store)
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(BadInput, match="'gone' was deleted"):
        open_experiment(store, "gone")
    with pytest.raises(BadInput, match="MLflow refuses"):
        open_experiment(store, "x" * 600)


class Admits(BaseHTTPRequestHandler):
    """Answers those who bear a header, and notes what it was asked as a proxy."""

    header = ("", "")
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name, text = self.header
        self.send_response(200 if not name or self.headers.get(name) == text else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def admitting(name: str = "", text: str = "") -> Iterator[tuple[str, list[str]]]:
    """The address of a server that wants a header, and what it was asked."""
    handler = type("Handler", (Admits,), {"header": (name, text), "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", handler.asked
        server.shutdown()


def test_a_server_is_asked_in_the_workspace_that_mlflow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with admitting("X-MLFLOW-WORKSPACE", "team") as (host, _):
        with pytest.raises(BadInput, match="HTTP Error 401"):
            check_store(f"http://{host}")
        monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
        check_store(f"http://{host}")


def test_a_server_is_asked_with_the_password_of_the_netrc_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password sec@ret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with admitting("Authorization", f"Basic {b64encode(b'me:sec@ret').decode()}") as (host, _):
        check_store(f"http://{host}")


def test_a_server_is_asked_through_the_proxies_that_its_client_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with admitting() as (server, of_server), admitting() as (proxy, of_proxy):
        monkeypatch.setenv("all_proxy", f"http://{proxy}")
        check_store("http://a-server.example:5000")
        assert of_proxy == ["http://a-server.example:5000/health"]
        monkeypatch.setenv("no_proxy", "127.0.0.0/8")
        check_store(f"http://{server}")
        assert of_server == ["/health"]
    with pytest.raises(BadInput, match=f"the proxy http://{proxy} that the environment names does not lead there"):
        check_store("http://a-server.example:5000")


def test_a_read_only_store_is_said_to_be_and_can_be_read(tmp_path: Path, store: str) -> None:
    run_id = MlflowClient(store).create_run(MlflowClient(store).create_experiment("somewhere")).info.run_id
    with mounted(tmp_path / "disk", "16m") as disk:
        shutil.copy(sqlite_path(store), disk / "mlflow.db")
        uri = f"sqlite:///{disk / 'mlflow.db'}"
        assert not is_read_only(uri)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert is_read_only(uri)
        check_store(uri, writes=False)
        assert run_exists(uri, run_id)
        assert stored_run(uri, run_id).info.run_id == run_id
        with pytest.raises(BadInput, match="can't be written"):
            check_store(uri)


def test_the_hint_to_browse_works_where_runs_of_older_versions_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("name: Default\n")
    assert "`uv run mlflow ui --backend-store-uri sqlite:///mlflow.db`" in browse_hint(DEFAULT_URI, "1")
