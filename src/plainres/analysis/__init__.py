"""Reads finished runs back from MLflow, and makes of them tables, the verdict, figures and the report."""

from plainres.analysis.results import SweepResults, read_sweep
from plainres.analysis.verdict import Verdict, judge

__all__ = ["SweepResults", "Verdict", "judge", "read_sweep"]
