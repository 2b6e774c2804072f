"""Recorded figures are those of this code, these settings and these functions, or the reader is told."""

import json

import pytest

from utils.folklore import recorded, settings
from utils.folklore.recorded import EvidenceError, evidence

FAMILY = settings(lr=[0.1, 0.2], seed=range(2))
SCALE = 10.0
calls = []


def helper(lr):
    return SCALE * lr


def measure(lr, seed):
    calls.append((lr, seed))
    return helper(lr) + seed


def another(lr, seed):
    return helper(lr) - seed


def solved(x):
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


def with_an_answer(lr, seed):
    return {"loss": solved(lr), "error": 1.0 * seed}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder of records, and no mode or strictness from outside."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "recorded")
    for name in ("COURSE_EVIDENCE", "COURSE_STRICT", "COURSE_QUESTION"):
        monkeypatch.delenv(name, raising=False)
    calls.clear()
    return tmp_path / "recorded"


def record(monkeypatch, function=measure, name="speed", mode="record", **more):
    monkeypatch.setenv("COURSE_EVIDENCE", mode)
    monkeypatch.setenv("COURSE_QUESTION", "03_batch_size")
    evidence(name, function, FAMILY, **more)
    monkeypatch.delenv("COURSE_EVIDENCE")
    calls.clear()


def test_what_was_recorded_is_shown_and_a_sample_runs_live(monkeypatch):
    """One setting runs, all can be asked for, in any order of their names."""
    record(monkeypatch)
    speed = evidence("speed", measure, FAMILY)

    assert [(0.1, 0)] == calls
    assert [1.0, 2.0, 2.0, 3.0] == [speed(**setting) for setting in FAMILY]
    assert 3.0 == speed(seed=1, lr=0.2)
    assert "4 settings, recorded in 0 s; 1 repeated live: the same" == repr(speed)


def test_a_file_is_one_line_a_setting(monkeypatch, folder):
    """A change can be read in a diff; the file names its question and what it took."""
    record(monkeypatch)
    text = (folder / "speed.json").read_text(encoding="utf-8")

    assert '  [{"lr": 0.1, "seed": 0}, 1.0],' in text.split("\n")
    assert {"question", "digest", "answers", "seconds", "figures"} == set(json.loads(text))


def test_what_was_never_recorded_names_the_command():
    """An author reads what to run."""
    with pytest.raises(EvidenceError, match=r"never recorded: run `course dev evidence NN`"):
        evidence("speed", measure, FAMILY)


@pytest.mark.parametrize("change", ["the function", "a helper's constant", "the settings"])
def test_a_stale_file_is_refused(monkeypatch, change):
    """Figures of another code or of other settings are not shown."""
    record(monkeypatch)
    function, family = measure, FAMILY
    if change == "the function":
        function = another
    elif change == "the settings":
        family = FAMILY[:3]
    else:
        monkeypatch.setitem(globals(), "SCALE", 11.0)

    with pytest.raises(EvidenceError, match=r"another code, or for other settings.*`course dev evidence 03`"):
        evidence("speed", function, family)


def test_a_stale_file_is_renewed_and_a_fresh_one_left(monkeypatch):
    """`course dev evidence` measures what it must."""
    record(monkeypatch)
    monkeypatch.setenv("COURSE_EVIDENCE", "renew")
    evidence("speed", measure, FAMILY, sample=0)
    assert [] == calls

    evidence("speed", another, FAMILY, sample=0)
    assert 0.0 == evidence("speed", another, FAMILY, sample=0)(lr=0.1, seed=1)


def test_a_sample_that_differs_is_told(monkeypatch, folder):
    """A line for a learner, an error for the builder; within the tolerance nothing."""
    record(monkeypatch)
    path = folder / "speed.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0}, 1.0]", "0}, 1.005]"), encoding="utf-8")

    assert "the same" in repr(evidence("speed", measure, FAMILY))
    assert "at lr=0.1, seed=0 a live run gives 1.0, and recorded is 1.005" in repr(
        evidence("speed", measure, FAMILY, rtol=1e-3)
    )

    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(EvidenceError, match=r"speed: at lr=0\.1, seed=0 a live run gives"):
        evidence("speed", measure, FAMILY, rtol=1e-3)


def test_check_repeats_all(monkeypatch):
    """`make evidence` runs every setting again."""
    record(monkeypatch)
    monkeypatch.setenv("COURSE_EVIDENCE", "check")
    evidence("speed", measure, FAMILY)

    assert len(FAMILY) == len(calls)


def test_a_learner_s_own_function_does_not_make_a_file_stale(monkeypatch):
    """It is written in another way, or not yet; the live sample judges it."""
    record(monkeypatch, with_an_answer)

    monkeypatch.setitem(globals(), "solved", lambda x: x + x)
    loss = evidence("speed", with_an_answer, FAMILY)
    assert {"loss": 0.4, "error": 1.0} == loss(lr=0.2, seed=1)
    assert "the same" in repr(loss)

    def unwritten(x):
        raise NotImplementedError

    monkeypatch.setitem(globals(), "solved", unwritten)
    assert "this needs your functions: check(…) them first" in repr(evidence("speed", with_an_answer, FAMILY))


def test_only_what_was_measured_can_be_asked_for(monkeypatch):
    """Between two settings nothing is guessed."""
    record(monkeypatch)

    with pytest.raises(KeyError, match=r"nothing is recorded for lr=0\.15, seed=0"):
        evidence("speed", measure, FAMILY)(lr=0.15, seed=0)


def test_every_recorded_file_has_its_text():
    """No figures without the text that shows them, and none that a text lacks."""
    from pathlib import Path

    from utils.authoring import evidence as author

    root = Path(__file__).parents[1]
    named = [name for path in (root / "solutions").glob("*.py") for name in author.names(path)]

    assert [] == author.stray(root)
    assert len(set(named)) == len(named)
    assert [] == [name for name in named if not (root / "utils" / "recorded" / f"{name}.json").exists()]
