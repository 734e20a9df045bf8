"""What an editor completes is what there is."""

import inspect
import re
import subprocess
import sys

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import plainres
from experiments.degradation import Flags
from plainres.settings import ABOUT, LaunchSettings, Settings, names_of
from plainres.settings.values import options_of
from plainres.workflows.requests import CompareRequest, StudyRequest
from studies.lr_batch_size import Flags as StudyFlags
from tests.environment import environment
from tests.workflows.write_stub import STUB, stub

ON_COMMAND_LINE = {name for name in (*names_of(Settings), *names_of(LaunchSettings)) if ABOUT[name].on_command_line}


def test_the_stub_is_what_the_declaration_says() -> None:
    assert STUB.read_text() == stub(), "python -m tests.workflows.write_stub writes it anew"


@pytest.mark.parametrize("call", [plainres.compare, plainres.tune])
def test_a_call_takes_every_setting_and_says_what_it_is(call: object) -> None:
    assert inspect.signature(call).parameters.keys() >= ON_COMMAND_LINE  # type: ignore[arg-type]
    documented = set(re.findall(r"^    (\w+(?:, \w+)*): ", inspect.getdoc(call) or "", re.MULTILINE))
    assert documented >= set(inspect.signature(call).parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "request_of", "flags"),
    [(plainres.compare, CompareRequest, Flags), (plainres.tune, StudyRequest, StudyFlags)],
)
def test_a_call_has_the_commands_defaults(call: object, request_of: type, flags: type) -> None:
    parameters = inspect.signature(call).parameters  # type: ignore[arg-type]
    own = parameters.keys() - ON_COMMAND_LINE - {"tuned", "progress"}
    for name in own:
        assert parameters[name].default == options_of(request_of)[name].default
        assert parameters[name].default == options_of(flags)[name].default


def test_a_notebook_completes_a_setting() -> None:
    shell = InteractiveShell.instance()
    shell.user_ns["plainres"] = plainres
    line = "plainres.compare(warmup_"
    with provisionalcompleter():
        assert "warmup_epochs=" in [found.text for found in shell.Completer.completions(line, len(line))]


def test_the_package_is_imported_at_once() -> None:
    code = "import sys, time; start = time.perf_counter(); import plainres; print(time.perf_counter() - start)"
    taken = [
        float(subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(taken) < 0.3


def test_what_is_offered_is_there() -> None:
    for name in plainres.__all__:
        assert inspect.getdoc(getattr(plainres, name))
    with pytest.raises(AttributeError, match="module 'plainres' has no attribute 'compares'"):
        plainres.compares  # type: ignore[attr-defined]  # noqa: B018
