"""A command of the docs in a shortened form, which trains small networks on few images and is otherwise the same."""

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from plainres.data.catalogue import facts_of
from plainres.settings import Settings, names_of
from tests.docs.pages import program_of

# The smallest networks that exist, and enough images for a class of ten in each split.
SMALL = {
    "depths": "8 14",
    "depth": "8",
    "width": "8",
    "seeds": "0 1",
    "epochs": "2",
    "image-size": "16",
    "train-images": "200",
    "test-images": "100",
    "trials": "2",
    "batch-sizes": "32 64",
    "steps": "10",
    "rounds": "2",
    "seconds": "0.05",
    "pairs": "2",
}
Words = tuple[str, ...]


def shortened(command: str, stand_ins: Mapping[str, str]) -> Words:
    """Module and arguments: sizes are replaced by small ones, and what isn't at hand by a stand-in."""
    _, (_, _, module, *words) = program_of(command)
    arguments = flags_of([stand_ins.get(word, word) for word in words])
    has = known_flags(module)
    if not {"summary", "report"} & arguments.keys():
        arguments |= {name: value.split() for name, value in SMALL.items() if name in has}
    if "dataset" in has and facts_of(dataset_of(module, arguments)).needs_files and "summary" not in arguments:
        folder = Path(*arguments.get("data-dir", ["nowhere"]))
        if not folder.exists():
            arguments |= {"dataset": ["digits"]}
    return module, *(word for name, values in arguments.items() for word in (f"--{name}", *values))


def flags_of(words: list[str]) -> dict[str, list[str]]:
    """The values of each flag."""
    flags: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            flags[name] = []
        else:
            flags[name].append(word)
    return flags


def known_flags(module: str) -> set[str]:
    """The flags that a command has."""
    own = {each.name for each in fields(import_module(module).Flags)}
    return {name.replace("_", "-") for name in (*own, *(names_of(Settings) if "run" in own else ()))}


def dataset_of(module: str, arguments: Mapping[str, list[str]]) -> str:
    """The data set that a command trains on."""
    own = getattr(import_module(module).Flags, "OWN", {})
    return arguments.get("dataset", [own.get("dataset", "digits")])[0]
