import pytest
from requests import HTTPError

from plainres.errors import StoreAway
from plainres.tracking.outages import reaching_store


def test_a_proxy_that_refuses_a_large_file_is_no_reason_to_lose_a_run() -> None:
    with pytest.raises(StoreAway, match="413 Client Error: Request Entity Too Large"), reaching_store():
        raise HTTPError("413 Client Error: Request Entity Too Large for url: https://server/api")
