"""Every setting, declared once; the recipe of each data set, and what counts as learnt."""

from plainres.settings.run_settings import (
    ABOUT as ABOUT,
)
from plainres.settings.run_settings import (
    DECLARED as DECLARED,
)
from plainres.settings.run_settings import (
    DEFAULT_DATA_DIR as DEFAULT_DATA_DIR,
)
from plainres.settings.run_settings import (
    VARIANTS as VARIANTS,
)
from plainres.settings.run_settings import (
    DataSettings as DataSettings,
)
from plainres.settings.run_settings import (
    LaunchSettings as LaunchSettings,
)
from plainres.settings.run_settings import (
    MachineSettings as MachineSettings,
)
from plainres.settings.run_settings import (
    NetworkSettings as NetworkSettings,
)
from plainres.settings.run_settings import (
    RunConfig as RunConfig,
)
from plainres.settings.run_settings import (
    Settings as Settings,
)
from plainres.settings.run_settings import (
    TrainingSettings as TrainingSettings,
)
from plainres.settings.run_settings import (
    as_text as as_text,
)
from plainres.settings.run_settings import (
    check_name as check_name,
)
from plainres.settings.run_settings import (
    identity_of as identity_of,
)
from plainres.settings.run_settings import (
    names_of as names_of,
)
from plainres.settings.run_settings import (
    parse as parse,
)
from plainres.settings.run_settings import (
    typed as typed,
)
