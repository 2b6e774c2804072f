"""What an answer gives back may be of any size: its verdict comes soon, and no text in it is long."""

import json
import time

import numpy as np
import pytest

from utils.grading import catalogue, codec, judge, reference, run
from utils.grading.codec import Lazy, Other
from utils.grading.report import Report
from utils.grading.run import Outcome
from utils.grading.text import MOST
from utils.sandbox.worker import Answer, Worker

LARGE = {
    "a list": [1.0] * 10**6,
    "a list of lists": [[1.0] * 1000] * 1000,
    "a tuple": (1.0,) * 10**6,
    "a dict": {str(i): 1.0 for i in range(10**5)},
    "a lazy generator": Lazy([1.0] * 10**6),
    "a string": "x" * 10**7,
    "a list of strings": ["x" * 10**6] * 10,
}


def refs():
    return reference.load("batchnorm_forward")["batchnorm_forward"]


def verdict_on(value, case=0):
    """The verdict on an answer that is right but for one case, as a child may send it."""
    given = [Outcome(dict(ref.values), None, "f(…)") for ref in [*refs(), refs()[0]]]
    given[case] = Outcome({"out": value}, None, "f(…)")
    return judge.judge(catalogue.exercise("batchnorm_forward"), given, refs())


@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
def test_what_is_far_too_large_is_wrong_at_once(value):
    """In words that say so, also where the child's own bound was passed by. A second is a hundred times enough."""
    verdict_on(np.zeros(3))  # loads what a wrong verdict needs
    start = time.process_time()
    verdict = verdict_on(value)

    assert time.process_time() - start < 1.0
    assert "wrong" == verdict.status
    assert dict(verdict.facts)["Got"].startswith("out: a ")
    assert "far more" in verdict.message or "letters" in verdict.message


@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
def test_a_function_s_large_value_is_named_where_it_runs(value):
    """So it needs neither memory nor a pipe; what is of a fair size is passed on."""
    exercise = catalogue.exercise("batchnorm_forward")
    values = run.outcome(lambda *_, **__: (value, None), exercise, refs()[0].inputs).values

    assert isinstance(values["out"], Other)
    assert [[1.0] * 50] * 100 == codec.bounded([[1.0] * 50] * 100, codec.MAX_ITEMS)


def test_the_largest_right_answers_may_come_as_lists():
    """Of every exercise: neither bound is near what is expected."""

    def listed(value):
        if isinstance(value, np.ndarray):
            return value.tolist()
        return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value

    for name in catalogue.exercise_names():
        if catalogue.question(catalogue.slug_of(name)).torch:
            continue
        for ref in reference.load(catalogue.slug_of(name))[name]:
            given = Outcome({key: listed(value) for key, value in ref.values.items()}, None, "")
            assert judge._within_reason(given, ref) is given
            assert not any(isinstance(codec.bounded(v, codec.MAX_ITEMS), Other) for v in given.values.values())


def test_names_and_messages_are_cut():
    """A type's name, an exception's, a forged call, failure or advice."""
    kind = type("x" * 10**6, (Exception,), {})
    plain = {
        "values": None,
        "failure": dict.fromkeys(("kind", "message", "type", "text"), "y" * 10**6),
        "call": "z" * 10**6,
    }
    forged = Outcome.from_plain(plain)
    made = Report("f", "wrong", mistake="m" * 10**6, facts=(("Got", "g" * 10**6),), advice="a" * 10**6)

    assert len(verdict_on(Other("x" * 10**6)).message) < MOST
    assert len(codec.decode(codec.encode(kind(), {}), {}).type) <= codec.MAX_NAME + 1
    assert len(run.failure_of(kind("y" * 10**6)).message) < MOST
    assert max(map(len, (forged.call, forged.failure.message, forged.failure.text))) <= MOST + 1
    assert len(json.dumps(made.to_json())) < 5 * MOST
    assert "f" == made.exercise


PATCHED = """
import utils.grading.codec
utils.grading.codec.bounded = lambda value, most: value
calls = []
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    calls.append(1)
    return ([1.0] * 300_000 if len(calls) == 1 else x), None
"""
FORGED = """
import os, struct, sys
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    frame = sys._getframe()
    while frame.f_code.co_name != '_be_child':
        frame = frame.f_back
    head = b'{"arrays": {}, "tree": {"list": [' + b'[],' * (12 << 20) + b'[]]}}'
    data = struct.pack("<Q", len(head)) + head
    data = struct.pack("<Q", len(data)) + data
    while data:
        data = data[os.write(frame.f_locals['writer'], data):]
    os._exit(0)
"""


@pytest.mark.parametrize(("source", "status"), [(PATCHED, "wrong"), (FORGED, "error")], ids=["patched", "forged"])
def test_a_child_without_its_bound_holds_nobody_up(source, status):
    """A learner's code can patch the child's own bound; the parent has one of its own, and one on what it reads."""
    with Worker(timeout=30) as worker:
        worker.grade(Answer("batchnorm_forward", "def batchnorm_forward(x, gamma, beta, eps=1e-5): return x"))
        start = time.process_time()
        verdict = worker.grade(Answer("batchnorm_forward", source))

    assert status == verdict.status
    assert "far more" in verdict.message
    assert time.process_time() - start < 4
