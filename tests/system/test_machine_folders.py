import os
import pwd
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from plainres.running.folders import default_root
from plainres.sweeps.configure import configure
from plainres.system.files import cache_folder
from tests.environment import environment

TALK = """
from multiprocessing.connection import Client, Listener
from multiprocessing.util import get_temp_dir
from plainres.system.processes import shorten_socket_addresses
shorten_socket_addresses()
with Listener(family="AF_UNIX") as listener, Client(listener.address):
    print(get_temp_dir())
"""


@pytest.mark.parametrize("length", [30, 100, 200])
def test_processes_talk_whatever_the_length_of_tmpdir(length: int) -> None:
    with TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short).joinpath("t" * (length - len(short) - 1))
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", TALK], env={**environment(), "TMPDIR": str(folder)}, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    used = Path(done.stdout.strip())
    assert used.is_relative_to(folder) == (length == 30)
    assert not used.exists()


def test_the_cache_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder() == Path("/home/ada/.cache/plainres")


def test_who_has_no_home_has_a_cache_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert cache_folder().name == "cache"
    assert f"-{os.getuid()}" in str(cache_folder())
    assert configure("plain", 8, 0).data_dir == str(cache_folder())
    assert default_root("http://host:5000") == cache_folder() / "checkpoints"
