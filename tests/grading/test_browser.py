"""What is different in a browser: the store of attempts, and NumPy's linear algebra. In Pyodide: test_lite.py."""

import asyncio
import importlib
import json

import numpy as np
import pytest

from utils import door
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


# ---- what the store refuses ---------------------------------------------------------------------------------------


class Store:
    """A browser's store that refuses while it is told to, and answers as late as it is told to."""

    def __init__(self):
        self.kept, self.told, self.refuses, self.seconds = [], [], False, 0.0

    async def add(self, text):
        if self.refuses:
            raise RuntimeError("QuotaExceededError")
        self.kept += json.loads(text)

    async def all(self):
        text = json.dumps(self.kept)
        await asyncio.sleep(self.seconds)
        return text

    def words(self, error):
        return f"it is full ({error})"

    def tell(self, text):
        self.told.append(json.loads(text))


@pytest.fixture
def store(monkeypatch):
    """A store in the place of the browser's, where Python cannot wait for it."""
    made = Store()
    new = {"_store": lambda: made, "_can_wait": lambda: False, "_stored": [], "_pending": [], "_refused": "", "_trying": False,
           "FIRST": 0.01, "LAST": 0.02, "HERE": True}  # fmt: skip
    for name, value in new.items():
        monkeypatch.setattr(browser, name, value)
    browser._turn.cache_clear()
    yield made
    browser._turn.cache_clear()


def numbered(*numbers):
    return [{"exercise": "batchnorm_forward", "status": "right", "number": number} for number in numbers]


async def settled():
    """Until nothing is on its way."""
    for _ in range(200):
        if not browser._pending and not browser._tasks:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it was never written")


def test_what_is_refused_is_told_and_tried_again(store):
    """With the next entry, in words; in the order of the entries, once, as soon as there is room; and the pages hear."""

    async def learn():
        store.refuses = True
        first, second, third = numbered(1, 2, 3)
        browser.note(first)
        await asyncio.sleep(0.005)
        assert not browser.note(second)
        assert "it is full (QuotaExceededError). This attempt counts in this tab only" in browser.refusal()
        assert [first, second] == browser.attempts()
        await asyncio.sleep(0.05)
        assert [] == store.kept
        store.refuses = False
        await settled()
        assert browser.note(third)
        await settled()
        assert [first, second, third] == store.kept == browser.attempts()
        await settled()

    asyncio.run(learn())

    assert {"refused": "it is full (QuotaExceededError)"} == store.told[0]
    assert {"kept": True} == store.told[-1]


def test_an_older_reading_hides_nothing(store):
    """What is noted while the store is read is there afterwards."""

    async def learn():
        store.kept, store.seconds = numbered(1), 0.05
        browser.attempts()
        await asyncio.sleep(0.01)
        browser.note(numbered(2)[0])
        await settled()
        assert numbered(1, 2) == browser._stored

    asyncio.run(learn())


def test_another_tab_s_attempts_are_known(store):
    """The store is read each time: what other tabs wrote is there, later where Python cannot wait."""

    async def learn():
        browser.note(numbered(1)[0])
        await settled()
        store.kept += numbered(2)  # by another tab
        browser.attempts()
        await settled()
        assert numbered(1, 2) == browser.attempts()
        await settled()

    asyncio.run(learn())


def test_the_verdict_appears_when_its_entry_is_refused(store, monkeypatch):
    """With the browser's reason in words in the place of a file's."""
    monkeypatch.setattr(browser, "note", lambda entry: False)
    monkeypatch.setattr(browser, "_refused", "it is full")

    def output_size(n, kernel, stride=1, padding=0, dilation=1):
        return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

    verdict = door.check(output_size)

    assert (
        "Not noted",
        "it is full. This attempt counts in this tab only; it is tried again while the tab is open.",
    ) in verdict.facts
    assert "progress.jsonl" not in verdict.message
