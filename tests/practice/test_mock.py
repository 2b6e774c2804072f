"""Mock interviews: one deadline, written once; facts from the log; a sitting goes on after a crash."""

import importlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

import utils
from utils.grading import catalogue
from utils.practice import cards, mock, mock_report
from utils.practice.replay import Replay, Standing

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
ROOT = Path(__file__).parents[2]
EMPTY = Replay()


@pytest.fixture
def at(monkeypatch):
    """Set the clock to a time of 1 December and return it."""

    def set_clock(time):
        monkeypatch.setenv("COURSE_NOW", f"2026-12-01T{time}+00:00")
        return progress.now()

    return set_clock


@pytest.fixture
def sitting(env, at):
    """A sitting of 45 minutes that began at ten."""
    at("10:00:00")
    return mock.start(env, EMPTY, 45, seed=3)


def test_three_parts_of_three_questions():
    """Code, spoken with follow-ups, folklore; the same seed draws the same, chapters are kept to."""
    for seed in range(20):
        _, spoken, folklore = parts = mock.draw(EMPTY, seed, (1, 2))
        assert ["code", "spoken", "folklore"] == [part.kind for part in parts]
        assert 3 == len({part.stem for part in parts})
        assert {1, 2} >= {catalogue.entries()[part.stem]["chapter"] for part in parts}
        assert 1 <= len(spoken.follow_ups) <= mock.FOLLOW_UPS
        assert cards.FOLKLORE == cards.find(folklore.name).kind
        assert parts == mock.draw(EMPTY, seed, (1, 2))
    assert 1 < len({mock.draw(EMPTY, seed) for seed in range(5)})


def test_weak_exercises_are_likelier():
    """What took wrong verdicts is drawn more often than what was right at once."""
    state = Replay(exercises={"adam_step": Standing(wrong=500)})

    assert 10 < sum(mock.draw(state, seed)[0].name == "adam_step" for seed in range(20))


def test_without_torch_the_code_question_needs_none(monkeypatch):
    """Where torch is not installed, only questions on NumPy are given to write."""
    monkeypatch.setattr(mock.importlib.util, "find_spec", lambda name: None)

    assert not any(catalogue.entries()[mock.draw(EMPTY, seed)[0].stem]["torch"] for seed in range(30))


def test_the_deadline_is_written_once(sitting, env):
    """It is read from the file, whatever the clock says when one comes back."""
    assert (
        "2026-12-01T10:45:00"
        == sitting.deadline.astimezone(datetime.fromisoformat("2026-12-01T00:00+00:00").tzinfo).isoformat()[:19]
    )
    assert sitting == mock.latest(env)
    assert sitting.blank.exists()


def test_it_ends_at_the_deadline_however_late_one_looks(sitting, at):
    """Checks after it are not counted, and its end is the deadline."""
    name = sitting.parts[0].name
    at("10:10:00")
    progress.record(name, "wrong", "a mistake")
    progress.note("hint", exercise=name, step=1)
    assert None is mock.ended(sitting, progress.entries(), progress.now())
    at("10:46:00")
    progress.record(name, "right")
    mock.happened(sitting, "done", part=0)
    late = at("23:00:00")
    found = mock_report.facts(sitting, progress.entries(), late)
    code = found["parts"][0]

    assert sitting.deadline == mock.ended(sitting, progress.entries(), late)
    assert (1, 1, None, ["a mistake"], 2700) == (
        code["checks"],
        code["hints"],
        code["right_after_seconds"],
        code["mistakes"],
        code["seconds"],
    )
    assert [0, 0] == [part["seconds"] for part in found["parts"][1:]]


def test_facts_of_a_whole_sitting(sitting, at):
    """Time by part, what was said, which points were ticked; no score; the page escapes what it shows."""
    at("10:20:00")
    progress.record(sitting.parts[0].name, "right")
    mock.happened(sitting, "done", part=0)
    at("10:30:00")
    mock.happened(sitting, "ticked", part=1, points=[1])
    mock.happened(sitting, "done", part=1)
    at("10:35:00")
    mock.happened(sitting, "said", part=2, verdict="does not hold")
    mock.happened(sitting, "done", part=2)
    mock.happened(sitting, "end")
    found = mock_report.facts(sitting, progress.entries(), at("11:00:00"))
    mock_report.write(sitting, found)
    page = (sitting.folder / "report.html").read_text(encoding="utf-8")

    assert [1200, 600, 300] == [part["seconds"] for part in found["parts"]]
    assert 1200 == found["parts"][0]["right_after_seconds"]
    assert [True, False] == [point["said"] for point in found["parts"][1]["points"]][:2]
    assert "does not hold" == found["parts"][2]["said"]
    assert found == json.loads((sitting.folder / "report.json").read_text(encoding="utf-8"))
    assert "score" not in page.lower()
    assert "<script" not in mock_report.as_html(
        found | {"started": "2026", "parts": [found["parts"][2] | {"claim": "<script>"}]}
    )


def test_a_sitting_goes_on_after_a_crash(sitting, env, at):
    """Which part is on comes from the log, so another terminal goes on where the first was killed."""
    assert 0 == mock.current(sitting, progress.entries())
    at("10:05:00")
    mock.happened(sitting, "done", part=0)

    assert 1 == mock.current(mock.latest(env), progress.entries())


def test_next_up_shows_the_clock(sitting, at):
    """While a sitting is on it is the thing to do, also in a notebook; after its deadline it is not."""
    at("10:14:30")
    assert ("mock", "30:30 left") == (utils.next_up().what, utils.next_up().why)
    at("10:45:00")
    assert "mock" != utils.next_up().what


def test_a_part_that_is_done_twice_is_done_once(sitting, at):
    """Two terminals that both say so skip no part, and its time ends with the first."""
    for time in ("10:05:00", "10:09:00"):
        at(time)
        mock.happened(sitting, "done", part=0)
    found = mock_report.facts(sitting, progress.entries(), at("10:10:00"))

    assert 1 == mock.current(sitting, progress.entries())
    assert [300, 300, 0] == [part["seconds"] for part in found["parts"]]


@pytest.mark.parametrize("damage", ["", '{"seed": 1', '{"seed": 1, "parts": [{"kind": "code"}]}', "renamed"])
def test_a_sitting_that_cannot_be_read_is_passed_over(sitting, env, at, damage):
    """A damaged file, or a question that has left the course: `course mock` begins another one, `course next` goes on."""
    path = sitting.folder / "sitting.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(sitting.parts[1].name, "gone/30-seconds") if damage == "renamed" else damage)

    assert None is mock.latest(env)
    assert "mock" != utils.next_up().what


# ---- in a notebook ------------------------------------------------------------------------------------------------


def shown(interview):
    """What a cell displays: the kinds of output, and the words."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("IPython.display.display", seen.append)
        interview._ipython_display_()
    return [type(one).__name__ for one in seen], "".join(one.data for one in seen if type(one).__name__ == "Markdown")


def test_a_whole_sitting_in_a_notebook(env, at):
    """The same parts, clock, log and report as in a terminal, each call from another kernel."""
    at("10:00:00")
    kinds, words = shown(utils.mock(45, seed=3))
    sitting = mock.latest(env)
    code, spoken, folklore = sitting.parts
    at("10:15:30")
    exec(f"def {code.name}(*arguments):\n    raise ValueError", scope := {})
    utils.check(scope[code.name])
    utils.hint(code.name)
    late = shown(utils.mock())[1]
    asked = shown(utils.mock().next())[1]
    revealed = [shown(utils.mock().reveal())[1] for _ in range(1 + len(spoken.follow_ups))]
    at("10:30:00")
    told = shown(utils.mock().said(1))[1]
    at("10:40:00")
    kinds_after, over = shown(utils.mock(45, seed=4).verdict("does not hold"))
    found = json.loads((sitting.folder / "report.json").read_text(encoding="utf-8"))

    assert ["HTML", "Markdown"] == kinds
    assert f"**Write {code.name}.**" in words
    assert f"def {code.name}(" in words or f"class {code.name}" in words
    assert "**45:00 left, until 10:45** · part 1 of 3" in words.replace(f"{sitting.deadline:%H:%M}", "10:45")
    assert "29:30 left" in late
    assert cards.find(spoken.name).front in asked
    assert cards.find(spoken.name, solved=True).back in revealed[0]
    assert cards.find(spoken.follow_ups[0]).front in revealed[0]
    assert "1. " in revealed[-1]
    assert cards.find(folklore.name).front in told
    assert cards.find(folklore.name, solved=True).back in over
    assert ["Markdown"] == kinds_after, "the clock stops"
    assert "**The sitting is over.**" in over
    assert (1, 1) == (found["parts"][0]["checks"], found["parts"][0]["hints"])
    assert [930, 870, 600] == [part["seconds"] for part in found["parts"]]
    assert [True, False] == [point["said"] for point in found["parts"][1]["points"]][:2]
    assert "does not hold" == found["parts"][2]["said"]


def test_a_call_at_the_wrong_time_notes_nothing(env, at):
    """Another part's call, points that are none, a verdict of no kind, a call after the end: a sentence each."""
    at("10:00:00")
    interview = utils.mock(10, seed=3)
    before = len(progress.entries())
    wrong = [repr(interview.reveal()), repr(interview.verdict("holds")), repr(interview.said(1))]
    assert all("nothing was noted" in text for text in wrong)
    assert before == len(progress.entries())
    assert "The points are 1 to" in repr(interview.next().said(99))
    at("10:10:00")
    assert "The sitting is over" in repr(interview.said(1))
    assert 1 == mock.current(interview.sitting, progress.entries())
    with pytest.raises(ValueError, match="minutes are 1 to 240, chapters some of 1, 2"):
        utils.mock(45, chapters=(9,))


def test_where_there_are_no_notebooks_it_says_so(monkeypatch, tmp_path):
    """In a browser the questions are not at hand."""
    monkeypatch.setattr(cards, "ROOT", tmp_path)

    with pytest.raises(RuntimeError, match="on a laptop"):
        utils.mock()


# ---- on the command line ------------------------------------------------------------------------------------------


def course(home, *words, time="10:00:00"):
    """Run the command at a time of 1 December, without a terminal."""
    env = os.environ | {"COURSE_HOME": str(home), "COURSE_NOW": f"2026-12-01T{time}+00:00"}
    command = [sys.executable, "-m", "utils.cli", "mock", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, stdin=subprocess.DEVNULL)


def test_the_command_begins_goes_on_and_reports(tmp_path):
    """The second call goes on with the sitting, `--end` ends it, `--json` has the facts."""
    first, second = course(tmp_path, "--seed", "1", "--chapters", "1,2"), course(tmp_path, time="10:15:30")
    ended = course(tmp_path, "--end", time="10:20:00")
    found = json.loads(course(tmp_path, "--json", time="12:00:00").stdout)

    assert "45:00 left · part 1 of 3" in first.stdout
    assert "29:30 left · part 1 of 3" in second.stdout
    assert "report.html" in ended.stdout
    assert 1200 == found["parts"][0]["seconds"]
    assert 1 == len(list((tmp_path / "work" / "mock").iterdir()))
    assert 2 == course(tmp_path, "--clock", time="12:00:00").returncode
    assert 2 == course(tmp_path, "--chapters", "9").returncode


def test_parts_that_were_never_reached_are_called_so(sitting, at):
    """Nothing was asked, so nothing was left unsaid."""
    at("10:20:00")
    mock.happened(sitting, "end")
    found = mock_report.facts(sitting, progress.entries(), at("10:30:00"))

    assert [True, False, False] == [part["reached"] for part in found["parts"]]
    assert ["not reached"] == mock_report.lines(found["parts"][1]) == mock_report.lines(found["parts"][2])
    assert "not said" not in mock_report.as_html(found)


def _answering(monkeypatch, *lines):
    """The prompts of click are answered line by line; an empty line is Enter."""
    answers = iter(lines)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: next(answers))
    return answers


def test_enter_chooses_no_verdict(sitting, env, monkeypatch, at):
    """It is asked again until a kind is said."""
    from utils.cli import mock as command

    at("10:01:00")
    left = _answering(monkeypatch, "", "", "not decided")
    assert command._folklore(sitting, sitting.parts[2], 2)
    assert [] == list(left)
    assert ["not decided"] == [entry["verdict"] for entry in progress.entries() if entry.get("what") == "said"]


def test_enter_checks_until_it_is_right_and_then_goes_on(sitting, env, monkeypatch, at):
    """Wrong, right, and the third Enter is the next part."""
    from utils.cli import mock as command
    from utils.practice import review

    at("10:01:00")
    rows = [
        SimpleNamespace(report=SimpleNamespace(status=s, to_text=lambda colour, s=s: s)) for s in ("wrong", "right")
    ]
    graded = iter(rows)
    monkeypatch.setattr(review, "grade", lambda path, names: [next(graded)])
    monkeypatch.setattr(command, "ROOT", env)
    left = _answering(monkeypatch, "", "", "")

    assert command._code(sitting, sitting.parts[0], 0)
    assert [] == list(graded) == list(left)


def test_words_where_no_interview_is_running(tmp_path):
    """With the command that begins one."""
    assert "No mock interview is running. Run `course mock`" in course(tmp_path, "--end").stderr
