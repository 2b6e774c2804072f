"""The tree keeps its shape: layers, sizes, one `utils`, nothing stale, nothing stray."""

import ast
import re
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from utils.authoring import build, proof, recording
from utils.grading import catalogue, fingerprint, reference

ROOT = Path(__file__).parents[1]
MODULE_LINES, FACTS_LINES = 300, 400
SOURCES = [path for folder in ("utils", "tests", "solutions", "notebooks") for path in (ROOT / folder).rglob("*.py")]


def test_the_rooms_import_downwards_only(capsys):
    """The contracts in pyproject.toml hold: the architecture can be read from the folders."""
    from importlinter.cli import lint_imports

    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)

    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "utils").glob("*/__init__.py")))
def test_a_room_says_what_it_is_for(room):
    """A stranger reads a room's purpose in the docstring of its `__init__`."""
    tree = ast.parse((ROOT / "utils" / room / "__init__.py").read_text(encoding="utf-8"))

    assert len(ast.get_docstring(tree).split()) >= 5


def test_modules_and_functions_stay_short():
    """A module fits on a few screens, and half of all functions on ten lines."""
    machine = sorted(path for path in (ROOT / "utils").rglob("*.py") if "exercises" not in path.parts)
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in machine
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]

    assert [] == [p.name for p in machine if len(p.read_text(encoding="utf-8").splitlines()) > MODULE_LINES]
    facts = (ROOT / "utils" / "exercises").rglob("*.py")
    assert [] == [p.name for p in facts if len(p.read_text(encoding="utf-8").splitlines()) > FACTS_LINES]
    assert statistics.median(lengths) <= 10


def test_nobody_touches_the_import_path():
    """The package is installed, so nobody bends the path of imports, and there is one `utils`."""
    needle = "sys." + "path"

    assert [] == [str(p) for p in SOURCES if needle in p.read_text(encoding="utf-8")]
    assert [ROOT / "utils"] == [p for p in ROOT.rglob("utils") if p.is_dir() and not {".venv", "build"} & set(p.parts)]


def test_notebooks_import_from_the_door():
    """A notebook imports from `utils`, never from `utils.something` but the models."""
    inner = re.compile(r"(?m)^\s*(?:from|import) utils\.(?!models)")

    assert [] == [p.name for p in (ROOT / "solutions").glob("*.py") if inner.search(p.read_text(encoding="utf-8"))]


def test_everything_derived_is_fresh():
    """Notebooks, catalogue and book tables are what the sources give, solutions are executed, nothing is stray."""
    assert [] == list(proof.freshness(ROOT))


def test_a_rebuild_elsewhere_gives_the_committed_bytes(tmp_path):
    """Blanks, tables and references built in a scratch folder are the committed files, byte for byte."""
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions", ignore=shutil.ignore_patterns("*.ipynb"))
    for path, text in build.derived(tmp_path).items():
        assert text == (ROOT / path.relative_to(tmp_path)).read_text(encoding="utf-8"), path.name
    for source in build.sources(ROOT):
        made = recording.record(source.slug, tmp_path / "references")

        assert made.read_bytes() == (reference.FOLDER / made.name).read_bytes(), made.name
        made = recording.record_fingerprints(source.slug, tmp_path / "fingerprints")
        assert made.read_bytes() == (fingerprint.FOLDER / made.name).read_bytes(), made.name


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_references_were_recorded_with_the_pinned_versions(name):
    """Answers come from the versions that constraints.txt names."""
    pin = re.search(rf"(?m)^{name}==(\S+)$", (ROOT / "constraints.txt").read_text())[1]

    assert pin == version(name).split("+")[0]
    for entry in catalogue.entries():
        assert pin == reference.meta(catalogue.slug(entry))["versions"][name]


def test_checking_needs_nothing_heavy():
    """`from utils import check` loads neither torch nor matplotlib, scikit-learn, jupytext or nbformat."""
    probe = "import sys; from utils import check; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()

    assert "numpy" in loaded
    assert set() == {
        "torch",
        "matplotlib",
        "sklearn",
        "scipy",
        "jupytext",
        "nbformat",
        "IPython",
        "click",
        "rich",
    } & set(loaded)


def test_a_first_cell_waits_for_nothing_that_a_right_verdict_does_without():
    """`from utils import check` leaves to later what only a wrong answer, a hint, HTML or another function needs."""
    probe = "import sys; from utils import check; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    later = ["answered", "asif", "diagnosis", "edits", "fingerprint", "line", "mistakes_table", "modules",
             "recognise", "report_html", "slips"]  # fmt: skip

    assert "utils.grading.judge" in loaded
    assert set() == {f"utils.grading.{name}" for name in later} & set(loaded)
    assert set() == {"utils.gradcheck", "utils.stages", "utils.folklore", "utils.sandbox"} & set(loaded)
    assert set() == {"html", "hashlib", "difflib", "traceback", "base64", "asyncio"} & set(loaded)
    assert set() == {name for name in loaded if name.startswith("utils.exercises.")}


@pytest.mark.parametrize(
    "first", ["", "import utils.gradcheck", "from utils.gradcheck import Entry", "import utils.stages"]
)
def test_every_public_name_is_what_it_was_in_whatever_order(first):
    """`utils.gradcheck` is the function, although a module has its name, whoever imports which first."""
    probe = (
        f"{first}\nfrom utils import gradcheck, numeric_gradient, stagecheck\nimport utils, utils.gradcheck as g\n"
        "from utils.gradcheck import numeric_gradient as n, gradcheck as f\n"
        "assert utils.gradcheck is gradcheck is g is f and gradcheck.__name__ == 'gradcheck'\n"
        "assert n is numeric_gradient is utils.numeric_gradient and stagecheck is utils.stagecheck\n"
        "assert {*utils.__all__} <= {*dir(utils)}\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("stem", catalogue.entries())
def test_checking_a_numpy_question_needs_no_torch(stem):
    """A NumPy question, its wrong answers included, runs where there is no torch: in the browser."""
    if catalogue.entries()[stem]["torch"]:
        pytest.skip("a torch question")
    probe = (
        "import sys; sys.modules['torch'] = sys.modules['scipy'] = sys.modules['sklearn'] = None\n"
        "from pathlib import Path\n"
        "from utils.authoring import proof\n"
        "from utils.grading import catalogue\n"
        f"for exercise in catalogue.question({catalogue.slug(stem)!r}).exercises:\n"
        "    assert [] == list(proof.mistakes_are_named(exercise, Path()))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)

    assert (0, "") == (done.returncode, done.stderr)


def test_exercise_names_are_unique():
    """A function is found by its name, so no two exercises share one."""
    names = catalogue.exercise_names()

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("stem", catalogue.entries())
def test_a_notebook_defines_no_other_question_s_exercise(stem):
    """Given code never has an exercise's name, or a renamed copy of the file would be graded for it."""
    tree = ast.parse((ROOT / "solutions" / f"{stem}.py").read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}

    assert set() == defined & set(catalogue.exercise_names()) - set(catalogue.entries()[stem]["exercises"])


def test_no_commit_names_a_machine_or_a_registry():
    """No path of a machine and no registry's host in any tracked text."""
    private = re.compile(
        "/" + "root/|/" + "work/main|/" + "opt/wheels|pypi" + r"\.org|files\.python" + "hosted|npm" + "js"
    )
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    texts = [ROOT / name for name in tracked if not name.endswith((".npz", ".png", ".gif")) and (ROOT / name).is_file()]

    assert [] == [str(p) for p in texts if private.search(p.read_text(encoding="utf-8"))]
