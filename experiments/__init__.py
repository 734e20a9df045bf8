"""One file a question, each run as `python -m experiments.NAME`."""

from plainres import interrupts

interrupts.begin()
