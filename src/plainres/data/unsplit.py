"""A data set as its loader gives it, before validation images are carved out, and what the loader is asked for."""

from dataclasses import dataclass
from pathlib import Path

from plainres.data.splits import AnySplit


@dataclass(frozen=True)
class Request:
    """What a loader is asked for; each takes of it what it needs."""

    name: str
    data_dir: Path
    """Folder that holds, or is to hold, the files."""
    image_size: int
    """Side in pixels that images of several sizes are resized to; 0 keeps their own."""
    memory: int
    """Bytes that the images may take; more are streamed, where that's possible."""
    workers: int
    """Processes that decode streamed images, as in `StreamedSplit`."""


@dataclass(frozen=True)
class Unsplit:
    """All training images, and the test images."""

    training: AnySplit
    test: AnySplit
    class_names: tuple[str, ...]
    content: str = ""
    """Stands for the images, as `plainres.data.catalogue.content_of` has it."""
