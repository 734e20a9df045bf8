"""One file a question, each run as `python -m experiments.NAME`."""

from plainres.system import interrupts

interrupts.begin()
