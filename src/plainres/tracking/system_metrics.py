"""The use of CPU, memory, disk and GPU while a run is trained, as MLflow's own metrics under `system/`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def system_metrics(tracking_uri: str, run_id: str) -> Iterator[None]:
    """Log them every ten seconds, going on after those that the run has; needs psutil, and nvidia-ml-py for a GPU."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)  # a store that's away is told of elsewhere
    monitor = SystemMetricsMonitor(  # type: ignore[no-untyped-call]
        run_id, resume_logging=True, tracking_uri=tracking_uri
    )
    monitor.start()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        monitor.finish()  # type: ignore[no-untyped-call]
