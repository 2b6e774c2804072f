"""The course in the browser: built, proven inside Pyodide, and used from the book's page to the right answer.

The tests under node need npm and, the first time, a network; the others need Chromium too, which is installed when it
is missing and the user may. Where that cannot be they are skipped, except in CI, where they have to run.
"""

import inspect
import json
import re
import shutil
from pathlib import Path
from types import FunctionType

import nbformat
import pytest
from click.testing import CliRunner

from utils import data
from utils.cli import dev, main
from utils.grading import catalogue
from utils.publishing import lite, lite_assets

ROOT = Path(__file__).parents[2]
STEMS = lite.stems(ROOT)
# One question of each chapter: its exercise, a line of the solution, and that line as a candidate may get it wrong.
WAYS = (
    ("10_adam", "adam_step", "m_hat = m / (1 - beta1**t)", "m_hat = m", "only the second moment corrected"),
    ("15_batchnorm_forward", "batchnorm_forward", "(xmu**2).mean(axis=0)", "(xmu**2).sum(axis=0) / (len(x) - 1)",
     "unbiased variance (ddof=1)"),
    ("20_cnn_layers", "receptive_field", "field += (kernel - 1) * jump", "field += kernel - 1", "strides left out"),
    ("32_cross_entropy_vs_mse", "cross_entropy", "grad / len(labels)", "grad", "gradient not divided by N"),
)  # fmt: skip


def solution(stem, name):
    """The cell of a solution that defines the exercise."""
    cells = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4).cells
    return next(c.source for c in cells if c.cell_type == "code" and f"def {name}(" in c.source)


# ---- what is built ------------------------------------------------------------------------------------------------


def test_only_numpy_questions_are_in_the_browser():
    """A question that needs torch has no notebook there; all others have."""
    assert STEMS == [stem for stem, entry in catalogue.entries().items() if not entry["torch"]]


def test_a_notebooks_name_carries_its_edition(tmp_path):
    """Another blank notebook gets another file name; the same gets the same."""
    (tmp_path / "notebooks").mkdir()
    blank = tmp_path / "notebooks" / "15_bn.ipynb"
    names = []
    for text in ("one", "two", "one"):
        blank.write_text(text)
        names.append(lite.notebook_name("15_bn", tmp_path))

    assert re.fullmatch(r"15_bn\.[0-9a-f]{6}\.ipynb", names[0])
    assert names[0] == names[2] != names[1]


def test_the_notebook_says_which_edition_it_is():
    """Its second cell names the edition and says what files with another ending are."""
    cell = lite.browser_notebook(STEMS[0]).cells[1]

    assert lite.edition(STEMS[0]) in cell.source
    assert "your own earlier copies, untouched" in cell.source


@pytest.mark.parametrize("stem", STEMS)
def test_a_learner_is_told_before_torch_is_needed(stem):
    """Right before the first cell that a browser cannot run stands a note; where there is none, there is no note."""
    cells = lite.browser_notebook(stem).cells
    notes = [index for index, cell in enumerate(cells) if cell.source == lite.TORCH_NOTE]
    torch = [index for index, cell in enumerate(cells) if cell.cell_type == "code" and "import torch" in cell.source]
    graded = [index for index, cell in enumerate(cells) if cell.source.startswith("check(")]

    assert len(notes) == bool(notes)
    assert notes or not torch
    assert all(note < index for note in notes for index in torch)
    assert all(index < note for index in graded for note in notes)


@pytest.mark.parametrize("stem", STEMS)
def test_the_first_verdict_waits_for_no_figure(stem):
    """The cell that imports the course imports no matplotlib; every cell that draws or loads data does itself."""
    code = [cell.source for cell in lite.browser_notebook(stem).cells if cell.cell_type == "code"]

    assert "matplotlib" not in next(text for text in code if "from utils import" in text)
    for text in code:
        draws, imports = "plt." in text, "import matplotlib.pyplot as plt\n" in text
        assert imports or not draws


def test_a_cell_brings_scikit_learn_where_its_data_need_it():
    """Pyodide fetches what a cell's own text imports; what `utils.data` imports inside it does not see."""

    def needs(function, seen=()):
        inner = [vars(data).get(name) for name in function.__code__.co_names]
        inner = [one for one in inner if isinstance(one, FunctionType) and one not in seen]
        loads = "sklearn" in inspect.getsource(function)
        return loads or any(needs(one, (*seen, function)) for one in inner)

    wanted = {name: needs(one) for name, one in vars(data).items() if isinstance(one, FunctionType) and name[0] != "_"}

    assert wanted == {name: bool(lite.DATA.search(f"x = data.{name}(7)")) for name in wanted}
    assert len(set(wanted.values())) == 2


def test_the_courses_wheel_is_reproducible_and_small():
    """The same sources give the same bytes, and nothing of torch is in it."""
    name, data = lite_assets.course_wheel()

    assert (name, data) == lite_assets.course_wheel()
    assert len(data) < 3_000_000


def test_what_was_tampered_with_is_not_used(tmp_path):
    """A download whose hash is not the one that versions.toml names is refused, and the message says so."""
    path = tmp_path / "pyodide.tgz"
    path.write_bytes(b"not pyodide")

    with pytest.raises(lite_assets.AssetError, match="It was not used"):
        lite_assets.checked(path, "0" * 64)


def test_without_npm_the_message_says_what_to_do(tmp_path, monkeypatch):
    """No traceback: a sentence with the remedy."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("COURSE_LITE_CACHE", str(tmp_path))

    with pytest.raises(lite_assets.UnavailableError, match=r"npm is missing.*install Node\.js"):
        lite_assets.pyodide_files()


@pytest.mark.parametrize("self_hosted", [False, True])
def test_the_command_builds_beside_the_book(monkeypatch, self_hosted):
    """`course dev lite` writes under the book's pages, for a public host unless it is told otherwise."""
    asked = []
    monkeypatch.setattr(lite, "build_site", lambda *given: asked.append(given))
    done = CliRunner().invoke(main, ["dev", "lite", *(["--self-hosted"] if self_hosted else [])])

    assert (0, "book/_build/html/lite/index.html\n") == (done.exit_code, done.output)
    assert [(dev.ROOT / "book" / "_build" / "html" / "lite", self_hosted)] == asked


def test_the_command_says_what_is_missing(monkeypatch):
    """What cannot be fetched is a sentence and an exit code, not a traceback."""

    def fail(*_):
        raise lite.AssetError("npm is missing")

    monkeypatch.setattr(lite, "build_site", fail)
    done = CliRunner().invoke(main, ["dev", "lite"])

    assert (1, "Error: npm is missing\n") == (done.exit_code, done.output)


# ---- inside Pyodide -----------------------------------------------------------------------------------------------


def test_every_numpy_exercise_is_graded_in_pyodide(self_hosted, node):
    """Every solution is right, every blank "not attempted", one mistake of each named, and no heavy package loaded."""
    wheel = next((self_hosted / "lite" / "static" / "course").glob("*/vision*.whl"))
    seen = node("prove.mjs", self_hosted / "lite" / "static" / "pyodide", wheel, ROOT, self_hosted / "lite" / "files")
    print(f"{len(seen['judged'])} exercises in {seen['seconds']:.1f} s")

    assert [] == seen["problems"]
    assert [] == seen["heavy"]
    assert [n for s in STEMS for n in catalogue.entries()[s]["exercises"]] == seen["judged"]


# ---- the full way -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walked(whole_site, browser, node):
    """What was seen on the full way of each chapter's question, under a sub-path: stem → what; and of all together."""
    ways = []
    for stem, name, line, wrong_line, mistake in WAYS:
        right = solution(stem, name)
        assert line in right
        ways.append(
            {"stem": stem, "name": name, "right": right, "wrong": right.replace(line, wrong_line), "mistake": mistake}
        )
    job = {"site": str(whole_site), "prefix": "/course/", "ways": ways}
    seen = node("full_way.mjs", json.dumps(job), env=browser)
    return {way["stem"]: what for way, what in zip(ways, seen.pop("seen"), strict=True)}, seen


@pytest.mark.parametrize(("stem", "name", "mistake"), [(way[0], way[1], way[4]) for way in WAYS])
def test_from_the_books_page_to_the_right_answer(walked, stem, name, mistake):
    """The button opens the notebook; a wrong answer's mistake is named, the right one is right, a reload keeps both."""
    seen = walked[0][stem]

    assert lite.notebook_name(stem) == seen["path"]
    assert f"Your mistake: {mistake}" in seen["wrong"]
    assert f"✓ {name} · right" in seen["right"]
    assert f"def {name}(" in seen["reloaded"]
    assert f"✓ {name} · right" in seen["reloaded"]
    assert lite.edition(stem) in seen["edition"]


def test_progress_outlives_the_kernel(walked):
    """A later kernel knows what was tried in others."""
    assert f"{len(WAYS)} right, 0 tried" in walked[1]["progress"]


def test_the_book_shows_what_the_browser_keeps(walked):
    """A question's page says that there is a copy, and marks what is right; before, it says nothing and makes nothing."""
    for seen in walked[0].values():
        assert ("", "") == (seen["before"]["copies"], seen["before"]["state"])
        assert "You have a copy of this edition" in seen["after"]["copies"]
        assert "right" == seen["after"]["state"]
    assert [] == next(iter(walked[0].values()))["before"]["databases"]


def test_no_request_leaves_the_machine(walked):
    """Neither pages nor workers ask another host, by the pages' own requests and by Chromium's log of all requests."""
    assert walked[1]["logged"] > 50
    assert {"asked": [], "log": []} == walked[1]["foreign"]


# ---- for a public host ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def public(self_hosted, browser, tmp_path_factory, node):
    """What was seen of the default build, with a stand-in for Pyodide's own distribution and no service worker."""
    folder, (stem, name) = tmp_path_factory.mktemp("public"), WAYS[1][:2]
    lite.build_site(folder / "lite")
    job = {"site": str(folder), "pyodide": str(self_hosted / "lite" / "static" / "pyodide"), "name": name,
           "path": lite.notebook_name(stem), "right": solution(stem, name)}  # fmt: skip
    return node("public.mjs", json.dumps(job), env=browser)


def test_a_public_site_asks_for_pyodide_and_nothing_else(public):
    """Pyodide and NumPy come from Pyodide's own distribution; no package index is asked for anything."""
    assert "✓" in public["verdict"]
    assert {"https://cdn.jsdelivr.net/pyodide"} == {url.split("/v0.")[0] for url in public["asked"]}


def test_progress_needs_no_service_worker(public):
    """Attempts are kept where the browser allows no service worker, and with it no file beside the notebook."""
    assert "1 right, 0 tried" in public["progress"]


# ---- a new version of the course ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def editions(whole_site, browser, node, tmp_path_factory):
    """What a learner saw who had edited a notebook before the course changed; and the two names of the notebook."""
    stem, name = WAYS[1][:2]
    changed = tmp_path_factory.mktemp("changed")
    for part in ("book/lite", "notebooks", "utils"):
        shutil.copytree(ROOT / part, changed / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", changed)
    blank = changed / "notebooks" / f"{stem}.ipynb"
    blank.write_text(blank.read_text().replace("# YOUR CODE HERE", "# YOUR CODE HERE (in the new edition)"))
    old, new = lite.notebook_name(stem), lite.notebook_name(stem, changed)
    lite.build_site(changed / "site" / "lite", root=changed)
    shutil.copytree(whole_site, changed / "site", dirs_exist_ok=True, ignore=shutil.ignore_patterns("lite"))
    page = changed / "site" / "questions" / f"{stem}.html"
    page.write_text(page.read_text().replace(old, new))  # as the book built from the changed course has it
    job = {"before": str(whole_site), "after": str(changed / "site"), "stem": stem, "name": name}
    return node("editions.mjs", json.dumps(job), env=browser), old, new


def test_a_new_edition_does_not_hide_behind_the_old_copy(editions):
    """After the course changed, the button opens the new notebook, blank, which says which edition it is."""
    seen, old, new = editions

    assert (old, new) == (seen["old"], seen["fresh"]["path"])
    assert "YOUR CODE HERE (in the new edition)" in seen["fresh"]["cell"]
    assert new.split(".")[1] in seen["fresh"]["note"]


def test_a_new_edition_does_not_overwrite_the_old_copy(editions):
    """The edited copy is where it was, beside the new one, both in the list of files, whatever is written in the new."""
    seen, old, new = editions

    assert "written in the old edition" in seen["earlier"]["cell"]
    assert sorted([old, new]) == sorted(seen["files"])


def test_the_book_says_which_copy_is_which(editions):
    """The question's page tells of the copy of an earlier edition, later of both, and opens each."""
    seen, old, new = editions
    earlier, this = old.split(".")[1], new.split(".")[1]

    assert [True] == [f"a copy of an earlier edition ({earlier}" in line for line in seen["told"]]
    assert 2 == len(seen["toldOfBoth"])
    assert any(f"a copy of an earlier edition ({earlier}" in line for line in seen["toldOfBoth"])
    assert any(f"a copy of this edition ({this}" in line for line in seen["toldOfBoth"])
