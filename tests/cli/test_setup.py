"""`./course` makes .venv, and makes it anew where it is half-made or its folder has moved."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A Python that makes environments with itself in them and writes down what it is asked for.
FAKE = """#!/bin/sh
echo "$@" >>"$LOG"
case "$*" in
    "-m venv "*) [ -z "${NO_VENV:-}" ] || { mkdir -p "$3"; exit 1; }; mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
    "-m pip --version") [ -e "$(dirname "$0")/no_pip" ] && exit 1 || exit 0;;
    "-m pip install "*) exit "${PIP_EXIT:-0}";;
esac
"""


@pytest.fixture
def folder(tmp_path):
    """A checkout's top level, with a fake Python."""
    home = tmp_path / "a course"
    home.mkdir()
    for name in ("course", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, home)
    (tmp_path / "python").write_text(FAKE)
    (tmp_path / "python").chmod(0o755)
    return home


def run(folder, *words, **env):
    """(exit code, what it said, what the fake Python was asked for)."""
    log = folder.parent / "log"
    log.write_text("")
    env = {"PATH": os.environ["PATH"], "LOG": str(log), "PYTHON": "../python", **env}
    done = subprocess.run(["./course", *words], cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stderr, log.read_text()


def test_the_first_time_installs_and_the_second_only_runs(folder):
    """torch and the authors' packages are no part of it."""
    code, said, asked = run(folder, "status")

    assert 0 == code, said
    assert "Installing the course into .venv" in said
    assert "-c constraints.txt -e .\n" in asked
    assert asked.endswith("-m utils.cli status\n")
    _, said, asked = run(folder, "status")
    assert "" == said
    assert "install" not in asked


def test_extras_are_added_and_stay(folder):
    """What was once installed is installed again when the pins change."""
    run(folder, COURSE_EXTRAS="torch,dev")
    (folder / "constraints.txt").write_text("numpy==9\n")
    _, _, asked = run(folder)

    assert "-e .[torch,dev]" in asked
    assert "install" not in run(folder)[2]


def test_torch_may_have_an_index_of_its_own(folder):
    """COURSE_TORCH_INDEX is where pip finds the CPU build; without it nothing but the extras is asked for."""
    _, _, asked = run(folder, COURSE_EXTRAS="torch", COURSE_TORCH_INDEX="https://example.org/cpu")

    assert "-c constraints.txt --extra-index-url https://example.org/cpu -e .[torch]" in asked


def test_a_moved_folder_gets_a_new_environment(folder):
    """Its scripts would look for the old place; the extras are remembered."""
    run(folder, COURSE_EXTRAS="dev")
    moved = folder.rename(folder.with_name("moved"))
    code, said, asked = run(moved, "status")

    assert 0 == code
    assert "has moved: made anew" in said
    assert "-m venv" in asked
    assert "-e .[dev]" in asked


def test_a_half_made_environment_is_made_anew(folder):
    """Without pip, or without Python, as an interrupt leaves it."""
    run(folder)
    (folder / ".venv" / "bin" / "no_pip").touch()
    assert "not whole: made anew" in run(folder)[1]
    (folder / ".venv" / "bin" / "python").unlink()
    code, said, _ = run(folder)
    assert (0, True) == (code, "not whole" in said)


def test_without_pythons_own_venv_it_says_what_to_install(folder):
    """Nothing half-made is left behind."""
    code, said, _ = run(folder, NO_VENV="1")

    assert 1 == code
    assert "python3-venv" in said
    assert not (folder / ".venv").exists()


def test_a_failed_installation_is_tried_again(folder):
    """Nothing is marked as ready that is not."""
    code, said, _ = run(folder, PIP_EXIT="1")

    assert 1 == code
    assert "Run the same command again" in said
    assert "install" in run(folder)[2]


def test_an_update_without_network_runs_on_what_is_there(folder):
    """New pins cannot be fetched on a train; the next time they are asked for again."""
    run(folder)
    (folder / "constraints.txt").write_text("numpy==9\n")
    code, said, asked = run(folder, "status", PIP_EXIT="1")

    assert 0 == code
    assert "earlier edition are used" in said
    assert asked.endswith("-m utils.cli status\n")
    assert "install" in run(folder)[2]


def test_settings_of_tools_are_no_reason_to_install(folder):
    """Only the project's own part of pyproject.toml is."""
    run(folder)
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n# a comment for ruff\n")

    assert "install" not in run(folder)[2]
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace('"click>=8.1"', '"click>=8.2"'))
    assert "install" in run(folder)[2]


def test_a_full_disk_is_said_before_anything_is_made(folder):
    """With how much is free, and how much it takes."""
    (tools := folder.parent / "tools").mkdir()
    (tools / "df").write_text("#!/bin/sh\necho Filesystem; echo /dev/sda 1000000 700000 300000 70% /\n")
    (tools / "df").chmod(0o755)
    code, said, asked = run(folder, PATH=f"{tools}:{os.environ['PATH']}")

    assert 1 == code
    assert "Only 300 MB are free" in said
    assert "venv" not in asked


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(folder):
    """Not Debian's missing package is to blame."""
    folder.chmod(0o555)
    code, said, _ = run(folder)
    folder.chmod(0o755)

    assert 1 == code
    assert "You may not write into" in said


def test_an_old_python_is_refused_by_name(folder):
    """The sentence says how to name another one."""
    (folder.parent / "old").write_text('#!/bin/sh\ncase "$1" in -c) exit 1;; esac\n')
    (folder.parent / "old").chmod(0o755)
    code, said, _ = run(folder, PYTHON="../old")

    assert 1 == code
    assert "Python 3.11 or newer is needed, and ../old is not" in said
    assert not (folder / ".venv").exists()
