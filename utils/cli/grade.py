"""`course check` and `course grade`: files in, verdicts out, each as soon as it is final."""

import math
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from utils.cli.bar import progress_bar
from utils.cli.console import echo_json
from utils.cli.selection import stems_of
from utils.grading import catalogue, stopwatch
from utils.grading.progress import entries, note, record, root
from utils.grading.report import BAD, MACHINE
from utils.grading.text import printable
from utils.workplace.folder import current

ROOT = root()
MOST = 86_400.0  # seconds: a day
STOPPED = 130  # what a shell gives for Ctrl-C


def seconds(_: click.Context, __: click.Parameter, value: float) -> float:
    """A number of seconds, as an option's callback."""
    if not (math.isfinite(value) and value > 0):
        raise click.BadParameter("a positive number of seconds is expected.")
    if value > MOST:
        raise click.BadParameter(f"at most {MOST:,.0f} seconds, a day, are allowed.")
    return value


# The same for a file, for your notebooks and for a class.
timeout_option = click.option(
    "--timeout", type=float, default=stopwatch.SECONDS, show_default=True, callback=seconds,
    help="Seconds of processor time for one exercise.",
)  # fmt: skip


def _options(verb: Callable) -> Callable:
    """What both verbs take."""
    for option in (
        timeout_option,
        click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1,
                     help="How many at once.  [default: all cores]"),
        click.option("--jsonl", type=click.Path(dir_okay=False, path_type=Path),
                     help="Append each row to this file as it comes; a second run grades what is new or changed."),
        click.option("--explain", is_flag=True,
                     help="Where a mistake has no name, search for the line where one edit makes the answer right."),
        click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text."),
    ):  # fmt: skip
        verb = option(verb)
    return verb


def _paths(_: click.Context, __: click.Parameter, files: tuple[Path, ...]) -> list[Path]:
    missing = [path for path in files if not os.path.lexists(path)]
    if missing:
        raise click.BadParameter(f"{printable(str(missing[0]))} does not exist.")
    return list(files)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), callback=_paths)
@_options
def check(files: list[Path], as_json: bool, jobs: int, timeout: float, jsonl: Path | None, explain: bool) -> None:
    """Grade any .py or .ipynb files that define exercises of the course.

    \b
    course check answer.py
    course check submissions/*.ipynb --json --timeout 5
    course check answer.py --explain                     and where a wrong answer goes wrong
    course check submissions/*.py --jsonl rows.jsonl     stop and go on at will

    Modules beside a file can be imported. Exit code: 0 when nothing is wrong, 1 otherwise, 2 for bad usage.
    """
    _exit(_grade(files, as_json, jobs, timeout, jsonl, explain))


@click.command()
@click.argument("numbers", nargs=-1)
@_options
def grade(
    numbers: tuple[str, ...], as_json: bool, jobs: int, timeout: float, jsonl: Path | None, explain: bool
) -> None:
    """Grade your notebooks in work/ (or notebooks/ where there is none) and note the attempts.

    \b
    course grade          everything
    course grade 15 16    two questions
    """
    folder = ROOT / ("work" if (ROOT / "work").is_dir() else "notebooks")
    stems = stems_of(numbers) if numbers else list(catalogue.entries())
    files = []
    for path, warning in (current(folder, stem) for stem in stems):
        files += [path] if path else []
        if warning:
            click.echo(warning, err=True)
    if not files:
        what, them = (f"{stems[0]} is not", "it") if len(stems) == 1 else ("None of these questions is", "them")
        raise click.UsageError(f"{what} in {folder.name}/. Run `course learn` to copy {them}.")

    lost: list[str] = []
    rows = _grade(files, as_json, jobs, timeout, jsonl, explain, note=lambda row: _record(row, lost))
    if lost:
        click.echo(f"Not noted in progress.jsonl, which cannot be written: {', '.join(lost)}.", err=True)
    _exit(rows)


def _record(row: object, lost: list[str]) -> None:
    """Note a row as an attempt; where that fails, its exercise is among the lost ones. A machine's fault is none."""
    made = row.report
    is_attempt = made.exercise and made.status != MACHINE
    if is_attempt and not record(made.exercise, made.status, made.mistake, row.digest):
        lost.append(made.exercise)


def _grade(files: list[Path], as_json: bool, jobs: int, timeout: float, jsonl: Path | None, explain: bool,
           note: Callable = lambda row: None) -> list:  # fmt: skip
    """Grade, print and return the rows; Ctrl-C and a file of rows that cannot be written end with their exit codes."""
    from utils.sandbox.batch import grade_files
    from utils.sandbox.ledger import Ledger

    _say_what_is_lacking()
    unwritten: list[str] = []
    with ExitStack() as stack:
        ledger = stack.enter_context(_opened(Ledger, jsonl, timeout, explain)) if jsonl else None
        advance = stack.enter_context(progress_bar("grading", as_json))

        def final(row: object) -> None:
            _keep(row, ledger, unwritten)
            note(row)
            advance(row.report.exercise)

        more = ({"finished": ledger.finished} if ledger else {}) | ({"explain": True} if explain else {})
        try:
            rows = grade_files(files, jobs, timeout, on_row=final, **more)
        except KeyboardInterrupt:
            kept = f" Finished rows are in {jsonl}; the same command goes on from there." if jsonl else ""
            click.echo(f"Stopped.{kept}", err=True)
            sys.exit(STOPPED)
    if as_json:
        echo_json([row.to_json() for row in rows])
    else:
        _print_rows(rows)
    if unwritten:
        click.echo(f"Not all rows are in {jsonl}: {unwritten[0]}. The same command goes on from there.", err=True)
        sys.exit(2)
    return rows


def _keep(row: object, ledger: object, unwritten: list[str]) -> None:
    """Write a row to the ledger, if there is one. A full disk costs later rows their place there, and no verdict."""
    if ledger and not unwritten:
        try:
            ledger.write(row)
        except OSError as error:
            unwritten.append(error.strerror)


def _say_what_is_lacking() -> None:
    """Once in a learner's life, on a system that has fewer walls than Linux."""
    from utils.sandbox import limits

    words = limits.lacking()
    if words and not any(entry.get("event") == "walls" for entry in entries()):
        note("walls")
        click.echo(words, err=True)


def _opened(ledger: type, path: Path, timeout: float, explain: bool) -> object:
    try:
        return ledger(path, timeout, explain)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--jsonl") from None


def _exit(rows: list) -> None:
    sys.exit(1 if any(row.report.status in BAD for row in rows) else 0)


def _print_rows(rows: list) -> None:
    colour = sys.stdout is not None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    previous = None
    for row in rows:
        if row.file != previous:
            click.echo(("" if previous is None else "\n") + printable(row.file))
        previous = row.file
        click.echo(row.report.to_text(colour), color=colour)
    count = {
        status: sum(row.report.status == status for row in rows)
        for status in dict.fromkeys(r.report.status for r in rows)
    }
    click.echo("\n" + ", ".join(f"{number} {status}" for status, number in count.items()))
