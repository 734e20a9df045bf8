"""Optuna studies, each run as `python -m studies.NAME`."""
