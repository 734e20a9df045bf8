"""Optuna studies, each run as `python -m studies.NAME`."""

from plainres import interrupts

interrupts.begin()
