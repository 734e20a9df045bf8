from rich.console import Console
from rich.markdown import Markdown

from plainres.table import escaped, markdown, terminal

NAMES = ["[bold]x", ":smile:", "a|b", "=1+1", "a_$x$", "_a_", "*b*", "`c`", "<d>", "1\\2", "two\nlines"]


def test_names_are_never_read_as_markup() -> None:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(terminal(("name", "[i]n"), [(name, "[red]1") for name in NAMES[:2]], "[b]caption"))
    output = capture.get()
    assert all(text in output for text in ("[bold]x", "smile:", "[i]n", "[red]1", "[b]caption"))


def test_markdown_shows_names_as_they_are() -> None:
    console = Console(width=200)
    for name in NAMES[:-1]:
        with console.capture() as capture:
            console.print(Markdown(f"before {escaped(name)} after"))
        assert f"before {name} after" in capture.get()


def test_a_markdown_table_has_one_cell_for_one_text() -> None:
    table = markdown(("name", "n"), [("a|b", "1"), ("two\nlines", "2")], "caption")
    assert table == "| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| two lines | 2 |\n\ncaption"
