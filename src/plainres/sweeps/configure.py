"""Configure a run, every default filled in: from the recipe, the paper, and what the machine has."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from plainres.data.catalogue import content_of, facts_of, resolved_data_dir
from plainres.data.shares import check_batch_size, check_part, check_shares, draw_size, validation_size
from plainres.errors import BadInput
from plainres.networks.architecture import Architecture, resolve_architecture
from plainres.probes import PROBES
from plainres.settings import DECLARED, NetworkSettings, RunConfig, Settings, check_name, names_of
from plainres.settings.declaration import check_choice
from plainres.settings.recipes import recipe_of
from plainres.settings.values import made, typed
from plainres.system.hardware import check_compiles, processes, resolve_device


def configure(
    variant: str, depth: int, seed: int = 0, *, arm: str = "", elsewhere: bool = False, **settings: Any
) -> RunConfig:
    """Configure a run.

    Args:
        variant: `plain` or `residual`.
        depth: weighted layers on the main path.
        seed: of the initial weights and of the order of the images.
        arm: what it's compared as; the variant if empty.
        elsewhere: whether other machines train it, whose devices this one can't see.
        settings: those of `plainres.settings` by name. What is not given, or None, comes from the data set's recipe, or
            from the one that `recipe` names, and from the setting's own default.

    Raises:
        BadInput: no setting has such a name, or a value is one that no run can be trained with.
    """
    return resolved(variant, depth, seed, filled(settings), arm=arm, elsewhere=elsewhere)


def resolved(
    variant: str, depth: int, seed: int, settings: Settings, *, arm: str = "", elsewhere: bool = False
) -> RunConfig:
    """Configure a run, as `configure` does, by settings that are filled in already."""
    own = {"variant": variant, "depth": depth, "seed": seed}
    values = settings.values | {name: typed(DECLARED[name], value) for name, value in own.items()}
    for probe in settings.probes:
        check_choice("probe", probe, PROBES)
    network = names_of(NetworkSettings)
    architecture = resolve_architecture(values["variant"], values["depth"], **{name: values[name] for name in network})
    _check_training(architecture, settings)
    values |= {name: getattr(architecture, name) for name in network}
    if settings.system_metrics and find_spec("psutil") is None:
        raise BadInput("--system-metrics needs psutil: `uv sync --extra system-metrics` installs it")
    if settings.compile and not elsewhere:
        check_compiles()
    values["device"], values["precision"] = resolve_device(settings.device, settings.precision, elsewhere=elsewhere)
    values["data_dir"] = resolved_data_dir(settings.data_dir)
    return _checked(RunConfig(**values, arm=arm))


def _check_training(architecture: Architecture, settings: Settings) -> None:
    """Raise BadInput for training that has no meaning for a network."""
    scheduled = [name for name in ("shortcut_until", "shortcut_from") if getattr(settings, name)]
    if scheduled and architecture.shortcut == "none":
        raise BadInput(f"{scheduled[0]}: a plain network has no shortcut")
    if scheduled and not architecture.shortcut_scale:
        raise BadInput(f"{scheduled[0]}: with shortcut_scale 0 there is no shortcut")
    if len(scheduled) > 1:
        raise BadInput("shortcut_until and shortcut_from: a shortcut either goes or comes")
    if settings.shortcut_from and architecture.begins_at_zero:
        raise BadInput("shortcut_from: nothing passes a block that has neither a shortcut nor yet an F(x)")
    if settings.equal_updates and settings.optimizer != "sgd":
        raise BadInput(f"equal_updates: {settings.optimizer} makes of a gradient of any size an update of its own size")
    if settings.param_groups == "paper" and not architecture.fixup and architecture.weights != "dirac":
        raise BadInput("param_groups paper: only Fixup (norm none without residual_gate) and weights dirac have any")


def filled(given: Mapping[str, Any]) -> Settings:
    """Fill in the settings that runs share: what is given and not None, then the recipe's, then the own defaults.

    Raises:
        BadInput: no setting has such a name, a value is of another type, or there is no such data set or recipe.
    """
    for name in given:
        check_name(name, names_of(Settings))
    dataset = given.get("dataset") or Settings.dataset
    facts_of(dataset)  # refuses what is no data set
    known = {name: value for name, value in given.items() if value is not None}
    return made(Settings, {**recipe_of(given.get("recipe") or dataset), **known})


def identified(config: RunConfig) -> RunConfig:
    """Note in a configuration what stands for the content of its images, so that changed images are others.

    Raises:
        BadInput: the images' files are missing or can't be read.
    """
    return changed(config, data_content=content_of(config.dataset, config.data_dir))


def changed(config: RunConfig, **settings: Any) -> RunConfig:
    """Give a configuration other values of settings that need no filling in; raises as `configure` does."""
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
