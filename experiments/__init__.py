"""Holds one file a question, each run as `python -m experiments.NAME`."""

from plainres.system.stopping import say_interrupts_in_a_line

say_interrupts_in_a_line()
