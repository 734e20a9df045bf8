"""Imports, in the server of worker processes, what they need before it forks them.

Collections of garbage in workers leave alone what was imported before, and so leave it shared. The server itself ends
at once, rather than after the seconds that it takes to free it all: who reads a command's output through a pipe waits
for the last process that holds it.
"""

import atexit
import gc
import os
from importlib import import_module

from plainres.system.garbage import uncollected

with uncollected():
    # Training, and what torch's optimizers and MLflow's database store load late.
    for name in ("plainres.running.tracked_run", "torch._dynamo", "mlflow.store.tracking.sqlalchemy_store"):
        import_module(name)
gc.freeze()
atexit.register(os._exit, 0)
