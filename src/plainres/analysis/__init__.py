"""Finished runs read back from MLflow: tables, the verdict, figures and the report, from the store alone."""

from plainres.analysis.results import SweepResults, read_sweep
from plainres.analysis.verdict import Verdict, judge

__all__ = ["SweepResults", "Verdict", "judge", "read_sweep"]
