"""Tunes learning rate, batch size and weight decay of every network alike, with Optuna."""
