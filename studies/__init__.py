"""Optuna studies, each run as `python -m studies.NAME`."""

from plainres.system import interrupts

interrupts.begin()
