"""What a person sees in a notebook while studies run: a bar for each study."""

from collections.abc import Sequence

from plainres.screen.notebook_bars import Bar, NotebookBars
from plainres.tuning.state import StudyState
from plainres.tuning.study_display import StudyDisplay, WorkDone, best_text
from plainres.tuning.study_table import in_order


class NotebookStudyDisplay(StudyDisplay):
    """Bars that are gone at the end: the studies' value says what came of them."""

    def __init__(self, states: Sequence[StudyState]) -> None:
        self.work = WorkDone(states)
        self.last_notice = ""
        self.bars = NotebookBars()

    def __exit__(self, *_: object) -> None:
        self.bars.close()

    def notice(self, text: str) -> None:
        """Show it beside the bar of all studies."""
        self.last_notice = text

    def show(self, states: Sequence[StudyState]) -> None:
        """Move the bars."""
        done, budget = sum(len(state.done) for state in states), sum(state.budget for state in states)
        words = "  ".join(filter(None, [f"{done}/{budget} trials", self.work.remaining(states), self.last_notice]))
        networks = [Bar(state.plan.label, len(state.done), state.budget, _words(state)) for state in in_order(states)]
        self.bars.draw([Bar("studies", done, budget, words), *networks])


def _words(state: StudyState) -> str:
    return f"{len(state.done)}/{state.budget} trials{best_text(state)}"
