"""Tuning learning rate and batch size of every network alike, with Optuna."""
