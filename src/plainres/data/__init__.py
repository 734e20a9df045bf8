"""Where images come from, how they are split, and how they reach the network in batches on the device."""

from plainres.data.loading import dataset_of, load_dataset
from plainres.data.splits import AnySplit, ImageDataset, Split

__all__ = ["AnySplit", "ImageDataset", "Split", "dataset_of", "load_dataset"]
