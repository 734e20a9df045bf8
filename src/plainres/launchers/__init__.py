"""Holds who trains many runs side by side: processes of this machine, torchrun's, Ray's or Slurm's."""
