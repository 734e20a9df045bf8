"""Builds plain and residual networks from one factory: which exist, what they are made of, where they start."""
