"""A command of the docs in a shortened form, which trains small networks on few images and is otherwise the same."""

from collections.abc import Mapping
from importlib import import_module

from plainres.data.catalogue import facts_of
from plainres.settings.values import options_of
from tests.docs.pages import program_of

# The smallest networks that exist, and enough images for a class of ten in each split.
SMALL = {
    "depths": "8 14",
    "depth": "8",
    "width": "8",
    "seeds": "0 1",
    "epochs": "2",
    "warmup-epochs": "1",
    "train-images": "200",
    "test-images": "100",
    "trials": "2",
    "confirm": "1",
    "batch-sizes": "32 64",
    "budgets": "2 4",
    "values": "2",
    "choices": "lr-third",
    "leaks": "0 0.5 1",
    "steps": "10",
    "rounds": "2",
    "seconds": "0.05",
    "pairs": "2",
}
IMAGE_SIZE = "16"  # where images have another size than their own
UNTRIED = ["1", "2"]  # seeds that no trial has had
ONE_DEPTH = {"rounds", "pairs"}  # the flags of commands that measure each depth alone
Words = tuple[str, ...]


def shortened(command: str, stand_ins: Mapping[str, str]) -> Words:
    """Module and arguments: sizes are replaced by small ones, and data sets that have files by the digits.

    Args:
        command: as a page shows it.
        stand_ins: for words that stand for what a reader has, as FOLDER.
    """
    _, (_, _, module, *words) = program_of(command)
    arguments = given([stand_ins.get(word, word) for word in words])
    if not {"summary", "report"} & arguments.keys():
        arguments = small(module, arguments)
    return module, *(word for name, values in sorted(arguments.items()) for word in (f"--{name}", *values))


def small(module: str, arguments: dict[str, list[str]]) -> dict[str, list[str]]:
    """The arguments with those that make a command's work small."""
    flags = import_module(module).Flags
    has = flags_of(flags)
    asked = {name: value.split() for name, value in SMALL.items() if name in has}
    if "tuned" in arguments:
        asked["seeds"] = UNTRIED
    if ONE_DEPTH & has:
        asked["depths"] = asked["depths"][:1]
    own = getattr(flags, "OWN", {})
    if "image-size" in arguments or "image_size" in own:
        asked["image-size"] = [IMAGE_SIZE]
    (dataset,) = arguments.get("dataset", [own.get("dataset", "digits")])
    if "dataset" in has and facts_of(dataset).needs_files and facts_of(dataset).published:
        arguments = {name: values for name, values in arguments.items() if name not in ("dataset", "data-dir")}
        asked |= {"dataset": ["digits"]} if "dataset" in own else {}
    return {**arguments, **asked}


def flags_of(command: type) -> set[str]:
    """The flags that a command has, its own and those of the settings among them."""
    return {name.replace("_", "-") for name in options_of(command)}


def given(words: list[str]) -> dict[str, list[str]]:
    """The values of each flag that a command line has."""
    flags: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            flags[name] = []
        else:
            flags[name].append(word)
    return flags
