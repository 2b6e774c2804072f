"""Without torch a cell that needs it says one sentence; every other error looks as ever."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

from utils import missing

CELLS = (
    "import sys\nsys.modules['torch'] = None  # as if it were not installed",
    "from utils import check, models",
    "import torch\nfrom torch import nn",
    "nn.Linear(3, 4)",
    "models.resnet(18)",
    "import no_such_module",
    "no_such_name",
    "1 / 0",
)


def test_a_cell_that_needs_torch_says_so_in_one_line():
    """The import, a name that it would have brought and a network of the zoo; not a typing error of one's own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, allow_errors=True, timeout=60).execute()
    traces = [cell.outputs[0].traceback if cell.outputs else None for cell in notebook.cells]

    assert [None, None] == traces[:2]
    assert [[missing.WORDS]] * 2 == traces[2:4]
    for trace, name in zip(traces[5:], ("no_such_module", "no_such_name", "ZeroDivisionError"), strict=True):
        assert len(trace) > 1
        assert name in "".join(trace)


def test_the_course_s_kernel_watches_from_its_first_cell(monkeypatch):
    """Many notebooks import torch before they import the course."""
    settings = Path(missing.__file__).with_name("workplace") / "jupyter"
    monkeypatch.setenv("JUPYTER_PATH", str(settings))
    cells = ["import sys\nsys.modules['torch'] = None\nimport torch", "no_such_name", "missing"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, allow_errors=True, timeout=60, kernel_name="python3").execute()
    first, second, third = (cell.outputs[0].traceback for cell in notebook.cells)

    assert "Vision interviews" in (settings / "kernels" / "python3" / "kernel.json").read_text()
    assert [missing.WORDS] == first
    assert missing.AFTER == second[-1]
    assert "NameError" in "".join(third), "nothing of ours is in the learner's namespace"


def test_outside_a_notebook_nothing_is_watched():
    """In a plain interpreter the import leaves everything alone."""
    missing.watch()
