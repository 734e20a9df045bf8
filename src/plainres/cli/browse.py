"""How do I look at a sweep? Opens MLflow's UI on it."""

import os
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED
from plainres.cli.list_sweeps import lines_of
from plainres.errors import BadInput, StoreAway, Terminated, without_credentials
from plainres.settings.declaration import check_values, setting
from plainres.tracking.store import check_store, page_of, page_of_run, run_exists, tracking_uri


@dataclass(frozen=True)
class Flags:
    """Open a sweep in MLflow's UI, the last one or that of an id, and print what it is, where its files lie and where.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in this folder. That of a database is served for this machine alone,
    on port 5000 or another free one, until Ctrl-C.
    """

    ALONE: ClassVar[str] = "run"
    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "RUN_ID", "RUN_ID --no-open")

    run: str | None = setting(
        None, "The sweep's parent run, as `plainres sweeps` lists it; the flag may be left out.",
        metavar="RUN_ID", shown="the last sweep's",
    )  # fmt: skip
    open: bool = setting(True, "Open a browser, where there is a screen for one.")
    port: int = setting(0, "Port of the UI.", least=0, most=65535, shown="a free one")


def main(flags: Flags) -> int:
    """Find the sweep, and show it until Ctrl-C."""
    check_values(flags)
    uri = tracking_uri()
    check_store(uri, writes=False)
    if flags.run is not None and not run_exists(uri, flags.run):
        raise BadInput(f"the tracking store has no run {flags.run!r}")
    from plainres.analysis.stored_sweeps import stored_sweeps
    from plainres.tracking.artifacts import artifact_location
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.ui_server import served

    with reaching_store():
        sweep = next((each for each in stored_sweeps(uri) if flags.run in (None, each.run_id)), None)
        files = artifact_location(uri, sweep.run_id) if sweep else ""
    if sweep is None:
        raise BadInput(f"run {flags.run} is no sweep's parent run" if flags.run else "the store holds no sweep yet")
    there = "" if "://" in files or Path(files).exists() else f" (not there; --report {sweep.run_id} makes it anew)"
    print(f"{lines_of(sweep)}\nReport and files: {files}{there}", flush=True)
    pages = page_of(sweep.experiment_id, sweep.view), page_of_run(sweep.experiment_id, sweep.run_id)
    if uri.startswith("http"):
        show(without_credentials(uri).rstrip("/"), pages, flags)
        return FINISHED
    try:
        with served(uri, flags.port) as address:
            show(address, pages, flags)
            print("Ctrl-C ends it.", flush=True)
            Event().wait()
    except StoreAway as error:
        print(f"error: {error}", file=sys.stderr)
        return RUN_FAILED
    except Terminated:
        raise
    except KeyboardInterrupt:
        print()
    return FINISHED


def show(address: str, pages: tuple[str, str], flags: Flags) -> None:
    """Print where the sweep's view and its parent run are, and open the view where there's a person before a screen."""
    view, parent = (address + page for page in pages)
    print(f"Browse: {view}\nParent run, with the verdict: {parent}", flush=True)
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if flags.open and screen and sys.stdout.isatty():
        webbrowser.open(view)
