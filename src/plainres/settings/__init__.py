"""Declare every setting once; hold the recipe of each data set, and what counts as learnt."""

from plainres.settings.declaration import check_name as check_name
from plainres.settings.run_settings import (
    ABOUT as ABOUT,
    DECLARED as DECLARED,
    DEFAULT_DATA_DIR as DEFAULT_DATA_DIR,
    VARIANTS as VARIANTS,
    DataSettings as DataSettings,
    LaunchSettings as LaunchSettings,
    NetworkSettings as NetworkSettings,
    RunConfig as RunConfig,
    Settings as Settings,
    identity_of as identity_of,
    names_of as names_of,
)
from plainres.settings.values import as_text as as_text
