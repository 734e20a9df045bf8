"""Trains plain and residual networks of equal depth alike and compares them with evidence (He et al. 2015).

What is named here is imported when it's first used: torch and MLflow take seconds.
"""

import warnings
from importlib import import_module
from typing import Any

# tqdm's, which MLflow imports in a notebook, of widgets that nothing here uses.
warnings.filterwarnings("ignore", "IProgress not found")

_HOMES = {
    "BadInput": "plainres.errors",
    "build_network": "plainres.networks.factory",
    "compare": "plainres.workflows.python_calls",
    "load_run": "plainres.analysis.trained",
    "load_sweep": "plainres.workflows.python_calls",
    "tune": "plainres.workflows.python_calls",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("plainres")
    if name not in _HOMES:
        raise AttributeError(f"module 'plainres' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES, "__version__"]
