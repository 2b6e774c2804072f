"""`course class gradebook`, `feedback` and `export`: what each student is told, from the ledger and the late policy."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click

from utils.cli.selection import stems_of
from utils.grading import catalogue
from utils.grading.text import printable


class Deadline(click.ParamType):
    """ "2026-11-02T23:59" for every question, or "15=2026-11-02T23:59+01:00" for one; a day alone means its end."""

    name = "[QUESTION=]TIME"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, datetime]:
        """(stem or "", the moment); what has no zone is UTC, as the ledger's times are."""
        question, _, text = value.rpartition("=")
        try:
            moment = _moment(text)
        except ValueError:
            self.fail(f"{text!r} is not a valid time; write it as in 2026-11-02T23:59+01:00.", param, ctx)
        (stem,) = stems_of([question]) if question else [""]
        return stem, moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str) -> datetime:
    """A time in ISO 8601; a day without an hour is its last second. ValueError for anything else."""
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59))
    except ValueError:
        return datetime.fromisoformat(text)


class Points(click.ParamType):
    """ "2" for every exercise, or "batchnorm_forward=2" for one, or "15=2" for each exercise of a question."""

    name = "[WHAT=]NUMBER"

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, float]:
        """Exercise → points."""
        what, _, text = value.rpartition("=")
        try:
            points = float(text)
        except ValueError:
            points = -1.0
        if not 0 <= points < 1e6:
            self.fail(f"{text!r} is not a valid number of points (0 or more).", param, ctx)
        if what in catalogue.exercise_names():
            return {what: points}
        stems = stems_of([what]) if what else catalogue.entries()
        return {name: points for stem in stems for name in catalogue.entries()[stem]["exercises"]}


def marking(verb: Callable) -> Callable:
    """The options that decide on marks, the same for every verb that shows some."""
    for option in (
        click.option("--roster", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                     help="CSV with id, name, email, section; exports of Canvas, Moodle and Classroom 50 fit too."),
        click.option("--question", "questions", multiple=True, metavar="NN",
                     help="Only that question, all its exercises.  [repeatable; default: what was handed in]"),
        click.option("--points", type=Points(), multiple=True,
                     help="Points of an exercise, of a question's exercises, or of all.  [repeatable; default: 1]"),
        click.option("--deadline", "deadlines", type=Deadline(), multiple=True,
                     help="For all, or for one question as in 15=2026-11-02T23:59.  "
                          "[repeatable; UTC without a zone; a day alone means its end]"),
        click.option("--late-days", type=click.IntRange(0), default=0, show_default=True,
                     help="Free late days of each student over all deadlines, the earliest deadline first."),
        click.option("--penalty", type=click.FloatRange(0, 1), default=0.1, show_default=True,
                     help="Share of the points that each further late day costs."),
        click.option("--attempt", type=click.Choice(["best", "last"]), default="best", show_default=True,
                     help="Which hand-in of an exercise counts: the one with the most points, or the last."),
        click.option("--partial", is_flag=True, help="Points by cases passed, instead of all or nothing."),
    ):  # fmt: skip
        verb = option(verb)
    return verb


def as_json(verb: Callable) -> Callable:
    """The option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(verb)


out = click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))


def ledger(folder: Path) -> list:
    """The rows of OUT/results.jsonl; a usage error where there are none."""
    from utils.classroom import results

    path = folder / "results.jsonl"
    if not path.is_file():
        grade = f"`course class grade SUBMISSIONS --out {folder}`"
        raise click.UsageError(f"{folder} has no results.jsonl. Run {grade} first; it writes that file.")
    try:
        found = results.history(path)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    if not found:
        raise click.UsageError(f"{path} has no results.")
    return found


def book_of(folder: Path, chosen: dict) -> Any:
    """The class's marks from the ledger in a folder and the options of `marking`."""
    from utils.classroom import marks, roster

    students = None
    if chosen["roster"]:
        try:
            students = roster.read(chosen["roster"])
        except roster.RosterError as error:
            raise click.UsageError(str(error)) from None
    return marks.gradebook(ledger(folder), policy_of(chosen), students, stems_of(chosen["questions"]))


def policy_of(chosen: dict) -> Any:
    """The policy that the options of `marking` say."""
    from utils.classroom.marks import Policy

    points = {name: value for part in chosen["points"] for name, value in part.items()}
    rest = (chosen[name] for name in ("late_days", "penalty", "attempt", "partial"))
    return Policy(points, dict(chosen["deadlines"]), *rest)


def earlier(folder: Path, pattern: str, now: list[Path]) -> list[str]:
    """A line that names files of an earlier run; they are never removed, for they may be somebody's own."""
    left = sorted(str(path.relative_to(folder)) for path in set(folder.glob(pattern)) - set(now))
    return [f"Not written now, left from an earlier run in {folder}: {', '.join(left)}."] if left else []


def notices(book: Any, chosen: dict) -> list[str]:
    """What a teacher has to know of the options: the deadlines that were used, those without effect, doubtful times."""
    from utils.classroom import notices as told_of

    whole = len(catalogue.exercise_names())
    lines = [f"Deadline{_of(stem)}: {moment:%Y-%m-%d %H:%M:%S %Z}." for stem, moment in chosen["deadlines"]]
    lines += told_of.without_effect(book, policy_of(chosen), any(len(p) == whole for p in chosen["points"]))
    return [*lines, f"Warning: {book.doubt}"] if book.doubt else lines


def _of(stem: str) -> str:
    return f" of question {stem[:2]}" if stem else ""


def written(path: Path, text: str) -> Path:
    """Write a file in one step; a usage error where it cannot be written."""
    from utils.classroom import writing

    try:
        return writing.write(path, text)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written ({error.strerror}).") from None


def told(facts: dict, words: str, as_json: bool) -> None:
    """What a verb did, as JSON or in words."""
    sys.stdout.reconfigure(errors="backslashreplace")  # no name ends a run, whatever the locale
    click.echo(json.dumps(facts, ensure_ascii=False, indent=1) if as_json else printable(words))


@click.command()
@out
@marking
@click.option("--format", "form", type=click.Choice(["canvas", "moodle", "plain"]), default="plain", show_default=True)
@click.option("--missing", type=click.Choice(["0", "blank"]), default="0", show_default=True,
              help="What stands where a student handed nothing in.")  # fmt: skip
@as_json
def gradebook(out: Path, form: str, missing: str, as_json: bool, **chosen: Any) -> None:
    """Write OUT/gradebook.csv: a row for each student, a column for each exercise.

    \b
    course class gradebook out --roster roster.csv --format canvas
    course class gradebook out --deadline 2026-11-02T23:59+01:00 --late-days 2 --penalty 0.2
    course class gradebook out --points 15=2 --points iou_matrix=3 --attempt last

    Without a roster, everybody who handed something in has a row.
    """
    from utils.classroom import gradebook as books

    book = book_of(out, chosen)
    path = written(out / "gradebook.csv", books.as_text(book, form, blank=missing == "blank"))
    facts, said = books.summary(book), [*_form(book, form), *notices(book, chosen)]
    told(
        {"file": str(path), "format": form} | facts | {"notices": said, "rows": books.rows(book)},
        "\n".join([*_words(book, facts, path), *said]),
        as_json,
    )


def _form(book: Any, form: str) -> list[str]:
    """A warning where Canvas's import would not know a student."""
    from utils.classroom.gradebook import canvas_number

    lacking = [student.id for student, _ in book.rows if form == "canvas" and not canvas_number(book, student)]
    if not lacking:
        return []
    why = "Canvas's import goes by it; give Canvas's own export of the gradebook as --roster"
    return [f"Warning: {len(lacking)} of {len(book.rows)} students have no Canvas number (column ID). {why}."]


def _words(book: Any, facts: dict, path: Path) -> list[str]:
    from utils.classroom import notices as told_of
    from utils.practice.replay import counted

    lines = [f"{counted(facts['students'], 'student')}, {counted(len(facts['exercises']), 'exercise')}: {path}"]
    lines += told_of.people(book)
    if facts["grade_again"]:
        again = ", ".join(f"{row['student']} {row['exercise']}" for row in facts["grade_again"])
        lines.append(f"Left empty, for the machine failed there; grade again: {again}.")
    return [*lines, *told_of.files(book)]


@click.command()
@out
@marking
@click.option(
    "--site", default="", metavar="ADDRESS", help="The course's book, for links; without it, questions are named."
)
@as_json
def feedback(out: Path, site: str, as_json: bool, **chosen: Any) -> None:
    """Write OUT/feedback/ID.html for each student: verdicts, named mistakes, a hint, where to read; never the solution.

    \b
    course class feedback out --roster roster.csv --deadline 2026-11-02T23:59+01:00
    """
    from utils.classroom import feedback as pages

    if site and not site.startswith(("http://", "https://", "/", ".")):
        raise click.UsageError(f"--site {site}: an address is expected, as in https://course.example/book.")
    book = book_of(out, chosen)
    said = notices(book, chosen)
    paths = [written(out / "feedback" / name, text) for name, text in pages.pages(book, site)]
    left = earlier(out / "feedback", "*.html", paths)
    facts = {
        "folder": str(out / "feedback"),
        "files": [path.name for path in paths],
        "unknown": book.unknown,
        "notices": [*left, *said],
    }
    told(facts, "\n".join([f"{len(paths)} pages: {out / 'feedback'}", *left, *said]), as_json)


@click.command()
@out
@marking
@click.option("--format", "form", type=click.Choice(["gradescope", "classroom50"]), required=True)
@as_json
def export(out: Path, form: str, as_json: bool, **chosen: Any) -> None:
    """Write a file for each student as Gradescope or Classroom 50 read it, with the named mistakes.

    \b
    course class export out --format gradescope     OUT/gradescope/ID/results.json
    course class export out --format classroom50    OUT/classroom50/ID/result.json

    Classroom 50 takes whole scores: where points or penalties are fractions, every score is counted in hundredths.
    """
    from utils.classroom import exports
    from utils.classroom import feedback as pages

    book = book_of(out, chosen)
    said = notices(book, chosen)
    names = {id_: name.removesuffix(".html") for id_, name in pages.file_names([s for s, _ in book.rows]).items()}
    found = list(exports.files(book, form, names))
    paths = []
    for name, content in found:
        paths.append(written(out / form / name, json.dumps(content, ensure_ascii=False, indent=1) + "\n"))
    left = earlier(out / form, "*/result*.json", paths)
    facts = {
        "folder": str(out / form),
        "files": [name for name, _ in found],
        "unknown": book.unknown,
        "notices": [*left, *said],
    }
    told(facts, "\n".join([f"{len(found)} files: {out / form}", *left, *said]), as_json)


VERBS = (gradebook, feedback, export)
