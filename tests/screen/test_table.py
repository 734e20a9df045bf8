from rich.console import Console
from rich.markdown import Markdown

from plainres.screen.table import TextTable, escaped, latex, markdown, text_table

NAMES = ["[bold]x", ":smile:", "a|b", "=1+1", "a_$x$", "_a_", "*b*", "`c`", "<d>", "1\\2", "two\nlines"]


def test_names_are_never_read_as_markup() -> None:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(text_table(("name", "[i]n"), [(name, "[red]1") for name in NAMES[:2]], "[b]caption"))
    output = capture.get()
    assert all(text in output for text in ("[bold]x", "smile:", "[i]n", "[red]1", "[b]caption"))


def test_markdown_shows_names_as_they_are() -> None:
    console = Console(width=200)
    for name in NAMES[:-1]:
        with console.capture() as capture:
            console.print(Markdown(f"before {escaped(name)} after"))
        assert f"before {name} after" in capture.get()


def test_a_markdown_table_has_one_cell_for_one_text() -> None:
    table = markdown(text_table(("name", "n"), [("a|b", "1"), ("two\nlines", "2")], "caption"))
    assert table == "| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| two lines | 2 |\n\ncaption"


def test_a_latex_table_is_for_booktabs_and_shows_names_as_they_are() -> None:
    table = latex(
        text_table(("arm", "error"), [("plain_8", "33.2 ± 21.6"), (r"a&b%c$#e{f~h^i\j", "–")], "in %"), "tab:x"
    )
    assert (
        table
        == r"""\begin{table}[tb]
\setlength{\belowcaptionskip}{4pt}
\caption{in \%}
\label{tab:x}
\centering\small\setlength{\tabcolsep}{3pt}
\begin{tabular}{@{}lr@{}}
\toprule
arm & error \\
\midrule
plain\_8 & 33.2 $\pm$ 21.6 \\
a\&b\%c\$\#e\{f\textasciitilde{}h\textasciicircum{}i\textbackslash{}j & -- \\
\bottomrule
\end{tabular}
\end{table}
"""
    )


def test_a_long_name_folds_in_latex() -> None:
    table = latex(text_table(("arm", "error"), [("plain:weight_decay=0.1", "1")], ""), "tab:x")
    assert r"\begin{tabular}{@{}p{0.32\columnwidth}r@{}}" in table
    assert r"plain:\allowbreak{}weight\_\allowbreak{}decay=\allowbreak{}0.1 & 1 \\" in table


def test_rows_lead_where_their_links_do_in_markdown() -> None:
    table = TextTable(("run", "n"), (("plain-8", "1"),), "", ("http://host/#/runs/1",))
    assert markdown(table).splitlines()[-1] == "| [plain-8](http://host/#/runs/1) | 1 |"


def test_a_link_in_a_name_is_no_link() -> None:
    assert escaped("[a](b)") == r"[a\](b)"
