"""Plan which runs are asked for, find those that are done already, and train the rest."""
