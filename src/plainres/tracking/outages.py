"""A tracking store that is away for a while, told apart from one that refuses what it's asked."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from plainres.errors import StoreAway, StoreRefuses
from plainres.tracking.shown import first_line

SECONDS_BETWEEN_TRIES = 2.0
PATIENCE = 60.0  # seconds to wait for a store that's away when there's nothing else to do
TOO_MANY_REQUESTS, BAD_REQUEST = 429, 400

Value = TypeVar("Value")


@contextmanager
def reaching_store() -> Iterator[None]:
    """Around calls of MLflow: what an outage makes them raise becomes StoreAway, other refusals StoreRefuses.

    MLflow and its HTTP client log each of their own tries, with tracebacks; one line is enough.
    """
    for name in ("mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    except MlflowException as error:
        status = error.get_http_status_code()  # type: ignore[no-untyped-call]
        kind = StoreRefuses if status < 500 and status != TOO_MANY_REQUESTS else StoreAway
        raise kind(first_line(error)) from error
    except (ConnectionError, TimeoutError, SQLAlchemyError) as error:
        raise StoreAway(first_line(error)) from error


def making_once(call: Callable[[], Value]) -> Value:
    """The value of a call that makes something unless it's there, as a tag: once more if another was a moment faster.

    Of two machines that make it at once the database refuses one.
    """
    try:
        return call()
    except MlflowException as error:
        if error.get_http_status_code() != BAD_REQUEST:  # type: ignore[no-untyped-call]
            raise
        return call()


def keep_trying(call: Callable[[], Value], seconds: float) -> Value:
    """The value of a call, tried again while the store is away, for so many seconds.

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
