"""`check`, `hint` and `solution`, as a learner calls them in a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

from utils import editions
from utils.grading import browser, catalogue, judge, stopwatch
from utils.grading.progress import note, record, root, states
from utils.grading.report import BLANK, ERROR, WRONG, Report

if TYPE_CHECKING:
    from utils.grading.mistakes_table import Table

_wrong: dict[str, bool] = {}  # exercise → is its last verdict a wrong one without a name?
_shown: dict[str, int] = {}  # exercise → how many of its hints this kernel has shown
_asked: set[str] = set()  # exercises whose solution was asked for once
_told: set[str] = set()  # questions whose new edition was spoken of
_opened: set[str] = set()  # exercises that this kernel has seen blank
LOST = "progress.jsonl could not be written (disk full, or read-only?); this attempt does not count."
SOLVED = "this is the solved file, not yours: your attempts count in work/."


def _note_notebook() -> None:
    """A kernel that imports the course has opened a question's notebook; Jupyter says which."""
    stem = Path(os.environ.get("JPY_SESSION_NAME", "")).stem
    if "ipykernel" in sys.modules and stem in catalogue.entries():
        note("opened", question=stem)


_note_notebook()


def check(function: Callable, timeout: float = stopwatch.SECONDS) -> Report:
    """Judge your function or class and return the verdict, which shows itself as a cell's last value.

    It is looked up by its name, so any notebook or script will do. The attempt is noted in `progress.jsonl`.
    It is stopped after so many seconds of processor time, or four times as many by the clock. A single call of
    compiled code that never ends cannot be stopped, nor anything in a browser: there, restart the kernel.
    """
    try:
        report = judge.check(function, timeout)
    except KeyboardInterrupt as error:
        raise _stopped(error, f"check({getattr(function, '__name__', 'it')})") from None
    if report.status == BLANK and report.exercise not in _opened:
        _opened.add(report.exercise)
        note("opened", exercise=report.exercise)
    _wrong[report.exercise] = bool(not report and not report.mistake and report.status in (WRONG, ERROR))
    why = SOLVED if _is_solved(function) else ""
    if not why and not record(report.exercise, report.status, report.mistake, _digest(function)):
        why = browser.refusal() if browser.HERE else LOST
    told = why and os.environ.get("COURSE_PROGRESS") != "off"
    return _with_news(replace(report, facts=(*report.facts, ("Not noted", why))) if told else report)


def _is_solved(function: Callable) -> bool:
    """Is this the course's own solution: a script or notebook of a question that lies in a folder solutions/?"""
    main = sys.modules.get("__main__")
    places = (
        getattr(getattr(function, "__code__", None), "co_filename", ""),
        os.environ.get("JPY_SESSION_NAME", ""),  # Jupyter
        getattr(main, "__vsc_ipynb_file__", ""),  # VS Code
        getattr(main, "__file__", ""),
    )
    return any(
        Path(place or "").parent.name == "solutions" and Path(place).stem in catalogue.entries() for place in places
    )


def _stopped(error: KeyboardInterrupt, call: str) -> KeyboardInterrupt:
    from utils.grading.stopped import stopped  # only the stop button needs it

    return stopped(error, call)


def _with_news(report: Report) -> Report:
    """A right verdict leads on, and the first one says so when the question has changed since the copy was made.

    Not where attempts are not noted: what a build shows does not hang on the order of questions.
    """
    if os.environ.get("COURSE_PROGRESS") == "off":
        return report
    if report:
        report = replace(report, advice=report.advice or _onward(report.exercise))
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))
    stem = path.stem
    if stem in catalogue.entries() and stem not in _told:
        _told.add(stem)
        if editions.is_old(stem, path):
            news = f"This question has a new edition: `course update {stem[:2]}` carries your cells over."
            report = replace(report, facts=(*report.facts, ("News", news)))
    return report


def _onward(exercise: str) -> str:
    """The next exercise of the notebook, else the next question."""
    stem = catalogue.stem_of(exercise)
    names = list(catalogue.entries()[stem]["exercises"])
    if exercise != names[-1]:
        return f"Next in this notebook: {names[names.index(exercise) + 1]}."
    after = editions.following(stem)
    if not after:
        return "That was the last question."
    place = "" if browser.HERE else f" ({after}.ipynb)"
    return f"Next question: {editions.title(after)}{place}."


def _digest(function: Callable) -> str:
    """Tells an answer that is run again from one that was written again; comments and layout do not count."""
    import hashlib  # loads OpenSSL, which importing the course need not wait for

    codes = [getattr(part, "__code__", None) for part in (function, *getattr(function, "__dict__", {}).values())]
    return hashlib.blake2b("".join(map(_essence, filter(None, codes))).encode(), digest_size=6).hexdigest()


def _essence(code: CodeType) -> str:
    constants = [_essence(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
    return f"{code.co_name}{code.co_varnames}{code.co_names}{code.co_code.hex()}{constants}"


class Hint(str):
    """A hint's text, shown as Markdown in Jupyter and as it is in a terminal."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def hint(function: Callable | str) -> Hint:
    """The next hint for an exercise, given by function or by name; each call goes one step further down the ladder.

    Given the function itself after a wrong verdict without a name, it first looks for a second for the line where one
    edit makes every case right, and says which line that is.
    """
    name = function if isinstance(function, str) else judge.exercise_for(function).name
    hints = hints_of(name)
    line = _line_of(function, name)
    step = min(_shown.get(name, 0), len(hints) - 1)
    _shown[name] = step + 1
    note("hint", exercise=name, step=step + 1)
    more = "" if step + 1 < len(hints) else f"\n\nThat was the last hint; `solution({name})` shows the solved code."
    return Hint(f"{line}**Hint {step + 1} of {len(hints)} · {name}**\n\n{hints[step]}{more}")


def _line_of(function: Callable | str, name: str) -> str:
    """Where one edit makes the answer right, once after each such verdict."""
    if isinstance(function, str) or not _wrong.pop(name, False):
        return ""
    try:
        found = judge.explain(function)
    except KeyboardInterrupt as error:
        raise _stopped(error, f"hint({name})") from None
    return f"{found.words}\n\n" if found else ""


def solution(function: Callable | str) -> Hint:
    """The solved code of an exercise, with the notebook that explains it. The first call asks; the second shows."""
    name = function if isinstance(function, str) else judge.exercise_for(function).name
    hints_of(name)  # ValueError for a name that is none
    if name not in _asked:
        _asked.add(name)
        return Hint(
            f"**Before you look:** say aloud what your {name} still lacks, or which line you doubt. "
            f"What you find yourself stays with you.\n\nRun `solution({name})` once more to see the solved code."
        )
    found = editions.solved(name)
    if found is None:
        return Hint(f"The solved code of {name} stands on this question's page in the book.")
    stem, code = found
    if states().get(name) != "right":
        note("gave up", exercise=name)
    link = _copy_of_solution(stem)
    return Hint(f"```python\n{code}\n```\n\nExplained step by step: {link}. Close it, and write yours from memory.")


def _copy_of_solution(stem: str) -> str:
    """A link to the executed notebook, laid into work/solutions/, for JupyterLab opens nothing outside work/."""
    source, work = editions.folder("solutions") / f"{stem}.ipynb", root() / "work"
    try:
        (work / "solutions").mkdir(exist_ok=True)
        (work / "solutions" / source.name).write_bytes(source.read_bytes())
    except OSError:  # no work/, or a full disk
        return str(source)
    return f"[solutions/{source.name}](solutions/{source.name})"


def hints_of(name: str) -> list[str]:
    """All hints of an exercise, from a nudge to nearly the answer; ValueError for a name that is none."""
    stem = catalogue.stem_of(name)
    if not stem:
        raise ValueError(f"{name!r} is not an exercise of this course.{_instead(name)}")
    return catalogue.entries()[stem]["exercises"][name]["hints"]


def _instead(name: str) -> str:
    """What a learner may have meant: a question, or a name with a slip."""
    for stem in catalogue.find(name):
        return f" Question {stem[:2]} has: {', '.join(catalogue.entries()[stem]['exercises'])}."
    from difflib import get_close_matches

    near = get_close_matches(name, catalogue.exercise_names(), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else " Its name stands under *Your turn* in its notebook."


def common_mistakes(function: Callable) -> Table:
    """The wrong answers that `check` knows by name, grouped by what to do instead."""
    from utils.grading.mistakes_table import Table

    return Table(tuple((mistake.name, mistake.advice) for mistake in judge.exercise_for(function).mistakes))
