"""Trains one run, as an iterator of epoch records that knows no logger."""

from plainres.training.trainer import EpochRecord, Trainer, train

__all__ = ["EpochRecord", "Trainer", "train"]
