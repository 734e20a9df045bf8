"""Tells a tracking store that is away for a while from one that refuses what it's asked."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from plainres.errors import OneLine, StoreAway, StoreRefuses, first_line

SECONDS_BETWEEN_TRIES = 2.0
PATIENCE = 60.0  # seconds to wait for a store that's away when there's nothing else to do
TOO_MANY_REQUESTS, BAD_REQUEST = 429, 400

Value = TypeVar("Value")


@contextmanager
def reaching_store() -> Iterator[None]:
    """Surround calls of MLflow: what an outage makes them raise becomes StoreAway, other refusals StoreRefuses.

    What answers in a server's place, as a proxy's page, makes MLflow's client raise whatever comes of it. MLflow and
    its HTTP client log each of their own tries, with tracebacks; one line is enough.
    """
    for name in ("mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    except MlflowException as error:
        status = error.get_http_status_code()  # type: ignore[no-untyped-call]
        kind = StoreRefuses if status < 500 and status != TOO_MANY_REQUESTS else StoreAway
        raise kind(_reason(error)) from error
    except (ConnectionError, TimeoutError, SQLAlchemyError, RequestException) as error:
        raise StoreAway(_reason(error)) from error
    except OneLine:
        raise
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StoreAway(f"what answers is no MLflow: {first_line(error)}") from error


def _reason(error: Exception) -> str:
    """What a database's driver says of a failure, without SQLAlchemy's words before it; else the error's first line."""
    driver = re.search(r"\(\w+\.\w*Error\) (.*)", str(error))
    return first_line(Exception(driver[1])) if driver else first_line(error)


def making_once(call: Callable[[], Value]) -> Value:
    """Call what makes something unless it's there, as a tag: once more if another was a moment faster.

    Of two machines that make it at once the database refuses one.
    """
    try:
        return call()
    except MlflowException as error:
        if error.get_http_status_code() != BAD_REQUEST:  # type: ignore[no-untyped-call]
            raise
        return call()


def keep_trying(call: Callable[[], Value], seconds: float) -> Value:
    """Call something, again while the store is away, for so many seconds; returns its value.

    Raises:
        StoreAway: it still is.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with reaching_store():
                return call()
        except StoreAway:
            if time.monotonic() > deadline:
                raise
        time.sleep(SECONDS_BETWEEN_TRIES)
