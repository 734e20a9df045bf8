"""Measures a network on a batch, in training or afterwards: each probe is a module with a function `measure`."""

# Those that can be asked for by name; the gradient norms (`gradients`) are measured in every training.
PROBES = ("gradient_coherence", "growth_rate", "responses", "lesion", "sharpness", "landscape")
