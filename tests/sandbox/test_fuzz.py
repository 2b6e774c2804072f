"""A fixed part of tests/fuzz.py: malformed files, mutated answers, damaged ledgers and logs; and that it finds faults."""

import collections
import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from utils.grading import report
from utils.sandbox import child
from utils.sandbox.batch import Row

spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parents[1] / "fuzz.py")
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)

quickly = settings(max_examples=120, deadline=None, derandomize=True, database=None,
                   suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip


# ---- the course ---------------------------------------------------------------------------------------------------


@quickly
@given(fuzz.files())
@example((b"a.py", b"# -*- coding: utf-16 -*-\nx = 1"))
@example((b"a.py", b"# coding: punycode\nx = '\xff'"))
@example((b"a.py", b"def batchnorm_forward(x, x): pass\n\0"))
@example((b"a.ipynb", b'{"cells": [{"cell_type": "code", "source": ["\\ud800", 3]}]}'))
@example((b"a.ipynb", b'{"cells":' * 5000))
def test_taking_apart_never_fails(file):
    """Whatever the bytes: definitions that compile and arrive as they were sent, or a reason in words."""
    name, data = file

    assert [] == list(fuzz.reading(data, ".ipynb" if name.endswith(b".ipynb") else ".py"))


def test_every_file_has_its_rows_and_no_wrong_answer_is_right(tmp_path):
    """One row an exercise, printable, as JSON, found again in a torn ledger; what is right agrees with its oracle."""
    seen = collections.Counter()
    found = list(fuzz.grading(fuzz.drawn(fuzz.files(), 70, 1), tmp_path, seen))

    assert [] == found
    assert all(seen[status] for status in (report.RIGHT, report.WRONG, report.ERROR, report.BLANK)), seen


def test_nonsense_in_other_cells_makes_no_answer_wrong(tmp_path):
    """Broken cells, magics, control characters before and after: the answer is right."""
    assert [] == list(fuzz.fairness(fuzz.drawn(fuzz.fair(), 12, 1), tmp_path))


@quickly
@given(st.lists(fuzz.entries, max_size=8), st.lists(fuzz.entries, max_size=3), fuzz.damages)
def test_a_damaged_log_loses_no_whole_entry(env, before, after, damage):
    """Cut off or with garbage in one place, and gone on with: all other entries are there, and the replay works."""
    assert [] == list(fuzz.log(before, after, damage, env / "progress.jsonl"))


def test_writers_at_once_lose_nothing(env):
    """Every entry of every writer is in the log."""
    for lots in fuzz.drawn(fuzz.LOTS, 5, 1):
        assert [] == list(fuzz.log_at_once(lots, env / "progress.jsonl"))


# ---- what would show a fault does so ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fuzz.NAMES)
def test_an_undeserved_right_would_be_seen(name):
    """The right answer agrees with the oracle on other numbers; a wrong one does not."""
    assert not fuzz.undeserved(name, fuzz.RIGHT[name])
    assert name not in fuzz.WRONG or fuzz.undeserved(name, fuzz.WRONG[name])


def test_an_exception_of_ours_would_be_seen(monkeypatch):
    """Of taking apart, and a definition that does not compile."""

    def fail(job, data):
        raise UnicodeError("ours")

    monkeypatch.setattr(child, "definitions", fail)
    assert ["UnicodeError: ours"] == list(fuzz.reading(b"", ".py"))
    parts = {"conv2d": {"source": "def conv2d(:", "kept": None}}
    monkeypatch.setattr(child, "definitions", lambda job, data: {"parts": parts, "torch": False, "files": {}})
    assert ["conv2d: the definitions do not compile"] == [fault.split(": i")[0] for fault in fuzz.reading(b"", ".py")]


def test_a_row_that_cannot_be_shown_would_be_seen():
    """An escape code, a message without end, a status that is none."""
    for status, text in ((report.ERROR, "\033[2J"), (report.ERROR, "x" * 20_000), ("done", "x")):
        raw = type("Raw", (report.Report,), {"to_text": lambda self, colour=False, text=text: text})
        assert list(fuzz.of_row(Row("a.py", raw("conv2d", status))))
    assert [] == list(fuzz.of_row(Row("a.py", report.Report("conv2d", report.ERROR, facts=(("Got", "\033[2J"),)))))
