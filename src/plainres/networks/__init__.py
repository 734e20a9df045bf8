"""Plain and residual networks from one factory: which exist, what they are made of, and where they start."""
