"""`course class report`, `similar`, `example` and `nbgrader`: the class as a whole, one to try, another grader."""

from pathlib import Path

import click

from utils.cli.gradebook import Points, as_json, ledger, out, told, written
from utils.cli.selection import stems_of


@click.command()
@out
@click.option("--least", type=click.IntRange(2), default=5, show_default=True,
              help="A group of fewer students is not shown.")  # fmt: skip
@as_json
def report(out: Path, least: int, as_json: bool) -> None:
    """Write OUT/report.html: what the class gets wrong, how often, when, where it is stuck. No names in it.

    \b
    course class report out
    """
    from utils.classroom import cohort, cohort_report

    found = cohort.cohort(ledger(out))
    if found.students < least:
        words = f"{found.students} students are too few for a report without names; at least {least} are needed"
        raise click.UsageError(f"{words} (--least).")
    path = written(out / "report.html", cohort_report.as_html(found, cohort.Counts(least)))
    facts = {"file": str(path)} | cohort_report.as_json(found, cohort.Counts(least))
    told(facts, f"{found.students} students, {found.hand_ins} files: {path}", as_json)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--students", type=click.IntRange(2, 999), default=60, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@as_json
def example(folder: Path, students: int, seed: int, as_json: bool) -> None:
    """Write a made-up class to try the commands on: FOLDER/submissions and FOLDER/roster.csv.

    \b
    course class example try
    course class grade try/submissions --out try/out
    course class report try/out
    """
    from utils.classroom import example as made_up

    if (folder / "submissions").exists():
        raise click.UsageError(f"{folder / 'submissions'} is there already; choose another folder.")
    try:
        submissions, roster = made_up.make(folder, seed, students)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be written ({error.strerror}).") from None
    told(
        {"submissions": str(submissions), "roster": str(roster)},
        f"{students} students: {submissions}, {roster}",
        as_json,
    )


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("numbers", nargs=-1, required=True)
@click.option(
    "--points", type=Points(), multiple=True, help="As in `course class gradebook`.  [repeatable; default: 1]"
)
@click.option("--spoken", type=click.FloatRange(0), default=1.0, show_default=True,
              help="Points of the answer in 30 seconds, which you grade by hand; 0 leaves it out.")  # fmt: skip
@as_json
def nbgrader(folder: Path, numbers: tuple[str, ...], points: tuple, spoken: float, as_json: bool) -> None:
    """Write questions as nbgrader's source version: DIR/source/NN_slug/NN_slug.ipynb.

    \b
    course class nbgrader DIR 15 35 --points 15=2
    cd DIR
    nbgrader generate_assignment 15_batchnorm_forward
    nbgrader autograde 15_batchnorm_forward
    nbgrader export

    nbgrader's kernel has to have the course installed: the checks are `check`. What stands in source/ is replaced.
    """
    from utils.classroom import nbgrader as made

    values = {name: value for part in points for name, value in part.items()}
    try:
        paths = made.write_course(folder, stems_of(numbers), values, spoken)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be written ({error.strerror}).") from None
    told({"files": [str(path) for path in paths]}, "\n".join(map(str, paths)), as_json)


@click.command()
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--exercises", "least", type=click.IntRange(1), default=3, show_default=True,
              help="A pair has to stand out in so many. In two, chance produces as many pairs as copying.")  # fmt: skip
@as_json
def similar(submissions: Path, least: int, as_json: bool) -> None:
    """Pairs of students whose answers resemble each other over several exercises: a question, never a verdict.

    \b
    course class similar submissions

    Names, comments and what the blank holds do not count. Every pair is compared, so a class of 60 takes seconds, one
    of 600 some minutes; compare a larger one section by section.
    """
    from utils.classroom import similar as pairs
    from utils.classroom import submissions as sources

    try:
        with sources.opened(submissions) as found:
            answers = pairs.last_answers(found)
        came = pairs.compared(answers, least)
    except sources.SubmissionsError as error:
        raise click.UsageError(str(error)) from None
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "copydetect":
            raise
        raise click.UsageError('copydetect is missing; `pip install ".[class]"` in a checkout of the course.') from None
    if not answers:
        raise click.UsageError(f"{submissions} has no answers to compare.")
    told(pairs.as_json(came), "\n".join(pairs.in_words(came)), as_json)


VERBS = (report, similar, example, nbgrader)
