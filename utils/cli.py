"""`course`: the learner's verbs, and the author's under `course dev`."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import click

from utils import catalogue, door
from utils.bar import progress_bar
from utils.dev import dev
from utils.progress import progress, record, root
from utils.report import BAD

ROOT = root()
EPILOG = "Start with `make learn`. Every verb has --help with examples."


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Interview questions as notebooks that grade themselves."""


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("jupyter_args", nargs=-1, type=click.UNPROCESSED)
def learn(jupyter_args: tuple[str, ...]) -> None:
    """Copy the notebooks that work/ lacks and open JupyterLab there.

    \b
    course learn                 opens the browser
    course learn --no-browser    prints the address instead; further arguments go to JupyterLab
    """
    fresh = _fill_work()
    click.echo(f"{len(fresh)} new in work/." if fresh else "work/ has every question; nothing of yours was touched.")
    lab = Path(sys.executable).with_name("jupyter-lab")
    # The course works offline, so JupyterLab need not ask for news; root is who one is in a container.
    quiet = ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"]
    quiet += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [str(lab if lab.exists() else "jupyter-lab"), str(ROOT / "work"), *quiet, *jupyter_args]
    os.execvp(command[0], command)


def _fill_work() -> list[Path]:
    """Copy what the learner has no copy of; an existing file is never touched."""
    work = ROOT / "work"
    work.mkdir(exist_ok=True)
    missing = [path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.*")) if not (work / path.name).exists()]
    pairs = {path.stem for path in missing}
    fresh = []
    for path in missing:
        started = any((work / f"{path.stem}{suffix}").exists() for suffix in (".ipynb", ".py"))
        if not started or path.stem in {p.stem for p in fresh}:
            shutil.copy2(path, work / path.name)
            fresh.append(path)
    return [path for path in fresh if path.stem in pairs]


@main.command()
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


@main.command()
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
    stems = _stems(numbers) if numbers else list(catalogue.entries())
    files = [path for stem in stems if (path := _current(folder, stem))]
    if not files:
        raise click.UsageError(f"{folder} holds none of these questions; `course learn` copies them there.")
    rows = _grade(
        files, as_json, jobs, timeout, lambda path: list(catalogue.entries()[path.stem]["exercises"]), exit_=False
    )
    for row in rows:
        if row.report.exercise:
            record(row.report.exercise, row.report.status, row.report.mistake)
    _exit(rows)


def _stems(selectors: Iterable[str]) -> list[str]:
    stems = []
    for selector in selectors:
        found = catalogue.find(selector)
        if not found:
            raise click.UsageError(f"there is no question {selector!r}; `course status` lists them all.")
        stems += found
    return list(dict.fromkeys(stems))


def _current(folder: Path, stem: str) -> Path | None:
    """The half of a pair that was edited last; the notebook when they are equally old."""
    pair = [path for suffix in (".ipynb", ".py") if (path := folder / f"{stem}{suffix}").is_file()]
    return max(pair, key=lambda path: path.stat().st_mtime, default=None)


def _grade(files: list[Path], as_json: bool, jobs: int, timeout: float,
           expected: Callable[[Path], list[str]] = lambda path: [], exit_: bool = True) -> list:  # fmt: skip
    from utils.batch import grade_files

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


@main.command()
def status() -> None:
    """Show your progress by chapter: ● right, ◐ tried, ○ not attempted."""
    click.echo(repr(progress()))


@main.command()
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="Every hint at once.")
def hint(name: str, everything: bool) -> None:
    """Print the hints for an exercise, one more each time you press Enter.

    \b
    course hint adam_step
    """
    try:
        hints = door.hints_of(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for step, text in enumerate(hints, start=1):
        click.echo(f"Hint {step} of {len(hints)}\n{text}\n")
        if (
            step < len(hints)
            and not everything
            and not (sys.stdin.isatty() and click.confirm("The next one?", default=True))
        ):
            break


@main.command()
@click.argument("numbers", nargs=-1, required=True)
def reset(numbers: tuple[str, ...]) -> None:
    """Put a question in work/ back to its blank, after a dated backup of your copy in backups/.

    \b
    course reset 15
    """
    for stem in _stems(numbers):
        saved = _back_up(stem)
        for suffix in (".ipynb", ".py"):
            (ROOT / "work").mkdir(exist_ok=True)
            _replace(ROOT / "notebooks" / f"{stem}{suffix}", ROOT / "work" / f"{stem}{suffix}")
        click.echo(f"{stem} is blank again." + (f" Your copy: {saved.relative_to(ROOT)}" if saved else ""))


def _back_up(stem: str) -> Path | None:
    mine = [path for path in (ROOT / "work").glob(f"{stem}.*") if path.is_file()]
    if not mine:
        return None
    stamp = datetime.now().strftime("%Y-%m-%d_%H%M%S_%f")
    folder = ROOT / "backups" / f"{stem}_{stamp}"
    folder.mkdir(parents=True)
    for path in mine:
        shutil.copy2(path, folder / path.name)
    return folder


def _replace(source: Path, target: Path) -> None:
    """All or nothing: a crash leaves the old file or the new one, never half of one."""
    part = target.with_name(target.name + ".part")
    shutil.copy2(source, part)
    os.replace(part, target)


main.add_command(dev)


if __name__ == "__main__":
    main()
