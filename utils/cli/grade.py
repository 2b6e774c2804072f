"""`course check` and `course grade`: files in, verdicts out."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from utils.cli.bar import progress_bar
from utils.cli.selection import stems_of
from utils.grading import catalogue
from utils.grading.progress import record, root
from utils.grading.report import BAD
from utils.workplace.folder import current

ROOT = root()


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text.")
@click.option(
    "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="How many at once.  [default: all cores]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds for one exercise.",
)
def check(files: tuple[Path, ...], as_json: bool, jobs: int, timeout: float) -> None:
    """Grade any .py or .ipynb files that define exercises of the course.

    \b
    course check answer.py
    course check submissions/*.ipynb --json --timeout 5

    Exit code: 0 when nothing is wrong, 1 otherwise, 2 for bad usage.
    """
    _grade(list(files), as_json, jobs, timeout)


@click.command()
@click.argument("numbers", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text.")
@click.option(
    "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="How many at once.  [default: all cores]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds for one exercise.",
)
def grade(numbers: tuple[str, ...], as_json: bool, jobs: int, timeout: float) -> None:
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
        raise click.UsageError(f"{folder} holds none of these questions; `course learn` copies them there.")
    rows = _grade(
        files, as_json, jobs, timeout, lambda path: list(catalogue.entries()[path.stem]["exercises"]), exit_=False
    )
    for row in rows:
        if row.report.exercise:
            record(row.report.exercise, row.report.status, row.report.mistake)
    _exit(rows)


def _grade(files: list[Path], as_json: bool, jobs: int, timeout: float,
           expected: Callable[[Path], list[str]] = lambda path: [], exit_: bool = True) -> list:  # fmt: skip
    from utils.sandbox.batch import grade_files

    with progress_bar("grading", as_json) as advance:
        rows = grade_files(
            files, jobs, timeout, expected, on_done=lambda row, total: advance(row.report.exercise, total)
        )
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=1))
    else:
        _print_rows(rows)
    if exit_:
        _exit(rows)
    return rows


def _exit(rows: list) -> None:
    sys.exit(1 if any(row.report.status in BAD for row in rows) else 0)


def _print_rows(rows: list) -> None:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    previous = None
    for row in rows:
        if row.file != previous:
            click.echo(("" if previous is None else "\n") + row.file)
        previous = row.file
        click.echo(row.report.to_text(colour), color=colour)
    count = {
        status: sum(row.report.status == status for row in rows)
        for status in dict.fromkeys(r.report.status for r in rows)
    }
    click.echo("\n" + ", ".join(f"{number} {status}" for status, number in count.items()))
