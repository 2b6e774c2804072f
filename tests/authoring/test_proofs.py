"""The proofs of the grader, one test for each exercise and proof: what `course dev verify` runs."""

from pathlib import Path

import pytest

from utils.authoring import proof, recording
from utils.grading import catalogue

SOLUTIONS = Path(__file__).parents[2] / "solutions"
EXERCISES = [(stem, name) for stem, entry in catalogue.entries().items() for name in entry["exercises"]]


@pytest.mark.parametrize("proved", proof.PROOFS, ids=lambda proved: proved.__name__)
@pytest.mark.parametrize(("stem", "name"), EXERCISES, ids=[name for _, name in EXERCISES])
def test_proof(stem, name, proved):
    """The proof finds no problem with the exercise."""
    assert [] == list(proved(catalogue.exercise(name), SOLUTIONS / f"{stem}.py"))


def test_a_proof_that_should_fail_does():
    """The proofs are no rubber stamps: an exercise whose tolerance lets everything pass is found out."""
    from dataclasses import replace

    exercise = catalogue.exercise("batchnorm_forward")
    lax = replace(exercise, rtol=1e9)
    path = SOLUTIONS / "15_batchnorm_forward.py"

    assert list(proof.near_miss_is_rejected(lax, path))
    assert any("passes" in problem for problem in proof.mistakes_are_named(lax, path))
    assert list(proof.accepted_are_right(replace(exercise, accepts=(lambda *a: (a[0], None),)), path))
    assert list(proof.reference_is_live(replace(exercise, oracle=lambda **i: (2 * i["x"], None)), path))


def test_a_question_that_is_not_recorded_is_told_what_to_run(tmp_path):
    """No traceback about a missing file: the command that makes it."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "53_not_recorded.py").touch()

    assert ["53_not_recorded has no recorded answers: run `course dev record 53`"] == list(
        proof.question("not_recorded", tmp_path)
    )


def test_an_oracle_that_stops_names_its_case():
    """Under the traceback stands which exercise and which case it was."""
    from dataclasses import replace

    exercise = replace(catalogue.exercise("batchnorm_forward"), oracle=lambda **inputs: 1 / 0)
    case = exercise.cases[0]

    with pytest.raises(ZeroDivisionError) as caught:
        recording.live_answer(exercise, case, recording.inputs_of(exercise, case))
    assert [f"This was the oracle of batchnorm_forward, in the case {case.name!r}."] == caught.value.__notes__
