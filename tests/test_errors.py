import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from plainres.errors import first_line, without_credentials


def test_credentials_are_not_shown() -> None:
    assert without_credentials("http://me:secret@host:5000/path") == "http://host:5000/path"
    assert without_credentials("request to http://me:p@ss/secret@host/ failed") == "request to http://host/ failed"
    assert without_credentials("--storage sqlite:////home/me@work/studies.db") == (
        "--storage sqlite:////home/me@work/studies.db"
    )
    assert without_credentials("at postgresql://host/db?user=me&password=secret now") == "at postgresql://host/db now"


def test_an_error_comes_to_one_line_without_credentials() -> None:
    assert first_line(OSError("\nno answer from http://me:secret@host/\nin 10 s")) == "no answer from http://host/"
    assert first_line(AssertionError()) == "AssertionError"


class Full(Dataset[torch.Tensor]):
    """Images that can't be handed over, as where the memory that processes share is full."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _: int) -> torch.Tensor:
        raise RuntimeError("unable to write to file </torch_1>: No space left on device (28)\nsecond line")


def test_an_error_of_a_loading_process_keeps_its_reason() -> None:
    with pytest.raises(RuntimeError, match=r"^Caught RuntimeError in DataLoader worker process 0") as caught:
        next(iter(DataLoader(Full(), num_workers=1)))
    assert first_line(caught.value) == "unable to write to file </torch_1>: No space left on device (28)"
