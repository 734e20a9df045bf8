"""Plain and residual networks of equal depth, trained alike and compared with evidence (He et al. 2015)."""
