"""The parsers accept every command that README and docs show, and what it asks for exists."""

import re
from importlib import import_module

import pytest

from plainres.cli.command_line import run_command
from plainres.sweeps.configure import configure
from plainres.sweeps.plan import plan_sweep
from tests.docs.pages import COMMANDS, PAGES, Page, extras_and_groups, program_of
from tests.docs.short import flags_of
from tests.environment import ROOT

PYTHON = [command for command in COMMANDS if program_of(command)[1][:2] == ["python", "-m"]]
MODULES = {f"{room}.{path.stem}" for room in ("experiments", "studies") for path in (ROOT / room).glob("[!_]*.py")}
OTHER = {
    "uv run mlflow ui",
    "uv run plainres sweeps",
    "uv run plainres browse",
    "uv run --with jupyterlab jupyter lab docs/lesson.ipynb",
    "uv run --with jupyterlab jupyter lab docs/why.ipynb",
    "uv pip install --torch-backend cpu --exclude-newer-package torch=false --exclude-newer-package torchvision=false "
    "--editable .",
}  # what else may be shown, beside uv's extras


@pytest.mark.parametrize("command", PYTHON)
def test_a_command_asks_for_what_can_be_trained(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (_, _, name, *arguments) = program_of(command)
    module = import_module(name)
    assert f"uv run python -m {name}" == module.PROGRAM
    monkeypatch.setattr("sys.argv", [name, *arguments])
    taken = []
    code = run_command(module.Flags, lambda flags: taken.append(flags) or 0, module.PROGRAM)
    assert (code, capsys.readouterr().err) == (0, "")
    (flags,) = taken
    if hasattr(flags, "arms"):
        plan_sweep(flags.arms, flags.depths, (0,), **flags.run.values)
    elif hasattr(flags, "variant"):
        configure(flags.variant, flags.depth, flags.seed, **flags.run.values)


def test_every_experiment_and_study_is_shown() -> None:
    assert {program_of(command)[1][2] for command in PYTHON} == MODULES


def test_a_flag_that_the_text_names_exists() -> None:
    known = {"help", "config", "open", "most", "extra", "group", "with", "pdb", "run"} | {
        flag for module in MODULES for flag in flags_of(import_module(module).Flags)
    }
    named = {flag for page in PAGES for span in page.spans for flag in re.findall(r"--([a-z][a-z-]*)", span)}
    assert {flag.removeprefix("no-") for flag in named} <= known


def test_other_commands_are_few_and_known() -> None:
    for command in set(COMMANDS) - set(PYTHON) - OTHER:
        asked = re.findall(r"--(?:extra|group) (\S+)", command)
        assert asked or command.startswith(("uv run python ", "uv run torchrun ")), command
        assert set(asked) <= extras_and_groups(), command


def test_readmes_second_command_is_what_a_change_must_pass() -> None:
    _, tests, *_ = Page(ROOT / "README.md").commands
    assert tests in (ROOT / ".ci" / "run").read_text().splitlines()
