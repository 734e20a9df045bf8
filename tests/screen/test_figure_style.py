"""How figures look is the project's, not the person's."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from plainres.analysis.figures import draw_degradation
from plainres.screen.figure_style import by_arm, depth_colours, plain_style, save_figure

DRAW = """
import sys
from pathlib import Path
from tests.screen.test_figure_style import draw
draw(Path(sys.argv[1]))
"""
PERSONAL = """
text.usetex: True
figure.dpi: 30
savefig.dpi: 30
savefig.facecolor: black
axes.prop_cycle: cycler('color', ['k'])
axes.facecolor: black
font.family: serif
font.size: 30
lines.linewidth: 9
backend: TkAgg
"""


def draw(path: Path) -> None:
    runs = pd.DataFrame({"arm": "plain", "depth": [8, 20], "train_error": [0.1, 0.5], "diverged": False})
    save_figure(draw_degradation(runs, ("plain",)), path)


def test_neither_a_personal_matplotlibrc_nor_a_notebooks_backend_changes_a_figure(tmp_path: Path) -> None:
    draw(tmp_path / "plain.png")
    (tmp_path / "matplotlibrc").write_text(PERSONAL)
    roots = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "src")]
    backend = "module://no_such_module.backend_inline"  # a notebook hands its own to its children
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "MPLBACKEND": backend}
    command = [sys.executable, "-W", "error::UserWarning", "-c", DRAW, "personal.png"]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=120)
    assert (tmp_path / "personal.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_the_callers_settings_come_back_also_after_a_failure() -> None:
    with matplotlib.rc_context({"font.size": 31, "axes.grid": False}):
        before = dict(matplotlib.rcParams)
        with pytest.raises(KeyError), plain_style():
            matplotlib.rcParams["font.sise"] = 11
        assert dict(matplotlib.rcParams) == before


def test_a_saved_figure_has_200_dots_an_inch(tmp_path: Path) -> None:
    with matplotlib.rc_context({"savefig.dpi": 30, "savefig.transparent": True}):
        save_figure(Figure(figsize=(2, 1)), tmp_path / "figure.png")
    from matplotlib.image import imread

    pixels = imread(tmp_path / "figure.png")
    assert pixels.shape[:2] == (200, 400)
    assert (pixels == 1).all()  # white, and not transparent


def test_plain_and_residual_look_alike_in_every_figure() -> None:
    further = [f"plain:lr=0.{digit}" for digit in range(1, 10)]
    looks = [by_arm(arms) for arms in (["plain", "residual"], [*further, "residual", "plain"], ["residual 34"])]
    for kind in ("palette", "markers"):
        assert looks[0][kind]["plain"] == looks[1][kind]["plain"]
        assert looks[0][kind]["residual"] == looks[1][kind]["residual"] == looks[2][kind]["residual 34"]
    many = by_arm(["plain", *(f"plain:lr=0.{digit}" for digit in range(1, 47))])
    assert len({(many["palette"][arm], many["markers"][arm]) for arm in many["hue_order"]}) == 47


def test_deeper_is_lighter() -> None:
    colours = depth_colours([50, 18, 34, 18])
    assert list(colours) == [18, 34, 50]
    brightness = [sum(colour[:3]) for colour in colours.values()]
    assert brightness == sorted(brightness)
    assert brightness[-1] < 2  # seen on white
