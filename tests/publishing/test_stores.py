"""What the browser keeps: read whatever its version, agreed on by two tabs, refused in words, taken along in a file.

In Chromium, with a page that holds our scripts alone; the whole site is in test_lite.py.
"""

import json
import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest

from utils.publishing import lite, practice_page

ROOT = Path(__file__).parents[2]
SHUT = "this browser stores nothing for this site"
BOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def seen(browser, node, tmp_path_factory):
    """What stores.mjs saw, with the file that was imported and the one that was exported."""
    place = tmp_path_factory.mktemp("stores")
    site = place / "site"
    site.mkdir()
    scripts = [*sorted((ROOT / "book" / "lite").glob("*.js")), ROOT / "utils" / "grading" / "store.js"]
    for script in scripts:
        shutil.copy(script, site)
    tags = "".join(f'<script src="{script.name}"></script>' for script in scripts)
    page = f"<!DOCTYPE html><meta charset=utf-8>{practice_page.practice()}{practice_page.transfer()}{tags}"
    (site / "index.html").write_text(page, encoding="utf-8")
    with zipfile.ZipFile(place / "in.zip", "w") as zipped:
        line = {"time": "2026-02-01T09:00:00+00:00", "exercise": "conv2d", "status": "right"}
        zipped.writestr("progress.jsonl", json.dumps(line) + "\n")
        for name in ("work/20_cnn_layers.ipynb", "work/review/20_cnn_layers.ipynb"):
            zipped.writestr(name, json.dumps(BOOK))
        for name in (
            "work/20_cnn_layers.py",
            "work/helper.py",
            "work/a/b/notes.md",
            "work/../up.py",
            "work/picture.png",
        ):
            zipped.writestr(name, f"# {name} 批\n")
    job = {"site": str(site), "archive": str(place / "in.zip"), "out": str(place / "out.zip")}
    return node("stores.mjs", json.dumps(job), env=browser), place / "out.zip"


def test_reading_makes_nothing(seen):
    """Whoever only looks has no database."""
    assert {"entries": [], "databases": 0} == seen[0]["nobody"]


def test_an_older_store_is_added_to(seen):
    """What lay in the database stays there, and the log comes beside it."""
    older = seen[0]["older"]

    assert ([], "added", [1]) == (older["before"], older["added"], older["after"])
    assert {"version": 2, "stores": {"attempts": 1, "notes": 1}} == older["state"]


def test_a_newer_store_is_read_and_written(seen):
    """Neither its version nor its other stores change; what nobody knows is passed over."""
    newer = seen[0]["newer"]

    assert ([1, None], "added", [1, None, 2]) == (newer["before"], newer["added"], newer["after"])
    assert {"version": 7, "stores": {"attempts": 5, "plans": 1}} == newer["state"]


def test_a_store_that_takes_no_entry_of_ours_is_told(seen):
    """It is read all the same, and nothing of it is lost."""
    other = seen[0]["otherKeys"]

    assert [1] == other["before"]
    assert "of another version of the course" in other["added"]
    assert {"version": 3, "stores": {"attempts": 1}} == other["state"]


def test_tabs_hear_of_each_other(seen):
    """An entry in one tab is news in the other; what both write at once is all there."""
    assert [{"changed": True}] == seen[0]["heard"]
    assert 301 == seen[0]["both"]


def test_no_tab_waits_for_another(seen):
    """A tab that opens newer versions of the database, and one that writes all the while: both get on."""
    assert {"upgraded": "upgraded", "added": True, "numbers": 331} == seen[0]["upgrades"]


def test_a_tab_that_holds_the_storage_is_told_of(seen):
    """Within seconds and in words, writing and reading. Once it is closed all is well, and nothing stays open."""
    blocked = seen[0]["blocked"]

    held = "another tab of the course holds its storage: close that tab"
    assert (held, held) == (blocked["added"], blocked["entries"])
    assert blocked["seconds"] < 30
    assert ("added", [2], "gone") == tuple(blocked[key] for key in ("later", "after", "left"))
    assert "gone" == seen[0]["left"]


def test_a_full_storage_is_told(seen):
    """Nothing of what was there is lost, and writing works again once there is room."""
    full = seen[0]["full"]

    assert "is full: delete files" in full["added"]
    assert ([1], "added", [1, 2]) == (full["entries"], full["later"], full["after"])


def test_a_write_that_is_broken_off_leaves_nothing_by_half(seen):
    """Both entries or none."""
    aborted = seen[0]["aborted"]

    assert "the browser broke the writing off" == aborted["added"]
    assert ([1, 2], "added", [1, 2, 3, 4]) == (aborted["entries"], aborted["later"], aborted["after"])


@pytest.mark.parametrize("how", ["forbidden", "without"])
def test_a_browser_that_stores_nothing_is_told(seen, how):
    """Reading, writing and the page of practice say so; none takes it for an empty log."""
    found = seen[0][how]

    assert found["entries"].startswith(SHUT)
    assert found["added"].startswith(SHUT)
    assert f"Your log cannot be read: {SHUT}" in found["page"]


def test_the_browser_is_asked_to_keep_the_work(seen):
    """What it says stands in words on the page: nothing promised, asked and refused, promised."""
    before, refused, kept = seen[0]["lasting"]

    assert "has not promised to keep your work" in before
    assert "Ask it to" in before
    assert "said no: export your work now and then" in refused
    assert "has promised to keep your work until you delete it" in kept
    assert "Ask it to" not in kept


def test_an_import_that_cannot_be_stored_is_told(seen):
    """Why, and that it can be repeated; the second one brings all, a third one nothing."""
    found = seen[0]

    assert (
        "could not store all of it. What you had is unchanged, and an import can be repeated: the space"
        in found["half"]
    )
    assert "1 new entry in the log, 4 new files" in found["whole"]
    assert "0 new entries in the log, 0 new files" in found["again"]


def test_files_in_folders_and_scripts_are_taken_along(seen):
    """Notebooks and texts with their folders; no twin of a notebook, no name that leads out, nothing binary."""
    files = ["20_cnn_layers.ipynb", "a/b/notes.md", "helper.py", "review/20_cnn_layers.ipynb"]
    with zipfile.ZipFile(seen[1]) as zipped:
        names = sorted(zipped.namelist())
        notes = zipped.read("work/a/b/notes.md").decode()

    assert [["a", "directory"], ["a/b", "directory"], ["review", "directory"]] == [
        [path, kind] for path, kind, _ in seen[0]["stored"] if kind == "directory"
    ]
    assert files == sorted(path for path, kind, _ in seen[0]["stored"] if kind != "directory")
    assert ["progress.jsonl", *(f"work/{name}" for name in files)] == names
    assert "# work/a/b/notes.md 批\n" == notes


# ---- in JupyterLite -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refused(self_hosted, browser, node):
    """What refused.mjs saw of a notebook in two tabs, and where the browser stores neither it nor an attempt."""
    stem, name = "15_batchnorm_forward", "batchnorm_forward"
    cells = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4).cells
    right = next(cell.source for cell in cells if cell.cell_type == "code" and f"def {name}(" in cell.source)
    job = {"site": str(self_hosted), "path": lite.notebook_name(stem), "name": name, "right": right}
    return node("refused.mjs", json.dumps(job), env=browser)


def test_two_tabs_with_one_notebook_agree(refused):
    """The second one says so; it shows what the first one stores, and where both wrote the words speak of tabs."""
    assert "open in another tab too" not in refused["twice"][0]
    assert "open in another tab too" in refused["twice"][1]
    assert "written in one" in refused["followed"]
    assert "another tab, which stored it in the meantime" in refused["changed"]


def test_a_refused_attempt_is_told_and_stored_later(refused):
    """The verdict appears and says why it is not noted; both attempts are stored as soon as there is room."""
    first, second = refused["verdicts"]

    assert "· right ·" in first
    assert "· right ·" in second
    assert "is full: delete files you do not need" in second
    assert "it is tried again while the tab is open" in second
    assert [0, 2] == refused["numbers"]


def test_no_sentence_stays_when_its_reason_is_gone(refused):
    """Of all that was said there is left that the browser has not promised to keep the work."""
    assert "has not promised to keep your work" in refused["said"]
    assert "not store" not in refused["said"]
