"""Loads images, splits them, and brings them to the network in batches on the device."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plainres.data.loading import dataset_of, load_dataset
    from plainres.data.splits import AnySplit, ImageDataset, Split

__all__ = ["AnySplit", "ImageDataset", "Split", "dataset_of", "load_dataset"]


def __getattr__(name: str) -> object:
    """Import the names above late: the catalogue of data sets needs no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"plainres.data.{'loading' if name.islower() else 'splits'}"), name)
