"""One tracked run, whole; what it tells, and what a person sees meanwhile."""
