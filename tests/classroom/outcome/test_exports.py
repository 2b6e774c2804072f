"""What Gradescope and Classroom 50 read: their fields, and the named mistakes in the free ones."""

import json
import re

import pytest

GRADESCOPE_TEST = {
    "name",
    "score",
    "max_score",
    "status",
    "output",
    "output_format",
    "visibility",
    "tags",
    "extra_data",
}
CLASSROOM50 = {
    "schema", "classroom", "assignment", "assignment_type", "owner", "submission", "commit", "release", "review",
    "datetime", "score", "max-score", "tests",
}  # fmt: skip


@pytest.fixture
def exported(course, out):
    """A function that exports rows and gives {student: content}."""

    def make(form, *rows, words=()):
        folder = out(*rows)
        done = course("class", "export", folder, "--format", form, *words)
        assert 0 == done.exit_code, done.output
        paths = (folder / form).glob("*/*.json")
        return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}

    return make


def wrong(row):
    return row("s1", status="wrong", mistake="eps forgotten", message="Your mistake: eps forgotten. Got: 1.", line=4)


def test_gradescope_gets_a_test_for_each_exercise(exported, row):
    """score, max_score, and an output that begins with the mistake's name; statuses are Gradescope's two."""
    found = exported("gradescope", wrong(row), row("s1", "nms"), words=("--points", "nms=2"))["s1"]

    first, second = found["tests"]
    assert all(GRADESCOPE_TEST == set(test) for test in found["tests"])
    assert ("batchnorm_forward", 0, 1, "failed", ["eps forgotten"]) == tuple(
        first[key] for key in ("name", "score", "max_score", "status", "tags")
    )
    assert first["output"].startswith("Your mistake: eps forgotten. Got: 1.")
    assert "Hint: " in first["output"]
    assert {"status": "wrong", "mistake": "eps forgotten", "line": 4} == first["extra_data"]
    assert (2, 2, "passed", 2) == (second["score"], second["max_score"], second["status"], found["score"])
    assert "Hint: " not in second["output"]


def test_classroom50_gets_its_contract(exported, row):
    """classroom50/result/v1: non-empty texts, whole scores that add up, a UTC time; the mistake in a test's own field."""
    found = exported("classroom50", wrong(row), row("s1", "nms"))["s1"]

    assert CLASSROOM50 == set(found)
    assert "classroom50/result/v1" == found["schema"]
    assert all(isinstance(found[key], str) and found[key] for key in CLASSROOM50 - {"score", "max-score", "tests"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["datetime"])
    assert all(type(test[key]) is int for test in found["tests"] for key in ("score", "max-score"))
    assert (1, 2) == (found["score"], found["max-score"])
    assert ("batchnorm_forward", False, "eps forgotten") == tuple(
        found["tests"][0][key] for key in ("test-name", "passed", "mistake")
    )


def test_classroom50_counts_in_hundredths_where_points_are_not_whole(exported, row):
    """For the whole class, or two students' scores could not be compared."""
    found = exported(
        "classroom50", row("s1", day=3), row("s2"), words=("--deadline", "2026-11-02T12:00", "--penalty", 0.25)
    )

    assert {"s1": (75, 100), "s2": (100, 100)} == {who: (one["score"], one["max-score"]) for who, one in found.items()}


def test_inside_classroom50s_runner_the_runners_addresses_are_used(exported, row, monkeypatch):
    """Its collector refuses a result of another repository."""
    monkeypatch.setenv("COMMIT_URL", "https://github.example/c/1")
    monkeypatch.setenv("CLASSROOM", "vision")
    found = exported("classroom50", row("s1"))["s1"]

    assert ("vision", "https://github.example/c/1", "https://github.example/c/1") == (
        found["classroom"],
        found["commit"],
        found["review"],
    )


@pytest.mark.parametrize("form", ["gradescope", "classroom50"])
def test_whom_the_machine_failed_gets_no_file(exported, row, form):
    """A score of 0 would be untrue; who handed nothing in gets none either."""
    assert {"s2"} == set(exported(form, row("s1", status="machine"), row("s2")))


@pytest.mark.parametrize("form", ["gradescope", "classroom50"])
def test_a_penalty_that_takes_all_is_told(exported, row, form):
    """A right answer with a score of 0 needs a word."""
    found = exported(form, row("s1", day=12), words=("--deadline", "2026-11-02T12:00"))["s1"]

    assert 0 == found["score"]
    assert "10 days late; penalty for 10." in found["tests"][0]["output"]


def test_the_graders_own_options_are_not_a_students(exported, course, out, row):
    """`--timeout` helps who runs the grader."""
    message = (
        "Got: no result after 10 s. Look for a loop whose condition never becomes false. --timeout S allows more time."
    )
    stopped = row("s1", status="timeout", message=message)
    said = exported("gradescope", stopped)["s1"]["tests"][0]["output"]
    folder = out(stopped)
    course("class", "feedback", folder)
    page = (folder / "feedback" / "s1.html").read_text(encoding="utf-8")

    for text in (said, page):
        assert "never becomes false" in text
        assert "--timeout" not in text


@pytest.mark.parametrize("form", ["gradescope", "classroom50"])
def test_an_unreadable_file_gets_a_row_that_says_why(exported, row, form):
    """A score of 0 with what was wrong with the file."""
    broken = row("s1", None, "error", file="s1/broken.ipynb", message="Got: it is not a Jupyter notebook.")
    found = exported(form, broken, row("s2"))["s1"]

    assert 0 == found["score"]
    assert "broken.ipynb: it is not a Jupyter notebook." in json.dumps(found)
