"""The configuration of a run, with every default filled in: from the recipe, the paper, and what the machine has."""

from collections.abc import Mapping
from dataclasses import MISSING, replace
from importlib.util import find_spec
from typing import Any

from plainres.data.catalogue import content_of, facts_of, resolved_data_dir
from plainres.data.shares import check_batch_size, check_part, check_shares, draw_size, validation_size
from plainres.errors import BadInput
from plainres.networks.architecture import resolve_architecture
from plainres.probes import PROBES
from plainres.settings import DECLARED, NetworkSettings, RunConfig, Settings, check_name, names_of, typed
from plainres.settings.declaration import check_choice
from plainres.settings.recipes import recipe_of
from plainres.system.hardware import processes, resolve_device


def configure(variant: str, depth: int, seed: int = 0, *, elsewhere: bool = False, **settings: Any) -> RunConfig:
    """A run's configuration.

    Args:
        variant: `plain` or `residual`.
        depth: weighted layers on the main path.
        seed: of the initial weights and of the order of the images.
        elsewhere: whether other machines train it, whose devices this one can't see.
        settings: those of `plainres.settings` by name. What is not given, or None, comes from the data set's recipe, or
            from the one that `recipe` names, and from the setting's own default.

    Raises:
        BadInput: no setting has such a name, or a value is one that no run can be trained with.
    """
    values = filled({"variant": variant, "depth": depth, "seed": seed, **settings}, RunConfig)
    for probe in values["probes"]:
        check_choice("probe", probe, PROBES)

    network = names_of(NetworkSettings)
    architecture = resolve_architecture(values["variant"], values["depth"], **{name: values[name] for name in network})
    values |= {name: getattr(architecture, name) for name in network}
    if values["system_metrics"] and find_spec("psutil") is None:
        raise BadInput("--system-metrics needs psutil: `uv sync --extra system-metrics` installs it")
    values["device"], values["precision"] = resolve_device(values["device"], values["precision"], elsewhere=elsewhere)
    values["data_dir"] = resolved_data_dir(values["data_dir"])
    return _checked(RunConfig(**values))


def filled(settings: Mapping[str, Any], of: type[Settings]) -> dict[str, Any]:
    """All settings of a kind by name: what is given and not None, then what the recipe says, then the own defaults.

    Raises:
        BadInput: no setting has such a name, a value is of another type, or there is no such data set or recipe.
    """
    for name in settings:
        check_name(name, names_of(of))
    given = {name: typed(name, value) for name, value in settings.items() if value is not None}
    defaults = {name: DECLARED[name].default for name in names_of(of)}
    values = {name: default for name, default in defaults.items() if default is not MISSING} | given
    facts_of(values["dataset"])  # refuses what is no data set
    return values | dict(recipe_of(values["recipe"] or values["dataset"])) | given


def identified(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with what stands for the content of their images, so that changed images are others.

    Raises:
        BadInput: the images' files are missing or can't be read.
    """
    images = filled(settings, Settings)
    return {**settings, "data_content": content_of(images["dataset"], resolved_data_dir(images["data_dir"]))}


def changed(config: RunConfig, **settings: Any) -> RunConfig:
    """The configuration with other values of settings that need no filling in; raises as `configure` does."""
    return _checked(replace(config, **settings))


def _checked(config: RunConfig) -> RunConfig:
    """What's known of a data set without its files: that it has the images asked for, and enough for a batch."""
    of = facts_of(config.dataset)
    check_shares(config, processes())
    if not (of.training_images and of.validation_images and of.test_images and of.num_classes):
        return config
    images = of.training_images + of.validation_images
    drawn = draw_size("training", config.train_images, images)
    held_out = validation_size(drawn, config.validation_share, of.validation_images, images)
    for split, whole, part in (
        ("training", images, drawn),
        ("test", of.test_images, draw_size("test", config.test_images, of.test_images)),
        ("validation", drawn, held_out),
    ):
        if part < whole:
            check_part(whole, part, of.num_classes, split)
    check_batch_size(config, drawn - held_out)
    check_shares(config, processes(), drawn - held_out)
    return config
