"""`course torch` says how large the build is, and never brings gigabytes unasked."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from utils.cli import main
from utils.cli import torch as verb


@pytest.fixture
def pip(monkeypatch):
    """pip, replaced: a list of its commands, and the names that it would install."""
    commands, names = [], ["torch", "sympy"]

    def run(command, stdout=None, text=False):
        commands.append(command)
        report = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
        return subprocess.CompletedProcess(command, 0, stdout=report)

    monkeypatch.setattr(verb.subprocess, "run", run)
    monkeypatch.setattr(verb.pins, "installed", lambda name: None)
    monkeypatch.setattr(verb.pins, "pin", lambda name: "2.13.0")
    return commands, names


def test_the_pinned_build_is_installed_and_its_size_said(pip):
    """The pin is in the same command."""
    done = CliRunner().invoke(main, ["torch"])

    assert 0 == done.exit_code, done.output
    assert "200 MB" in done.output
    assert "torch==2.13.0" == pip[0][-1][-1]
    assert "--dry-run" not in pip[0][-1]


def test_the_large_build_is_not_installed_unasked(pip):
    """Without a terminal to ask at, it says how to get the small one and stops."""
    pip[1].append("nvidia-cublas-cu13")
    done = CliRunner().invoke(main, ["torch"])

    assert 1 == done.exit_code
    assert "COURSE_TORCH_INDEX" in done.output
    assert 1 == len(pip[0]), "only looked up"
    assert 0 == CliRunner().invoke(main, ["torch", "--yes"]).exit_code


def test_an_index_is_passed_on(pip, monkeypatch):
    """COURSE_TORCH_INDEX names where the CPU build is."""
    monkeypatch.setenv("COURSE_TORCH_INDEX", "https://example.org/cpu")
    CliRunner().invoke(main, ["torch"])

    assert all("https://example.org/cpu" == command[command.index("--extra-index-url") + 1] for command in pip[0])


def test_what_is_installed_stays(pip, monkeypatch):
    """The CPU build's version has a suffix of its own."""
    monkeypatch.setattr(verb.pins, "installed", lambda name: "2.13.0+cpu")

    assert "is installed" in CliRunner().invoke(main, ["torch"]).output
    assert [] == pip[0]


def test_an_environment_without_pip_gets_pythons_own(pip, monkeypatch):
    """uv makes such environments."""
    monkeypatch.setattr(verb.importlib.util, "find_spec", lambda name: None)

    assert 0 == CliRunner().invoke(main, ["torch"]).exit_code
    assert [verb.sys.executable, "-m", "ensurepip"] == pip[0][0]
