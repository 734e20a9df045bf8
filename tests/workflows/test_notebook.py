"""A notebook in a real kernel: it compares, is interrupted, goes on, tunes, and uses what was trained."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.environment import environment
from tests.faults.waiting import eventually

pytestmark = pytest.mark.slow

SMALL = "width=8, train_images=600, test_images=100, device='cpu', jobs=1"
COMPARE = f"sweep = plainres.compare(depths=[8, 14], seeds=2, epochs=25, checkpoint_every=1, {SMALL})"
CELLS = {
    "begin": "import os, plainres\nprint(os.getpid())",
    "compare": COMPARE,
    "go on": f"{COMPARE}\nsweep",
    "again": COMPARE,
    "plot": "sweep.plot('curves')",
    "tune": f"study = plainres.tune(depths=[8], trials=2, batch_sizes=[64, 128], epochs=2, {SMALL})\nstudy",
    "tuned": f"plainres.compare(depths=[8], seeds=[1], epochs=2, tuned=study, {SMALL}).table['depth'].tolist()",
    "load": "run = plainres.load_run(sweep.runs['run_id'][0])\nrun.predict(run.dataset.test.images[:5]).shape",
    "refused": "plainres.compare(warmup_epoch=1)",
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NotebookNode]:
    """The cells after the notebook has run, the first comparison interrupted in the middle of a training."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    client = NotebookClient(notebook, timeout=240, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    cells = dict(zip(CELLS, notebook.cells, strict=True))

    def execute(name: str) -> None:
        client.execute_cell(cells[name], list(CELLS).index(name))

    with client.setup_kernel(env=environment()), ThreadPoolExecutor(1) as thread:
        execute("begin")
        kernel = int(cells["begin"].outputs[0].text)

        def interrupt() -> None:
            eventually(lambda: list(folder.glob("mlruns/checkpoints/*/epoch-*")), 120)
            os.killpg(os.getpgid(kernel), signal.SIGINT)  # as JupyterLab's stop button does

        interrupted = thread.submit(interrupt)
        execute("compare")
        interrupted.result()
        for name in list(CELLS)[2:]:
            execute(name)
    return cells


def data(cell: NotebookNode) -> dict[str, str]:
    """What the cell's value is shown as."""
    (result,) = [output.data for output in cell.outputs if output.output_type == "execute_result"]
    return dict(result)


def printed(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.outputs if output.output_type == "stream"]


def test_an_interrupt_is_a_keyboard_interrupt_and_the_kernel_lives(cells: dict[str, NotebookNode]) -> None:
    (error,) = [output for output in cells["compare"].outputs if output.output_type == "error"]
    assert error.ename == "KeyboardInterrupt"
    assert not [output for cell in list(cells.values())[2:-1] for output in cell.outputs if "ename" in output]


def test_the_next_call_goes_on_and_shows_verdict_figure_and_table(cells: dict[str, NotebookNode]) -> None:
    html = data(cells["go on"])["text/html"]
    assert ">residual</td>" in html
    assert "with 8 layers" in html
    assert "data:image/png;base64," in html
    assert "training error" in data(cells["go on"])["text/plain"]


def test_bars_are_gone_at_the_end_and_nothing_else_is_printed(cells: dict[str, NotebookNode]) -> None:
    for name in ("compare", "go on", "tune"):
        (bars,) = [output for output in cells[name].outputs if output.output_type == "display_data"]
        assert bars.data["text/html"] == ""
    for name in list(CELLS)[1:]:
        assert not printed(cells[name]), name


def test_figures_are_shown_without_pyplot(cells: dict[str, NotebookNode]) -> None:
    assert data(cells["plot"])["image/png"].startswith("iVBOR")


def test_what_was_tuned_and_trained_is_used(cells: dict[str, NotebookNode]) -> None:
    assert "<th>batch_size</th>" in data(cells["tune"])["text/html"]
    assert data(cells["tuned"])["text/plain"] == "[8, 8]"
    assert data(cells["load"])["text/plain"] == "torch.Size([5, 10])"


def test_bad_input_is_one_line(cells: dict[str, NotebookNode]) -> None:
    (error,) = cells["refused"].outputs
    assert error.traceback == ["BadInput: no setting is called 'warmup_epoch'; is warmup_epochs meant?"]
