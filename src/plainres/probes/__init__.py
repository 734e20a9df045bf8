"""What measures a network on a batch, in training or afterwards: a module with a function `measure` for each probe."""

# Those that can be asked for by name; the gradient norms (`gradients`) are measured in every training.
PROBES = ("gradient_coherence", "growth_rate", "responses", "lesion", "sharpness", "landscape")
