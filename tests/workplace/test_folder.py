"""work/ keeps a learner's answers, whatever copies, clocks, earlier versions and saves do to it."""

import asyncio
import os
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupytext.async_contentsmanager import build_async_jupytext_contents_manager_class as jupytext_manager

from utils import editions
from utils.workplace import folder
from utils.workplace.answers import answers

ROOT = Path(__file__).parents[2]
STEM = "15_batchnorm_forward"
NAMES = ["batchnorm_forward", "batchnorm2d_forward"]
MARK = "return 'my own answer', None"


@pytest.fixture
def home(tmp_path):
    """A checkout with one question, as far as jupytext and `course learn` look at it."""
    home = tmp_path / "course"
    (home / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", home)
    for suffix in (".py", ".ipynb"):
        shutil.copy(ROOT / "notebooks" / f"{STEM}{suffix}", home / "notebooks")
    return home


def answered(path, mark=MARK):
    """Write an answer into the first blank of a notebook or script."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("raise NotImplementedError()", mark, 1), encoding="utf-8")


def twins(home, solve):
    """What `course learn` of an earlier version left: the notebook and its script, one or both solved."""
    work = home / "work"
    work.mkdir(exist_ok=True)
    for suffix in (".py", ".ipynb"):
        shutil.copy(home / "notebooks" / f"{STEM}{suffix}", work)
        if suffix in solve:
            answered(work / f"{STEM}{suffix}", f"return 'my own answer in {suffix[1:]}', None")
    return work


def everything(home):
    """All texts of the course's folder in one."""
    return "\n".join(path.read_text(encoding="utf-8") for path in home.rglob(f"{STEM}*") if path.is_file())


async def opened_and_saved(root, path):
    """What JupyterLab does at a double click and at its autosave, with jupytext's manager of contents."""
    manager = jupytext_manager(AsyncLargeFileManager)(root_dir=str(root), allow_hidden=True)
    model = await manager.get(path)
    await manager.save({"type": "notebook", "format": "json", "content": model["content"]}, path)


# ---- filling work/ ------------------------------------------------------------------------------------------------


def test_work_holds_one_file_a_question(home):
    """`course learn` copies the notebook alone."""
    done = folder.fill(home)

    assert [STEM] == done.new
    assert [f"{STEM}.ipynb"] == [path.name for path in (home / "work").iterdir()]


def test_a_second_time_nothing_is_touched(home):
    """An existing notebook stays as it is, to the byte and to its time."""
    folder.fill(home)
    mine = home / "work" / f"{STEM}.ipynb"
    answered(mine)
    os.utime(mine, (1, 1))
    before = mine.read_bytes()
    done = folder.fill(home)

    assert ([], []) == (done.new, done.told)
    assert before == mine.read_bytes()
    assert 1 == mine.stat().st_mtime


@pytest.mark.parametrize("solve", [(), (".py",), (".ipynb",), (".py", ".ipynb")], ids=str)
@pytest.mark.parametrize("newer", [".py", ".ipynb"])
def test_twins_of_an_earlier_version_are_brought_over(home, solve, newer):
    """One file is left, it has the answer where only one half had it, and no answer is lost."""
    work = twins(home, solve)
    for suffix in (".py", ".ipynb"):
        os.utime(work / f"{STEM}{suffix}", (2, 2) if suffix == newer else (1, 1))
    before = everything(work)
    done = folder.fill(home)

    assert [f"{STEM}.ipynb"] == [path.name for path in work.iterdir()]
    for suffix in solve:
        assert f"my own answer in {suffix[1:]}" in everything(home)
        assert f"my own answer in {suffix[1:]}" in before
    if solve:
        first = ".ipynb" if ".ipynb" in solve else ".py"
        assert f"my own answer in {first[1:]}" in (work / f"{STEM}.ipynb").read_text(encoding="utf-8")
    assert bool(done.told) == (".py" in solve), "a script with answers is told of"


def test_a_script_alone_becomes_the_notebook(home):
    """Who worked in the script only finds the answer in the notebook."""
    work = twins(home, (".py",))
    (work / f"{STEM}.ipynb").unlink()
    folder.fill(home)

    assert "my own answer in py" in (work / f"{STEM}.ipynb").read_text(encoding="utf-8")
    assert nbformat.validate(nbformat.read(work / f"{STEM}.ipynb", as_version=4)) is None


def test_a_broken_script_is_not_lost(home):
    """Bytes that are no Python stay, in work/ or in backups/."""
    work = twins(home, (".ipynb",))
    (work / f"{STEM}.py").write_bytes(b"\xff\xfe broken my own bytes")
    folder.fill(home)

    assert any(b"my own bytes" in path.read_bytes() for path in home.rglob("*.py"))
    assert "my own answer in ipynb" in (work / f"{STEM}.ipynb").read_text(encoding="utf-8")


def test_a_full_disk_leaves_no_half_notebook(home, monkeypatch):
    """A copy that fails leaves nothing behind, so that the next run copies it anew."""

    write_bytes = Path.write_bytes

    def full(path, data):
        write_bytes(path, b"{half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        folder.fill(home)

    assert [] == list((home / "work").iterdir())


# ---- JupyterLab ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["course", "course/work", "copy", "copy/work"])
@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("newer", [".py", ".ipynb", "both"])
def test_opening_and_saving_keeps_the_answer(home, root, twin, newer):
    """Open and save in JupyterLab, at the course's root or in work/, in the folder or in a copy of it, with a blank
    script beside the notebook or none, whichever is newer: the answer is still there."""
    work = twins(home, (".ipynb",))
    if not twin:
        (work / f"{STEM}.py").unlink()
    shutil.copytree(home, home.parent / "copy")
    for path in home.parent.rglob(f"work/{STEM}.*"):
        os.utime(path, (2000, 2000) if newer in (path.suffix, "both") else (1000, 1000))
    top = home.parent / root
    notebook = next(top.rglob(f"work/{STEM}.ipynb")) if not root.endswith("work") else top / f"{STEM}.ipynb"
    for _ in range(2):
        asyncio.run(opened_and_saved(top, str(notebook.relative_to(top))))

    assert "my own answer in ipynb" in notebook.read_text(encoding="utf-8")


# ---- grading, backing up ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newer", [".py", ".ipynb"])
@pytest.mark.parametrize("solved", [".py", ".ipynb"])
def test_the_half_with_the_answer_is_graded(home, solved, newer):
    """A blank that was touched last does not hide the answer beside it."""
    work = twins(home, (solved,))
    os.utime(work / f"{STEM}{newer}", (4e9, 4e9))

    assert (work / f"{STEM}{solved}", "") == folder.current(work, STEM)


def test_two_different_answers_are_told(home):
    """The newer answer is graded, and a sentence says that another lies beside it."""
    work = twins(home, (".py", ".ipynb"))
    os.utime(work / f"{STEM}.py", (4e9, 4e9))
    chosen, sentence = folder.current(work, STEM)

    assert f"{STEM}.py" == chosen.name
    assert f"{STEM}.ipynb beside it has other answers" in sentence


def test_reset_keeps_a_copy_and_leaves_one_file(home):
    """After `course reset` work/ has the blank notebook alone, and backups/ what was there."""
    work = twins(home, (".py", ".ipynb"))
    saved = folder.reset(home, STEM)

    assert [f"{STEM}.ipynb"] == [path.name for path in work.iterdir()]
    assert editions.as_text(editions.blank(STEM, home)) == (work / f"{STEM}.ipynb").read_text(encoding="utf-8")
    assert {"py", "ipynb"} == {path.suffix[1:] for path in saved.iterdir()}


# ---- what is an answer --------------------------------------------------------------------------------------------


def test_a_blank_has_no_answers_and_a_solution_has_all():
    """Every question's blank is told from its solution, script and notebook alike."""
    for suffix in (".py", ".ipynb"):
        assert {} == answers(ROOT / "notebooks" / f"{STEM}{suffix}", NAMES)
        assert NAMES == sorted(answers(ROOT / "solutions" / f"{STEM}{suffix}", NAMES), reverse=True)


@pytest.mark.parametrize(
    ("body", "is_answer"),
    [
        ("raise NotImplementedError()", False), ("raise NotImplementedError", False),
        ("'''text'''\n    raise NotImplementedError()", False), ("pass", True), ("return x", True),
        ("y = x\n    raise NotImplementedError()", True), ("return (", True),
    ],
)  # fmt: skip
def test_a_half_written_answer_is_an_answer(tmp_path, body, is_answer):
    """Anything beside the stub is somebody's work, a syntax error too."""
    path = tmp_path / "answer.py"
    path.write_text(f"def batchnorm_forward(x):\n    {body}\n")

    assert is_answer == ("batchnorm_forward" in answers(path, NAMES))


def test_a_script_and_its_notebook_have_equal_answers(home):
    """Comments and the form of the file make no difference."""
    work = twins(home, (".ipynb",))
    jupytext.write(jupytext.read(work / f"{STEM}.ipynb"), work / f"{STEM}.py", fmt="py:percent")

    assert answers(work / f"{STEM}.py", NAMES) == answers(work / f"{STEM}.ipynb", NAMES)


def new_edition(home):
    """The question changes: another title, and a cell more."""
    path = home / "notebooks" / f"{STEM}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source += "\n\nA new edition."
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("A new cell.", id="cell-new"))
    nbformat.write(notebook, path)


@pytest.mark.parametrize("known", [True, False])
def test_an_untouched_copy_is_brought_up_to_date(home, known):
    """Silently: nothing of a learner's is in it. A copy of an earlier version counts while it is the present edition."""
    folder.fill(home)
    mine = home / "work" / f"{STEM}.ipynb"
    if not known:
        shutil.copy(home / "notebooks" / f"{STEM}.ipynb", mine)
        folder.fill(home)
    new_edition(home)
    assert [] == folder.outdated(home), "there is nothing for its owner to do"
    done = folder.fill(home)

    assert ([], [], []) == (done.new, done.old, done.told)
    assert editions.as_text(editions.blank(STEM, home)) == mine.read_text(encoding="utf-8")


def test_an_edited_copy_waits_for_update(home):
    """`fill` leaves it, byte for byte, and names it; `update` carries the answer over, after a backup."""
    folder.fill(home)
    answered(mine := home / "work" / f"{STEM}.ipynb")
    before = mine.read_bytes()
    assert [] == folder.outdated(home)
    new_edition(home)

    assert [STEM] == folder.fill(home).old == folder.outdated(home)
    assert before == mine.read_bytes()
    done, saved = folder.update(home, STEM)
    text = mine.read_text(encoding="utf-8")
    assert MARK in text
    assert "A new edition." in text
    assert "A new cell." in text
    assert ["batchnorm_forward"] == done.answers
    assert before == (saved / mine.name).read_bytes()
    assert [] == folder.outdated(home)
    nbformat.validate(nbformat.read(mine, as_version=4))


def of_an_earlier_version(home, monkeypatch, answer):
    """A copy made before copies knew their edition: other text in its first cell, and nothing in its metadata."""
    folder.fill(home)
    mine = home / "work" / f"{STEM}.ipynb"
    notebook = nbformat.read(home / "notebooks" / f"{STEM}.ipynb", as_version=4)
    notebook.cells[0].source = "An old title."
    nbformat.write(notebook, mine)
    known = folder.earlier.was_given
    monkeypatch.setattr(
        folder.earlier, "was_given", lambda stem, cell: known(stem, cell) or cell["source"] == ["An old title."]
    )
    if answer:
        answered(mine)
    return mine


def test_an_untouched_copy_of_an_earlier_version_is_brought_up_to_date(home, monkeypatch):
    """Though it does not say which edition it is: all of it was given once."""
    mine = of_an_earlier_version(home, monkeypatch, answer=False)
    done = folder.fill(home)

    assert ([], []) == (done.old, folder.outdated(home))
    assert editions.as_text(editions.blank(STEM, home)) == mine.read_text(encoding="utf-8")


def test_an_edited_copy_of_an_earlier_version_is_named_and_updated(home, monkeypatch):
    """It has no edition, so it is the oldest; what was given then does not stay behind in the new edition."""
    mine = of_an_earlier_version(home, monkeypatch, answer=True)

    assert [STEM] == folder.fill(home).old == folder.outdated(home)
    done, _ = folder.update(home, STEM)
    text = mine.read_text(encoding="utf-8")
    assert (["batchnorm_forward"], 0, 0) == (done.answers, done.edited, done.beside)
    assert MARK in text
    assert "An old title." not in text
    assert [] == folder.outdated(home)


def test_only_copies_in_work_can_be_of_an_earlier_version(home):
    """The course's own notebooks know no edition either, and nobody has to update them."""
    assert not editions.is_old(STEM, home / "notebooks" / f"{STEM}.ipynb", home)
    (home / "work" / "solutions").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / f"{STEM}.ipynb", home / "work" / "solutions")
    assert not editions.is_old(STEM, home / "work" / "solutions" / f"{STEM}.ipynb", home)


def test_what_earlier_versions_had_is_known_for_every_question():
    """The list is frozen; a cell that is still the same shows that it is read right."""
    known = {
        stem: sum(folder.earlier.was_given(stem, cell) for cell in editions.blank(stem, ROOT)["cells"])
        for stem in editions.stems(ROOT)
        if stem < "53"  # the list was frozen with 52 questions; later ones have had no earlier version
    }

    assert 52 == len(known)
    assert [] == [stem for stem, count in known.items() if not count]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3, "nbformat": 4}', '{"cells": [3], "nbformat": 4}'])
def test_what_cannot_be_read_is_left_alone(home, text):
    """A broken file is somebody's work too."""
    folder.fill(home)
    (mine := home / "work" / f"{STEM}.ipynb").write_text(text)
    folder.fill(home)
    with pytest.raises(ValueError, match="course reset 15"):
        folder.update(home, STEM)

    assert text == mine.read_text()
