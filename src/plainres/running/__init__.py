"""Train one tracked run, whole; tell how it goes, and show that to a person."""
