"""How every figure looks: colour-blind-safe, at a paper's text size."""

from typing import Any

import seaborn as sns

STYLE: dict[str, Any] = {**sns.axes_style("whitegrid"), **sns.plotting_context("paper", font_scale=1.3)}
DOTS_PER_INCH = 200
