"""`course doctor` names each fault with the command that mends it."""

import json
import os
import subprocess
import sys
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from utils.workplace import doctor

ROOT = Path(__file__).parents[2]


def found(home, about):
    """The findings about one thing."""
    return [one for one in doctor.examine(home) if one.about == about]


def test_a_sound_installation_has_no_fault(tmp_path):
    """And everything is looked at."""
    findings = doctor.examine(tmp_path)

    assert [] == [one for one in findings if one.state == doctor.FAULT]
    looked = {one.about for one in findings}
    assert {"Python", "packages", "torch", "kernel", "ports", "permissions", "disk", "memory", "locale"} <= looked


def test_missing_and_other_packages(tmp_path, monkeypatch):
    """What is missing is a fault, another version than the tested one a note; pip's command names both."""
    versions = dict.fromkeys(doctor.NEEDED, "1.0") | {"scipy": None, "numpy": "2.0", "torch": None}
    monkeypatch.setattr(doctor.pins, "installed", versions.get)
    monkeypatch.setattr(doctor.pins, "pins", lambda: dict.fromkeys(doctor.NEEDED, "1.0"))
    missing, other = found(tmp_path, "packages")

    assert (doctor.FAULT, True) == (missing.state, missing.mend.endswith(" scipy"))
    assert (doctor.NOTE, True) == (other.state, other.mend.endswith(" numpy"))
    assert "course torch" == found(tmp_path, "torch")[0].mend


def test_without_pip_the_command_unpacks_it_first(tmp_path, monkeypatch):
    """An environment that uv made has none."""
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    (fault,) = found(tmp_path, "kernel")

    assert "-m ensurepip && " in fault.mend


def test_little_disk_and_memory(tmp_path, monkeypatch):
    """Too little to start is a fault, little is a note."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=50 * doctor.MB))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=500 * doctor.MB))

    assert doctor.FAULT == found(tmp_path, "disk")[0].state
    assert doctor.NOTE == found(tmp_path, "memory")[0].state


def test_a_file_that_hides_a_package(tmp_path):
    """An own utils.py beside the notebooks is the commonest."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "utils.py").touch()
    (fault,) = found(tmp_path, "names")

    assert doctor.FAULT == fault.state
    assert "my_utils.py" in fault.mend


def test_no_browser_is_no_fault(tmp_path, monkeypatch):
    """On a server there is none."""
    monkeypatch.setattr(webbrowser, "get", lambda: (_ for _ in ()).throw(webbrowser.Error("none")))

    assert [(doctor.NOTE, "course learn --no-browser")] == [(f.state, f.mend) for f in found(tmp_path, "browser")]


def test_a_look_that_fails_is_a_finding(tmp_path, monkeypatch):
    """A doctor who dies of a strange machine helps nobody."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: 1 / 0)

    assert "could not be looked at" in found(tmp_path, "memory")[0].words


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_closed_folder(tmp_path):
    """Without it answers could not be saved."""
    (tmp_path / "work").mkdir(mode=0o500)

    assert doctor.FAULT == found(tmp_path, "permissions")[0].state


@pytest.mark.parametrize(("encoding", "code"), [("utf-8", 0), ("ascii", 1)])
def test_exit_code_and_json(tmp_path, encoding, code):
    """For scripts: 1 when something has to be mended."""
    env = os.environ | {"COURSE_HOME": str(tmp_path), "PYTHONIOENCODING": f"{encoding}:replace", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "utils.cli", "doctor", "--json"], capture_output=True, cwd=ROOT, env=env
    )

    assert code == done.returncode
    states = {row["about"]: row["state"] for row in json.loads(done.stdout.decode(encoding, "replace"))}
    assert states["locale"] == ("fault" if code else "ok")


def test_what_is_wrong_with_the_log(tmp_path):
    """A folder in its place is a fault; lines that no reader takes are counted; a log of entries is fine."""
    log = tmp_path / "progress.jsonl"
    assert [] == found(tmp_path, "log")
    log.mkdir()
    (fault,) = found(tmp_path, "log")
    assert doctor.FAULT == fault.state
    assert f"{log} is not a file" in fault.words

    log.rmdir()
    good = '\n{"time": "2026-12-01T09:00:00+00:00", "event": "plan", "days": 3}'
    log.write_text(good)
    assert doctor.OK == found(tmp_path, "log")[0].state
    log.write_text(good + '\nrubbish\n{"time": 1}\n[]' + good)
    (note,) = found(tmp_path, "log")
    assert doctor.NOTE == note.state
    assert "3 lines" in note.words
    log.write_bytes(good.encode() + b"\n\xff\x00")
    assert "1 line is" in found(tmp_path, "log")[0].words
