"""One tracked run, whole; the processes that train runs side by side; and what a person sees meanwhile."""
