"""Log and work taken elsewhere: what is exported comes back whole, and an import loses nothing that was there."""

import importlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.practice import archive, exchange
from utils.workplace import folder

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
ROOT = Path(__file__).parents[2]
STEM = "15_batchnorm_forward"
ENTRY = '{"time": "2026-12-01T09:00:00+00:00", "exercise": "adam_step", "status": "right"}\n'


def course(home, *words):
    env = os.environ | {"COURSE_HOME": str(home), "COURSE_NOW": "2026-12-09T09:00:00+00:00"}
    command = [sys.executable, "-m", "utils.cli", "log", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, stdin=subprocess.DEVNULL)


def contents(home):
    """Every file of a course folder, with its bytes."""
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.fixture
def homes(tmp_path):
    """Two machines: on the first one question is edited, one is blank as it was copied, and there is a review."""
    one, two = tmp_path / "one", tmp_path / "two"
    for home in (one, two):
        folder.fill(home)
    edited = json.loads((one / "work" / f"{STEM}.ipynb").read_text(encoding="utf-8"))
    edited["cells"].append({"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["my note"]})
    (one / "work" / f"{STEM}.ipynb").write_text(json.dumps(edited), encoding="utf-8")
    (one / "work" / "review").mkdir()
    (one / "work" / "review" / "notes ü.txt").write_bytes(b"\x00\xff notes")
    (one / "work" / ".ipynb_checkpoints").mkdir()
    (one / "work" / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    (one / "progress.jsonl").write_text(ENTRY)
    return one, two


def test_log_and_work_go_to_another_machine(homes, tmp_path):
    """What is edited goes with the log; untouched copies and what Jupyter keeps aside stay; twice is once."""
    one, two = homes
    done = course(one, "export", tmp_path / "mine.zip")
    first, again = (course(two, "import", tmp_path / "mine.zip") for _ in range(2))

    assert "1 entry, 2 files" in done.stdout
    assert {"progress.jsonl", f"work/{STEM}.ipynb", "work/review/notes ü.txt"} == set(
        zipfile.ZipFile(tmp_path / "mine.zip").namelist()
    )
    assert "1 new entry, 2 new files" in first.stdout
    assert "0 new entries, 0 new files" in again.stdout
    for name in (f"work/{STEM}.ipynb", "work/review/notes ü.txt"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert not (two / "work" / ".ipynb_checkpoints").exists()


def test_a_file_of_the_learners_is_never_overwritten(homes, tmp_path):
    """Another content comes beside with the date, a third one beside that; what was there is as it was."""
    one, two = homes
    (two / "work" / f"{STEM}.ipynb").write_text("mine")
    shutil.copytree(one, tmp_path / "three")
    (tmp_path / "three" / "work" / f"{STEM}.ipynb").write_text("the third")
    for home in (one, tmp_path / "three"):
        course(home, "export", tmp_path / f"{home.name}.zip")
    told = [course(two, "import", tmp_path / f"{name}.zip").stdout for name in ("one", "three", "one")]

    assert "mine" == (two / "work" / f"{STEM}.ipynb").read_text()
    assert (one / "work" / f"{STEM}.ipynb").read_bytes() == (two / "work" / f"{STEM}.2026-12-09.ipynb").read_bytes()
    assert "the third" == (two / "work" / f"{STEM}.2026-12-09-2.ipynb").read_text()
    assert f"beside yours: work/{STEM}.2026-12-09.ipynb" in told[0]
    assert "0 new entries, 0 new files" in told[2]


def test_a_notebook_of_the_browser_gets_a_laptops_kernel(tmp_path):
    """JupyterLab would ask for a kernel of the browser's name."""
    notebook = {"cells": [], "metadata": {"kernelspec": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    with zipfile.ZipFile(tmp_path / "browser.zip", "w") as zipped:
        zipped.writestr(f"work/{STEM}.a3f9c1.ipynb", json.dumps(notebook))
    course(tmp_path, "import", tmp_path / "browser.zip")
    found = json.loads((tmp_path / "work" / f"{STEM}.a3f9c1.ipynb").read_text(encoding="utf-8"))

    assert "python3" == found["metadata"]["kernelspec"]["name"]


def link():
    info = zipfile.ZipInfo("work/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def zipped(*members):
    def write(path):
        with zipfile.ZipFile(path, "w") as file:
            for name, text in members:
                file.writestr(name, text)

    return write


def truncated(path):
    zipped(("progress.jsonl", ENTRY * 100), ("work/a.ipynb", "{}"))(path)
    path.write_bytes(path.read_bytes()[:-40])


def damaged(path):
    zipped(("progress.jsonl", ENTRY), ("work/a.ipynb", "some text"))(path)
    path.write_bytes(path.read_bytes().replace(b"some text", b"same text"))


BAD = {
    "truncated": truncated,
    "damaged": damaged,
    "leads out": zipped(("progress.jsonl", ENTRY), ("work/../../evil.txt", "x")),
    "absolute": zipped(("progress.jsonl", ENTRY), ("/etc/evil.txt", "x")),
    "backslash": zipped(("progress.jsonl", ENTRY), ("work/..\\evil.txt", "x")),
    "drive": zipped(("work/C:evil.txt", "x")),
    "link": zipped(("progress.jsonl", ENTRY), (link(), "/etc/passwd")),
    "foreign": zipped(("letter.txt", "hello")),
    "foreign log": zipped(("progress.jsonl", "no log\n"), ("work/a.ipynb", "{}")),
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00"),
    "a text": lambda path: path.write_text("dear diary\n[1, 2]\n{}\n"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_changes_nothing(tmp_path, kind):
    """One line that says so, exit code 2, and neither log nor work/ is touched, not even by a good file before it."""
    home, good, bad = tmp_path / "home", tmp_path / "good.zip", tmp_path / "bad.zip"
    (home / "work").mkdir(parents=True)
    (home / "progress.jsonl").write_text(ENTRY)
    zipped(("progress.jsonl", ENTRY.replace("adam_step", "other")), ("work/good.txt", "x"))(good)
    BAD[kind](bad)
    before = contents(tmp_path)
    done = course(home, "import", good, bad)

    assert 2 == done.returncode
    assert "Nothing was imported" in done.stderr
    assert "Traceback" not in done.stderr
    assert before == contents(tmp_path)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    """The sum that it claims is looked at before a byte is unpacked."""
    zipped(("work/a", "x" * 1000))(tmp_path / "a.zip")
    monkeypatch.setattr(archive, "LIMIT", 999)

    with pytest.raises(archive.ForeignError, match="unpacks to more"):
        archive.read(tmp_path / "a.zip")


def test_a_place_that_takes_no_file_is_told(tmp_path):
    """An export into a folder that is not there, of either kind: one line and exit code 2."""
    for name in ("a.zip", "a.jsonl"):
        done = course(tmp_path, "export", tmp_path / "nowhere" / name)
        assert (2, True) == (done.returncode, "could not be written" in done.stderr)


def test_an_export_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    """The whole file or nothing."""
    (tmp_path / "mine.zip").write_text("the earlier one")
    monkeypatch.setattr(archive, "_own", lambda home: [home / "gone"])

    with pytest.raises(FileNotFoundError):
        archive.write(tmp_path / "mine.zip", tmp_path)
    assert {"mine.zip": b"the earlier one"} == contents(tmp_path)


ENTRIES = st.lists(
    st.fixed_dictionaries({"time": st.sampled_from(["2026-12-01T09:00:00+00:00", "2026-12-02T09:00:00+01:00"]),
                           "exercise": st.sampled_from(["a", "ü", "\u2028"])}, optional={"step": st.integers(0, 2)}),
    max_size=6,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(ENTRIES, ENTRIES)
def test_union_is_the_same_from_either_side(tmp_path_factory, one, two):
    """Whoever imports from whom, both end with the same entries, each as often as the log that had it most often."""
    ends = []
    for own, other in ((one, two), (two, one)):
        home = tmp_path_factory.mktemp("home")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_HOME", str(home))
            assert progress.append(own)
            exchange.merge(exchange.parsed("".join(json.dumps(entry) + "\n" for entry in other).encode()))
            ends.append(sorted(json.dumps(entry, sort_keys=True) for entry in progress.entries()))
            assert [] == exchange.merge(other), "and once is enough"
    assert ends[0] == ends[1]
    assert all(ends[0].count(text) == max(texts(one).count(text), texts(two).count(text)) for text in ends[0])


def texts(entries):
    return [json.dumps(entry, sort_keys=True) for entry in entries]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=5), min_size=1, max_size=6))
def test_no_import_loses_a_version(tmp_path_factory, versions):
    """However many versions of a file come one after the other, each is there in the end, and the first under its name."""
    home, name = tmp_path_factory.mktemp("home"), PurePosixPath("work/a.txt")
    for data in versions:
        archive.place(home, {name: data}, date(2026, 12, 9))

    assert versions[0] == (home / name).read_bytes()
    assert sorted(set(versions)) == sorted(contents(home).values())


def whole():
    """An archive with compressed members, as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("progress.jsonl", ENTRY * 20)
        file.writestr("work/15_x.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4}' * 20)
    return buffer.getvalue()


WHOLE = whole()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(WHOLE)))
def test_a_damaged_archive_is_refused_or_read(tmp_path_factory, changes, length):
    """Whatever bytes a bad disk or a broken download changed: some content or one line of words, never another error."""
    damaged = bytearray(WHOLE)
    for place, byte in changes:
        damaged[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(damaged[:length] if length % 3 == 0 else damaged)
    try:
        found = archive.read(path)
    except archive.ForeignError as error:
        found = str(error)
    assert isinstance(found, archive.Brought) or "\n" not in found
