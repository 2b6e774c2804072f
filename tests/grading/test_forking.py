"""Where this course forks, and a search that may run wild in a child."""

import os
import sys
import time

import numpy as np

from utils.grading import forking


def test_where_children_are_forked(monkeypatch):
    """On Linux; on macOS only when asked, for its libraries may crash after it; in a browser and on Windows never."""
    monkeypatch.delenv("COURSE_FORK", raising=False)
    found = []
    for system in ("linux", "darwin", "emscripten"):
        monkeypatch.setattr(sys, "platform", system)
        found.append(forking.forks())
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("COURSE_FORK", "on")
    found.append(forking.forks())
    monkeypatch.delattr(os, "fork")

    assert [True, False, False, True, False] == [*found, forking.forks()]


def test_a_search_follows_the_rule(monkeypatch):
    """It runs in a process of its own, and in this one where nothing may be forked."""
    monkeypatch.delenv("COURSE_FORK", raising=False)
    apart = forking.aside(lambda: {"process": os.getpid()})
    monkeypatch.setenv("COURSE_FORK", "off")
    here = forking.aside(lambda: {"process": os.getpid()})

    assert apart["process"] != os.getpid() == here["process"]


def test_a_search_that_nothing_in_python_can_stop_is_killed():
    """C code that keeps the search busy, and one that asks for all memory, cost a hint and nothing else."""
    busy = [["rows"]]
    busy[0].append(busy)
    start = time.monotonic()

    assert forking.aside(lambda: np.stack(busy) and {}) is None
    assert forking.aside(lambda: bytearray(1 << 40) and {"line": 1}) is None
    assert forking.aside(lambda: {"line": 1, "words": "x"}) == {"line": 1, "words": "x"}
    assert time.monotonic() - start < 30
