"""Tells which database a URL stands for, whether it can be reached and written, and whose tables it holds."""

import hashlib
import math
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

from plainres.errors import BadInput, without_credentials
from plainres.system.files import temporary_folder
from plainres.system.locks import locked

if TYPE_CHECKING:
    from sqlalchemy import Connection

SECONDS_TO_ANSWER = 1.5
SECONDS_TO_LOCK = 60.0  # others may write a file of SQLite's without a pause, and none of them queues
MLFLOWS_TABLE = "experiments"
OPTUNAS_TABLE = "studies"
FILLED_TABLES = (MLFLOWS_TABLE, "runs")  # by MLflow as soon as its tables are made, and by what is stored
VERSION_TABLE = "alembic_version"  # both name the version of their tables in it
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def is_sqlite(url: str) -> bool:
    """Tell whether a database is one of SQLite's."""
    return _dialect(url) == "sqlite"


def sqlite_path(url: str) -> Path:
    """Find the file of an SQLite URL; nameless for a database in memory."""
    name, _, query = url.partition(":///")[2].partition("?")
    options = parse_qs(query)
    if name.startswith("file:") and "uri" in options:
        name = unquote(urlsplit(name).path)
    in_memory = name in ("", ":memory:") or "memory" in options.get("mode", ())
    return Path() if in_memory else Path(name)


def in_memory(url: str) -> bool:
    """Tell whether a database ends with the process that opens it."""
    return is_sqlite(url) and not sqlite_path(url).name


def resolved(url: str) -> str:
    """Give the same text for every URL that leads to one store: links followed, drivers and credentials left out."""
    if is_sqlite(url):
        return "sqlite:///:memory:" if in_memory(url) else f"sqlite:///{sqlite_path(url).resolve()}"
    dialect = _dialect(url)
    if dialect not in PORTS:
        return without_credentials(url).rstrip("/")
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host = options.get("host", parts.hostname or "localhost").replace("127.0.0.1", "localhost")
    port = options.get("port", parts.netloc.rpartition("@")[2].partition(":")[2] or PORTS[dialect])
    schema = f"?{options['options']}" if "options" in options else ""
    return f"{dialect}://{host}:{port}/{options.get('dbname', parts.path.lstrip('/'))}{schema}"


def check_database(url: str, what: str, *, writes: bool = True) -> None:
    """Return if a database can be reached, and a file of SQLite's written if it `writes`; nothing is, to find out.

    Raises:
        BadInput: it can't; `what` names it in the message.
    """
    if not is_sqlite(url):
        query_database(url, "SELECT 1", {}, what)
    elif ":///" not in url and not url.endswith("://"):
        raise BadInput(f"{what} {url} is no URL of a file: sqlite:///FILE names one")
    elif in_memory(url):
        raise BadInput(f"a {what} in memory can't be shared by processes: name a file, as sqlite:///FILE")
    elif writes:
        _check_file(sqlite_path(url), what)
    elif not os.access(sqlite_path(url), os.R_OK):
        raise BadInput(f"{what} {sqlite_path(url)} is missing or can't be read")


def check_folder(folder: Path, what: str) -> None:
    """Raise BadInput if files can't be made in a folder."""
    by_effective_ids = os.access in os.supports_effective_ids
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK, effective_ids=by_effective_ids):
        raise BadInput(f"{what}: folder {folder} is missing or can't be written")


def query_database(url: str, query: str, values: Mapping[str, str], what: str) -> str | None:
    """Ask for the first value that a query gives, as text; raises BadInput where the database can't be reached."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _connected(url) as connection:
            row = connection.execute(text(query), dict(values)).first()
            return None if row is None else str(row[0])
    except (SQLAlchemyError, ImportError, ValueError) as error:
        # A password that holds an `@` gets into the host's name, and so into the reason.
        reason = re.sub(r"\S*@", "", str(error).splitlines()[0])
        reason = re.sub(r'user "[^"]*"', "the user", reason)
        raise BadInput(f"{what} {without_credentials(url)} can't be reached: {reason}") from error


def tables_and_version(url: str) -> tuple[frozenset[str], str]:
    """Read which tables a database has that `check_database` found well, and the version that their maker noted."""
    from sqlalchemy import inspect

    if is_sqlite(url) and not sqlite_path(url).exists():
        return frozenset(), ""
    with _connected(url) as connection:
        tables = frozenset(inspect(connection).get_table_names())
        query = f"SELECT version_num FROM {VERSION_TABLE}"
        row = connection.exec_driver_sql(query).first() if VERSION_TABLE in tables else None
        return tables, str(row[0]) if row else ""


def is_unmade(url: str) -> bool:
    """Tell whether a database lacks MLflow's tables, or they are half made by who was killed, and nothing is in them.

    MLflow notes the version after each of some seventy steps.
    """
    tables, version = tables_and_version(url)
    if not tables:
        return True
    known, needed = mlflows_versions()
    if MLFLOWS_TABLE not in tables or version == needed or version not in ("", *known):
        return False
    with _connected(url) as connection:
        return not any(
            connection.exec_driver_sql(f"SELECT 1 FROM {name}").first() for name in FILLED_TABLES if name in tables
        )


def mlflows_versions() -> tuple[frozenset[str], str]:
    """Find the versions of its tables that the installed MLflow knows, and the one that it needs; without its import.

    Each of its migrations names itself and the one that it follows.
    """
    spec = find_spec("mlflow")
    assert spec is not None
    assert spec.origin
    migrations = (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in migrations]
    known, followed = (
        {match[1] for text in texts if (match := re.search(rf'^{name} = "(\w+)"', text, re.MULTILINE))}
        for name in ("revision", "down_revision")
    )
    (newest,) = known - followed
    return frozenset(known), newest


@contextmanager
def opening_store(uri: str) -> Iterator[None]:
    """Hold this user's lock of a store, for what a database can't guard: its own making, or a name made once.

    The system frees the lock when the process dies.

    Raises:
        BadInput: another command keeps it for a minute, as one that is stopped does, or its folder can't be written.
    """
    folder = temporary_folder()
    name = f"{hashlib.sha256(resolved(uri).encode()).hexdigest()[:16]}.lock"
    with ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            stack.enter_context(locked(folder / name, "is opening the store"))
        except OSError as error:
            reason = f"folder {folder} can't be written ({error.strerror}): name another one in TMPDIR"
            raise BadInput(reason) from error
        yield


@contextmanager
def _connected(url: str) -> "Iterator[Connection]":
    """Gives up soon on a server that doesn't answer, and late on a file that others write."""
    from sqlalchemy import create_engine

    if is_sqlite(url):
        timeout = {"timeout": SECONDS_TO_LOCK}
    else:
        timeout = {} if _dialect(url) == "mssql" else {"connect_timeout": math.ceil(SECONDS_TO_ANSWER)}
    engine = create_engine(url, connect_args=timeout)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _dialect(url: str) -> str:
    return url.partition(":")[0].split("+")[0]


def _check_file(path: Path, what: str) -> None:
    check_folder(path.parent, what)  # SQLite makes a journal beside the file
    if not path.exists():
        return
    if not os.access(path, os.W_OK):
        raise BadInput(f"{what} {path} can't be written: it is read-only")
    try:
        address = f"file:{quote(str(path))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=SECONDS_TO_ANSWER)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
            return  # another process is writing it: so it can be written
        raise BadInput(f"{what} {path} can't be written: {error}") from error
