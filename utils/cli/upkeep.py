"""The verbs that keep a course in order: doctor, update."""

import sys

import click

from utils.cli.console import echo_json
from utils.cli.selection import stems_of
from utils.grading.progress import root
from utils.workplace import folder

ROOT = root()
_SIGN = {"ok": "✓", "note": "·", "fault": "✗"}


@click.command()
@click.argument("numbers", nargs=-1, required=True)
def update(numbers: tuple[str, ...]) -> None:
    """Carry your cells into the present edition of a question, after a dated backup of your copy in backups/.

    \b
    course update 15
    """
    for stem in stems_of(numbers):
        try:
            done, saved = folder.update(ROOT, stem)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"{stem} is now the current edition. Your copy as it was: {saved.relative_to(ROOT)}")
        if done.answers:
            click.echo(f"  your answers, each in the place of its blank: {', '.join(done.answers)}")
        if done.edited:
            click.echo(f"  given cells that you had edited, and that stay edited: {done.edited}")
        if done.beside:
            click.echo(f"  your other cells, each after the cell it followed: {done.beside}")
    click.echo("Close the notebook if it is open, without saving it, and open it again.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text.")
def doctor(as_json: bool) -> None:
    """Look for what is wrong with the installation, and say the command that mends it.

    Exit code: 0 when the course can run, 1 when something has to be mended first.
    """
    from utils.workplace.doctor import FAULT, examine

    found = examine(ROOT)
    faults = sum(one.state == FAULT for one in found)
    if as_json:
        echo_json([one.to_json() for one in found])
    else:
        for one in found:
            click.echo(f"{_SIGN[one.state]} {one.about}: {one.words}" + (f"\n    → {one.mend}" if one.mend else ""))
        click.echo(f"{faults} to mend." if faults else "The course can run.")
    sys.exit(1 if faults else 0)
