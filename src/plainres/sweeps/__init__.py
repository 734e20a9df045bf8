"""Which runs are asked for, which are done already, and training the rest."""
