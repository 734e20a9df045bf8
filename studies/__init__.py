"""Holds Optuna studies, each run as `python -m studies.NAME`."""

from plainres.system.stopping import say_interrupts_in_a_line

say_interrupts_in_a_line()
