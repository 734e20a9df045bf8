"""Measures training beside other loops, for `experiments.throughput` alone: loops, turns, and what came of them."""
