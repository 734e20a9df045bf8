"""What measures a network on a batch, in training or afterwards."""
