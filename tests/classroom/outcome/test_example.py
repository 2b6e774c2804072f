"""The made-up class: the same each time, its right answers right, and each slip known to the course by its name."""

import random
import string
import warnings

import numpy as np
import pytest

from utils.classroom import example
from utils.classroom.example_answers import FORMS
from utils.grading import judge

CASES = [(name, form, slip) for name, forms in FORMS.items() for form in forms for slip in (None, *form.slips)]


def function(name, form, slip, rng):
    """The answer as Python runs it, beside right answers to the exercises that it may call."""
    names = {"np": np}
    for forms in FORMS.values():
        exec(string.Template(forms[0].text).substitute({k: v[0] for k, v in forms[0].slots.items()}), names)
    answer = example.Answer(form, {k: rng.choice(v) for k, v in form.slots.items()},
                            {word: rng.choice(v) for word, v in example._WORDS.items()}, slip or "")  # fmt: skip
    exec(answer.text(), names)
    return names[name]


@pytest.mark.parametrize(("name", "form", "slip"), CASES, ids=lambda value: value if isinstance(value, str) else None)
def test_what_the_class_writes_is_what_it_is_said_to_be(name, form, slip):
    """Right in any filling and in any names, or the mistake by its name."""
    rng = random.Random(f"{name} {slip}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a slip may divide by zero
        verdicts = [judge.check(function(name, form, slip, rng)) for _ in range(3 if slip else 8)]

    if slip:
        assert {slip} == {verdict.mistake for verdict in verdicts}
    else:
        assert all(verdicts), [verdict.message for verdict in verdicts if not verdict]


def test_the_class_is_the_same_each_time_and_as_large_as_it_says():
    """Sixty in the roster, three of them without a hand-in, and one guest."""
    first, again = list(example.hand_ins()), list(example.hand_ins())

    assert first == again
    assert example.STUDENTS - len(example.NOTHING) + 1 == len({student for student, *_ in first})
    assert example.STUDENTS == len({line.split(",")[1] for line in example.roster().split("\r\n")[1:] if line})


def test_the_command_writes_files_with_their_times_and_never_over_others(course, tmp_path):
    """A second run into the same folder is refused."""
    assert 0 == course("class", "example", tmp_path / "try", "--students", 5).exit_code
    paths = sorted((tmp_path / "try" / "submissions").rglob("*.py"))

    assert {"s001", "s002", "s003", "s004", "s005", "guest"} == {path.parent.name for path in paths}
    assert all(path.stat().st_mtime >= example.FIRST_DAY.timestamp() for path in paths)
    assert 2 == course("class", "example", tmp_path / "try").exit_code
