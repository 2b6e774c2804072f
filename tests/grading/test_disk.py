"""Files on any system: appended to by one call, replaced as a whole."""

import fcntl
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from utils.grading import disk
from utils.grading.disk import FAR

ROOT = Path(__file__).parents[2]


class Locks(types.ModuleType):
    """Windows's msvcrt, by this system's locks: of the bytes from where the file is read or written next."""

    LK_LOCK, LK_UNLCK = fcntl.LOCK_EX, fcntl.LOCK_UN

    def __init__(self):
        super().__init__("msvcrt")
        self.held = []

    def locking(self, handle, mode, number):
        at = os.lseek(handle, 0, os.SEEK_CUR)
        self.held.append((mode, at, number))
        fcntl.lockf(handle, mode, number, at, os.SEEK_SET)


def test_windows_locks_one_byte_where_no_log_has_any(tmp_path, monkeypatch):
    """While a block is written, and no longer, also when the disk refuses it; the block goes to the end."""
    msvcrt = Locks()
    monkeypatch.setattr(disk, "msvcrt", msvcrt)
    handle = disk.opened(tmp_path / "log")
    try:
        assert [3, 4] == [disk.append(handle, b"one"), disk.append(handle, b"\ntwo")]
        monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            disk.append(handle, b"three")
    finally:
        os.close(handle)

    assert b"one\ntwo" == (tmp_path / "log").read_bytes()
    assert [(fcntl.LOCK_EX, FAR, 1), (fcntl.LOCK_UN, FAR, 1)] * 3 == msvcrt.held


# As on Windows: the end is looked for first, and written at then; only the lock keeps two from the same place.
WRITER = """
import os
from test_disk import Locks
from utils.grading import disk
disk.msvcrt = Locks()
real = os.write
def write(handle, data):
    os.lseek(handle, 0, os.SEEK_END)
    return real(handle, data)
os.write = write
handle = os.open({path!r}, os.O_WRONLY | os.O_CREAT)
for number in range(300):
    disk.append(handle, b'\\n{{"who": %d, "number": %d}}' % ({who}, number))
"""


def test_writers_at_once_lose_nothing_on_windows(tmp_path):
    """Three processes that append without the kernel's help: every entry is there, whole."""
    path = tmp_path / "log"
    texts = [WRITER.format(path=str(path), who=i) for i in range(3)]
    places = os.pathsep.join((str(ROOT / "tests/grading"), str(ROOT)))
    writers = [
        subprocess.Popen([sys.executable, "-c", text], env=os.environ | {"PYTHONPATH": places}) for text in texts
    ]
    assert [0, 0, 0] == [writer.wait(60) for writer in writers]

    found = [json.loads(line) for line in path.read_text().split("\n") if line]
    assert {(who, number) for who in range(3) for number in range(300)} == {(e["who"], e["number"]) for e in found}


def test_a_file_that_a_program_has_open_is_replaced_once_it_is_closed(tmp_path, monkeypatch):
    """Windows refuses until then; elsewhere a refusal is one at once."""
    part, target = tmp_path / "part", tmp_path / "target"
    part.write_text("new")
    target.write_text("old")
    real, refusals = os.replace, [PermissionError(13, "in use")] * 3

    def replace(*paths):
        if refusals:
            raise refusals.pop()
        real(*paths)

    monkeypatch.setattr(disk.os, "replace", replace)
    monkeypatch.setattr(disk, "WAIT", 0.001)
    with pytest.raises(PermissionError):
        disk.replace(part, target)
    monkeypatch.setattr(disk, "WINDOWS", True)
    disk.replace(part, target)

    assert "new" == target.read_text()
    assert [] == refusals


@pytest.mark.parametrize(
    ("name", "there"),
    [("why?.ipynb", "why_.ipynb"), ('a:b*"c".py', "a_b__c_.py"), ("con.py", "_con.py"), ("Aux", "_Aux"), ("end. ", "end_"),
     ("console.py", "console.py"), ("15_x.2026-12-01.ipynb", "15_x.2026-12-01.ipynb"), ("中文.ipynb", "中文.ipynb")],
)  # fmt: skip
def test_a_name_from_another_system_is_one_that_windows_takes(monkeypatch, name, there):
    """Elsewhere it stays as it is."""
    assert name == disk.name_here(name)
    monkeypatch.setattr(disk, "WINDOWS", True)

    assert there == disk.name_here(name)


def test_every_file_of_the_course_has_a_name_that_windows_takes(monkeypatch):
    """So that a clone and an installation work there: no forbidden signs, no two that differ in capitals alone."""
    monkeypatch.setattr(disk, "WINDOWS", True)
    folders = [ROOT / name for name in ("notebooks", "solutions", "utils", "tests", "book")]
    paths = [
        path for folder in folders for path in folder.rglob("*") if not {"_build", "__pycache__"} & set(path.parts)
    ]

    assert len(paths) > 400
    assert [] == [path for path in paths if disk.name_here(path.name) != path.name]
    assert len({str(path).lower() for path in paths}) == len(paths)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    """What fails on the way leaves the old file, and nothing beside it."""
    file = tmp_path / "notes.txt"
    disk.write(file, "α\n")
    with pytest.raises(UnicodeEncodeError), disk.whole(file) as part:
        part.write_text("half of it, and then \ud800", encoding="utf-8")
    assert [file] == list(tmp_path.iterdir())
    with pytest.raises(UnicodeEncodeError):
        disk.write(file, "\ud800")

    assert "α\n".encode() == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())
