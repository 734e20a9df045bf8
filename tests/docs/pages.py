"""What README and docs hold: links, anchors, commands and Python."""

import re
import shlex
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.environment import ROOT

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Page:
    """A page in Markdown."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """All but the code blocks."""
        return FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        """The targets of links and images."""
        return re.findall(r"\]\(([^)\s]+)\)", self.prose)

    @property
    def anchors(self) -> set[str]:
        """What GitHub makes of the headings."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def spans(self) -> list[str]:
        """Code within the text."""
        return SPAN.findall(self.prose)

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """Language and content of each code block."""
        return FENCE.findall(self.text)

    @property
    def commands(self) -> list[str]:
        """What is to be typed, in blocks and in the text, from `uv` on and without comments."""
        lines = [line for language, content in self.blocks if not language for line in content.splitlines()]
        typed = [piece.strip() for line in [*lines, *self.spans] for piece in line.split("&&")]
        return [shlex.join(shlex.split(piece, comments=True)) for piece in typed if piece.startswith("uv ")]

    @property
    def python(self) -> list[str]:
        """The blocks of Python."""
        return [content for language, content in self.blocks if language == "python"]


PAGES = [Page(ROOT / "README.md"), *map(Page, sorted((ROOT / "docs").glob("*.md")))]
COMMANDS = list(dict.fromkeys(command for page in PAGES for command in page.commands))


def program_of(command: str) -> tuple[list[str], list[str]]:
    """The extras that `uv run` is asked for, and the words of the program that it runs."""
    words = shlex.split(command)[2:]
    extras = []
    while words and words[0] == "--extra":
        extras.append(words[1])
        words = words[2:]
    return extras, words


def extras_and_groups() -> set[str]:
    """What `uv` can be asked to install beside the project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {*project["project"]["optional-dependencies"], *project["dependency-groups"]}
