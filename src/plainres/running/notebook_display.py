"""What a person sees in a notebook while a sweep trains: bars, and at the end only what failed."""

from plainres.running.display import Display, NameOf, WorkLeft, outcome_text
from plainres.running.events import Event, Failed, Finished, Notice, Progress, Started
from plainres.screen.notebook_bars import Bar, NotebookBars
from plainres.settings import RunConfig


class NotebookDisplay(Display):
    """A bar for the whole sweep and one for each running net."""

    def __init__(self, configs: list[RunConfig], name_of: NameOf) -> None:
        self.name_of = name_of
        self.work = WorkLeft(configs)
        self.runs = len(configs)
        self.ended = 0
        self.running: dict[RunConfig, Bar] = {}
        self.notice = ""
        self.failures: list[str] = []
        self.bars = NotebookBars()

    def __exit__(self, *_: object) -> None:
        self.bars.close(self.failures)

    def show(self, event: Event) -> None:
        """Move the bars."""
        name, epochs = self.name_of(event.config), event.config.epochs
        if isinstance(event, Notice):
            self.notice = f"{name}: {event.text}"
        else:
            self.work.count(event)
        if isinstance(event, Started):
            self.running[event.config] = Bar(name, event.epoch, epochs, f"epoch {event.epoch}/{epochs}")
        elif isinstance(event, Progress):
            words = f"epoch {event.epoch}/{epochs}  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
            self.running[event.config] = Bar(name, event.epoch, epochs, words)
        elif isinstance(event, Finished | Failed):
            self.ended += 1
            self.running.pop(event.config, None)
            if isinstance(event, Failed):
                self.failures.append(f"{name}: {outcome_text(event)}")
        words = "  ".join(filter(None, [f"{self.ended}/{self.runs} runs", self.work.remaining, self.notice]))
        self.bars.draw([Bar("sweep", self.ended, self.runs, words), *self.running.values()])
