"""How fast training is: the harness beside the bare step, the conventional loop, and what the hardware can do."""
