"""`course class`, a teacher's verbs: the group and `grade`; the others are in `gradebook.py` and `cohort.py`."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from utils.cli.bar import progress_bar
from utils.cli.console import echo_json
from utils.cli.grade import STOPPED, timeout_option


@click.group("class")
def class_() -> None:
    """A class: many students' files graded at once, and what comes out of it."""


@contextmanager
def _needs_the_extra() -> Iterator[None]:
    """One line where the extra `class` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("dask", "distributed", "copydetect"):
            raise
        raise click.UsageError(
            f'{error.name} is missing; `pip install ".[class]"` in a checkout of the course.'
        ) from None


@class_.command()
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; results.jsonl in it is only appended to.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    help="Processes on this machine.  [default: all cores]",
)
@click.option("--scheduler", help="tcp://host:port of a Dask scheduler that runs already, in the place of --workers.")
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object in the place of text.")  # fmt: skip
def grade(submissions: Path, out: Path, workers: int, scheduler: str | None, timeout: float, as_json: bool) -> None:
    """Grade a class: a folder for each student, or the zip of Canvas, Moodle or GitHub Classroom.

    \b
    course class grade submissions/ --out graded/
    course class grade submissions.zip --out graded/ --scheduler tcp://10.0.0.5:8786

    Stop it and run it again at will: what is finished is not graded again.
    Exit code: 0 when every file has its verdict, 1 when a machine's fault left some without, 2 for bad usage.
    """
    with _needs_the_extra():
        from utils.classroom import cluster, engine, results
        from utils.classroom import submissions as given
        from utils.grading import catalogue

    if out.resolve().is_relative_to(submissions.resolve()):
        raise click.UsageError("OUT is inside SUBMISSIONS, so its files would be graded. Choose another folder.")
    start = time.monotonic()
    ledger_path = out / results.NAME
    with (
        _early_end_told(ledger_path),
        given.opened(submissions) as source,
        results.Results(ledger_path, catalogue.edition(), timeout) as ledger,
        cluster.connected(scheduler, workers) as client,
        progress_bar("grading", as_json, rate=True) as advance,
    ):
        run = engine.Engine(source, ledger, client, timeout, lambda: advance("grading", run.total))
        tally = run.run()
    others = {"number": source.others.number, "some": source.others.some}
    summary = tally.to_json() | {"passed_over": others, "totals": dict(results.totals(ledger_path).most_common())}
    summary |= {"seconds": round(time.monotonic() - start, 2), "results": str(ledger_path)}
    echo_json(summary) if as_json else click.echo(_words(summary, str(source.others)))
    sys.exit(1 if tally.statuses["machine"] else 0)


@contextmanager
def _early_end_told(ledger: Path) -> Iterator[None]:
    """Whatever ends a run early: one line, which says what is kept, and the exit code."""
    from utils.classroom.cluster import ClusterError
    from utils.classroom.results import LedgerError
    from utils.classroom.submissions import SubmissionsError

    try:
        yield
    except (SubmissionsError, LedgerError) as error:
        raise click.UsageError(str(error)) from None
    except ClusterError as error:
        _stop(f"Error: {error} {_kept(ledger)}", 2)
    except OSError as error:
        _stop(f"Error: {error.strerror or error}. {_kept(ledger)}", 2)
    except KeyboardInterrupt:
        _stop(f"Stopped. {_kept(ledger)}", STOPPED)


def _kept(ledger: Path) -> str:
    some = ledger.exists() and ledger.stat().st_size
    return f"Finished rows are in {ledger}; the same command goes on from there." if some else "Nothing was graded."


def _stop(words: str, code: int) -> None:
    click.echo(words, err=True)
    sys.exit(code)


def _words(summary: dict, others: str) -> str:
    kept, totals, new = summary["kept"], _counts(summary["totals"]), _counts(summary["statuses"])
    lines = [f"{_many(summary['files'], 'file')} of {_many(summary['students'], 'student')}: "
             f"{_many(summary['graded'], 'file')} graded now ({summary['seconds']:,.1f} s)"
             + (f", {kept:,} {'was' if kept == 1 else 'were'} already graded." if kept else ".")]  # fmt: skip
    lines += [f"Exercises: {totals}."] if totals else []
    lines += [f"New in this run: {new or 'none'}."] if kept else []
    if retried := summary["retried"]:
        lines += [
            f"{_many(retried, 'file')} that ran into a limit {'was' if retried == 1 else 'were'} tried again alone."
        ]
    lines += [others] if others else []
    return "\n".join([*lines, f"Rows are in {summary['results']}."])


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _counts(statuses: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in statuses.items())
