"""Runs experiments and studies in forks of a process that has imported everything, so that starting takes no time.

Reads a line of JSON for each request: `{"start": [arguments], "module": ..., "folder": ..., "uri": ...}` is answered
with the process id, and `{"wait": pid}` with the exit code once it has ended, negative for a signal. Output goes to
`.out` and `.err` beside the folder.
"""

import importlib
import json
import multiprocessing.forkserver
import os
import signal
import sys

from plainres.cli.command_line import run_command
from plainres.system.processes import PRELOADED, worker_context


def start(module: str, folder: str, arguments: list[str], uri: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the tests' own shell ignores it
    os.chdir(folder)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    # The server that workers are forked from is this process's child, not the fork's.
    multiprocessing.forkserver.ensure_running = lambda: None  # type: ignore[attr-defined]
    multiprocessing.forkserver._forkserver.ensure_running = lambda: None  # type: ignore[attr-defined]
    if uri:
        os.environ["MLFLOW_TRACKING_URI"] = uri
    sys.argv[1:] = arguments
    code = 1
    try:
        command = importlib.import_module(module)
        code = run_command(command.Flags, command.main, command.PROGRAM)
    finally:
        sys.stdout.flush()
        os._exit(code)


def import_everything() -> None:
    """Here, so that the workers, which import this file again, don't import what is for the commands."""
    for module in (
        *("experiments.degradation", "studies.lr_batch_size", "mlflow.store.tracking.sqlalchemy_store"),
        *("plainres.analysis.report", "plainres.analysis.figures"),
        *("plainres.tuning.study_report", "plainres.tuning.study_figures"),
    ):
        importlib.import_module(module)


if __name__ == "__main__":
    import_everything()
    PRELOADED.append("tests.faults.patient_server")
    worker_context()
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = start(request["module"], request["folder"], request["start"], request["uri"])
            print(pid, flush=True)
        else:
            print(os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1]), flush=True)
