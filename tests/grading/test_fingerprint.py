"""Fingerprints propose the mistakes that can be it, and never leave out the one that is."""

import numpy as np
import pytest

from utils.authoring import recording
from utils.grading import catalogue, fingerprint, judge, recognise, reference, run
from utils.grading.run import Failure, Outcome


def outcome(value):
    return Outcome({"out": value}, None, "f()")


def agree(a, b, rtol=1e-6, atol=1e-10):
    one, other = (fingerprint.of([outcome(value)], ["out"]) for value in (a, b))
    return bool(fingerprint.agreeing(one, other, rtol, atol)[0, 0])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((3, 4)), np.ones((3, 4)).tolist()), (1, 1.0), (np.float64(2), 2.0), (np.array(2.0), 2.0),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])), ("saddle", "saddle"), (None, None),
        (np.full(50, 1.0), np.full(50, 1.0 + 9e-7)), ([np.ones(2), np.ones(3)], [np.ones(2), np.ones(3)]),
        (np.zeros((0, 4)), np.zeros((0, 4))), (np.full(3, 1e308), np.full(3, 1e308)),
    ],
    ids=str,
)  # fmt: skip
def test_equal_values_agree(a, b):
    """Whatever the grader takes for equal has fingerprints that agree."""
    assert agree(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((3, 4)), np.ones((4, 3))), (np.ones(3), 1.001 * np.ones(3)), ("saddle", "minimum"), (1.0, 1.1),
        (np.array([1.0, 2.0]), np.array([2.0, 1.0])), (None, 0.0),
        (np.arange(6.0).reshape(2, 3), np.arange(6.0)[::-1].reshape(2, 3)),
    ],
    ids=str,
)  # fmt: skip
def test_other_values_do_not(a, b):
    """Shape, order, size and text tell values apart."""
    assert not agree(a, b)


def test_exceptions_are_told_apart_by_type():
    """The words are compared when the proposed mistake is run, for another Python may choose others."""
    key, value = (Outcome(None, Failure("raised", f"{kind}: …", kind), "f()") for kind in ("KeyError", "ValueError"))
    one, same, other = (fingerprint.of([o], ["out"]) for o in (key, key, value))

    assert fingerprint.agreeing(one, same, 0, 0).all()
    assert not fingerprint.agreeing(one, other, 0, 0).any()


def test_only_the_mistakes_that_can_be_it_are_run(monkeypatch):
    """A wrong adam_step is looked up: of its many mistakes a few are run, and it is named all the same."""
    exercise = catalogue.exercise("adam_step")
    refs = reference.load("adam")["adam_step"]
    ran = []
    agrees = recognise._agrees
    monkeypatch.setattr(
        recognise, "_agrees", lambda e, mistake, *pair: ran.append(mistake) or agrees(e, mistake, *pair)
    )
    wrong = exercise.mistakes[-1]
    outcomes = run.outcomes(wrong.wrong, exercise, [ref.inputs for ref in refs])

    assert wrong.name == judge.judge(exercise, outcomes, refs).mistake
    assert {wrong.name} == {mistake.name for mistake in ran}


@pytest.mark.parametrize("name", ["adam_step", "nms", "BatchNorm", "damped_newton"])
def test_a_mistake_is_run_on_few_cases_before_it_is_named(name, monkeypatch):
    """On three failing cases, each once, and on those that its print leaves open: not on all, and on none twice."""
    exercise, slug = catalogue.exercise(name), catalogue.slug_of(name)
    refs, recorded = reference.load(slug)[name], fingerprint.load(slug)[name]
    ran = []
    agrees = recognise._agrees
    monkeypatch.setattr(
        recognise, "_agrees", lambda e, m, o, ref: ran.append((m.name, ref.case)) or agrees(e, m, o, ref)
    )
    for place in range(0, len(exercise.mistakes), 5):
        outcomes = run.outcomes(exercise.mistakes[place].wrong, exercise, [ref.inputs for ref in refs])
        ran.clear()
        judge.judge(exercise, outcomes, refs)
        mine = [case for mistake, case in ran if mistake == exercise.mistakes[place].name]
        unsure = int((recorded.forms[place] == fingerprint.ANY).any(axis=1).sum())

        assert len(set(mine)) == len(mine) <= recognise.TRIED + unsure
        assert len(ran) <= 2 * (recognise.TRIED + len(refs))


def test_a_mistake_that_differs_on_a_tried_case_is_not_named():
    """Running it has the last word: an answer that gives a mistake's values but for one entry has another name or none."""
    exercise, refs = catalogue.exercise("adam_step"), reference.load("adam")["adam_step"]
    mistake = exercise.mistakes[0]
    outcomes = run.outcomes(mistake.wrong, exercise, [ref.inputs for ref in refs])
    assert mistake.name == judge.judge(exercise, outcomes, refs).mistake
    for outcome_ in outcomes:
        outcome_.values["theta"][0, 0] *= 1.001

    assert mistake.name != judge.judge(exercise, outcomes, refs).mistake


def test_a_fingerprint_alone_names_nothing(monkeypatch):
    """A mistake that is proposed falsely is run, gives other values, and is not named."""
    exercise = catalogue.exercise("adam_step")
    refs = reference.load("adam")["adam_step"]
    everything = np.ones((len(exercise.mistakes), len(refs)), bool)
    monkeypatch.setattr(fingerprint, "agreeing", lambda *_: everything)
    outcomes = run.outcomes(lambda *a: (7 * a[0], a[2], a[3]), exercise, [ref.inputs for ref in refs])

    assert judge.judge(exercise, outcomes, refs).mistake not in [mistake.name for mistake in exercise.mistakes]


def test_what_hangs_on_rounding_may_be_anything():
    """A value that comes out otherwise for inputs a few roundings away proposes its mistake whatever came."""
    noise, other = (fingerprint.of([outcome(value), outcome(1.0)], ["out"]) for value in (1e-17, 3e4))
    steady = fingerprint.steady(noise, other, 1e-6, 1e-10)

    assert [fingerprint.ANY] == steady.forms[0, 0].tolist()
    assert fingerprint.agreeing(fingerprint.of([outcome(5.0), outcome(1.0)], ["out"]), steady, 1e-6, 1e-10).all()
    assert not fingerprint.agreeing(fingerprint.of([outcome(5.0), outcome(2.0)], ["out"]), steady, 1e-6, 1e-10).all()


def test_rounding_does_not_change_the_file(tmp_path):
    """Prints that another processor gives with other last bits are kept as they were recorded."""
    recorded = fingerprint.load("momentum")["momentum_step"]
    nudged = fingerprint.Prints(recorded.forms, recorded.sums * (1 + 1e-13), np.abs(recorded.sums) + 1)
    kept = recording._kept(nudged, nudged, recorded, catalogue.exercise("momentum_step"))

    assert recorded.sums.tobytes() == kept.sums.tobytes()


def test_a_print_of_other_cases_is_not_kept():
    """Where a case has changed and its value now hangs on rounding, the old value would name no mistake for ever."""
    old, came = (fingerprint.of([outcome(value), outcome(1.0)], ["out"]) for value in (5.0, 7.0))
    unsure = fingerprint.steady(came, fingerprint.of([outcome(9.0), outcome(1.0)], ["out"]), 1e-6, 1e-10)
    kept = recording._kept(unsure, came, old, catalogue.exercise("momentum_step"))

    assert [fingerprint.ANY] == kept.forms[0, 0].tolist()
    assert old.sums[0, 1].tolist() == kept.sums[0, 1].tolist()


def test_complex_numbers_in_a_list_are_no_numbers():
    """They are told apart from their real parts, without a warning (which would be an error here)."""
    numbers: list = []
    form = fingerprint._form([np.array([1j, 2.0])], numbers)

    assert ([], True) == (numbers, form != fingerprint._form([np.array([0.0, 2.0])], []))
