"""The learner's verbs beside grading: learn, status, hint, reset."""

import os
import subprocess
import sys
from pathlib import Path

import click

from utils.cli import files, show
from utils.cli.selection import stems_of
from utils.grading import catalogue
from utils.grading.progress import demand, entries, note, now, progress, root
from utils.workplace import folder, lab, start

ROOT = root()


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("jupyter_args", nargs=-1, type=click.UNPROCESSED)
def learn(jupyter_args: tuple[str, ...]) -> None:
    """Copy the notebooks that work/ lacks and open JupyterLab on its start page.

    \b
    course learn                 opens the browser
    course learn --no-browser    prints the address instead; further arguments go to JupyterLab
    """
    filled = folder.fill(ROOT)
    for sentence in filled.told:
        click.echo(sentence)
    new = len(filled.new)
    place = ROOT / "work"
    click.echo(f"{new} new in {place}." if new else f"{place} has every question; nothing of yours was touched.")
    _tell_old(filled.old)
    for path in folder.shadowing(ROOT):
        click.echo(f"{path} hides the package of that name from your notebooks: give it another name.")
    page = start.lay_out(ROOT)
    click.echo("JupyterLab starts; it takes some seconds. Ctrl+C in this window ends it.")
    command = lab.command(ROOT, page.name, jupyter_args)
    if os.name == "nt":  # there, exec would give the prompt back at once
        sys.exit(subprocess.call(command, env=lab.environment()))
    os.execve(command[0], command, lab.environment())


def _tell_old(stems: list[str]) -> None:
    if stems:
        numbers = " ".join(stem[:2] for stem in stems)
        words = "has a new edition" if len(stems) == 1 else "have new editions"
        click.echo(f"{numbers} {words}: `course update {stems[0][:2]}` carries your cells over, after a backup.")


@click.command()
@click.option(
    "--html",
    "page",
    is_flag=False,
    flag_value="progress.html",
    type=files.Output(),
    help="Write a page: bars, a calendar, mistakes that come back, what is due.  [default: progress.html]",
)
def status(page: Path | None) -> None:
    """Show your progress by chapter: ● right, ◐ tried, ○ not attempted."""
    demand()
    if page is None:
        click.echo(repr(progress()))
        _tell_old(folder.outdated(ROOT))
        return
    from utils.practice import overview
    from utils.practice.replay import replay

    files.write(page, overview.page(replay(entries()), now().date()))
    click.echo(str(page))


@click.command()
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="Every hint at once.")
def hint(name: str, everything: bool) -> None:
    """Print the hints for an exercise, one more each time you press Enter.

    \b
    course hint adam_step
    course hint 10           where a question has one exercise; else it says their names
    """
    from utils import door

    for stem in catalogue.find(name):
        names = list(catalogue.entries()[stem]["exercises"])
        name = names[0] if len(names) == 1 else name
    try:
        hints = door.hints_of(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for step, text in enumerate(hints, start=1):
        click.echo(f"Hint {step} of {len(hints)}")
        show.markdown(text)
        click.echo("")
        if step == len(hints):
            number = catalogue.stem_of(name)[:2]
            click.echo(f"That was the last hint; `course solution {number}` opens the solved page.")
        note("hint", exercise=name, step=step)
        if (
            step < len(hints)
            and not everything
            and not (sys.stdin.isatty() and click.confirm("The next one?", default=True))
        ):
            click.echo(f"`course hint {name} --all` prints all of them.")
            break


@click.command()
@click.argument("numbers", nargs=-1, required=True)
def reset(numbers: tuple[str, ...]) -> None:
    """Put a question in work/ back to its blank, after a dated backup of your copy in backups/.

    \b
    course reset 15
    """
    for stem in stems_of(numbers):
        saved = folder.reset(ROOT, stem)
        for name in catalogue.entries()[stem]["exercises"]:
            note("opened", exercise=name)
        click.echo(f"{stem} is blank again." + (f" Your copy: {saved.relative_to(ROOT)}" if saved else ""))
