"""What is different in a browser: the store of attempts, and NumPy's linear algebra. In Pyodide: test_lite.py."""

import importlib

import numpy as np
import pytest

from utils.grading import browser

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function


def test_outside_a_browser_nothing_is_different():
    """NumPy's functions are its own, and attempts go to the file."""
    assert not browser.HERE
    assert not hasattr(np.linalg.cholesky, "__wrapped__") or "numpy" in np.linalg.cholesky.__wrapped__.__module__


def test_in_a_browser_attempts_go_to_its_store(env, monkeypatch):
    """What is recorded is noted in the store and read back from it; no file is written."""
    noted = []
    monkeypatch.setattr(browser, "HERE", True)
    monkeypatch.setattr(browser, "note", lambda entry: noted.append(entry) or True)
    monkeypatch.setattr(browser, "attempts", lambda: [*noted, "rubbish", {"exercise": 1}])
    progress.record("batchnorm_forward", "wrong", "unbiased variance (ddof=1)")
    progress.note("hint", exercise="batchnorm_forward", step=1)
    assert progress.record("batchnorm_forward", "right")

    assert ["wrong", "hint", "right"] == [entry.get("event", entry.get("status")) for entry in progress.entries()[:3]]
    assert ["wrong", "right"] == [attempt["status"] for attempt in progress.history()]
    assert "right" == progress.states()["batchnorm_forward"]
    assert [] == list(env.iterdir())


def test_nan_from_numbers_is_raised():
    """A function that fails without a word, by NaN, raises; what was right or had NaN before is passed on."""
    silent = browser.raising(lambda matrix, right=None: matrix * np.sqrt(matrix), "Singular matrix")

    with np.errstate(invalid="ignore"), pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        silent(np.array([-1.0]))
    assert 8.0 == silent(np.array([4.0]))[0]
    assert np.isnan(silent(np.array([np.nan]))[0])


def test_a_store_that_refuses_is_told(monkeypatch):
    """Writing takes longer than a verdict, so a private window is told with the attempt after the lost one."""
    import asyncio

    class Store:
        async def add(self, text):
            raise RuntimeError("QuotaExceededError")

    monkeypatch.setattr(browser, "_store", Store)
    monkeypatch.setattr(browser, "_start", asyncio.run)
    monkeypatch.setattr(browser, "_lost", [])
    monkeypatch.setattr(browser, "_pending", [])

    assert not browser.note({"exercise": "batchnorm_forward", "status": "right"})
    assert ["batchnorm_forward"] == [entry["exercise"] for entry in browser._pending]
