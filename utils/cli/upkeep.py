"""The verbs that keep a course in order: update."""

import click

from utils.cli.selection import stems_of
from utils.grading.progress import root
from utils.workplace import folder

ROOT = root()


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
        click.echo(f"{stem} is the present edition. Your copy as it was: {saved.relative_to(ROOT)}")
        if done.answers:
            click.echo(f"  your answers, each in the place of its blank: {', '.join(done.answers)}")
        if done.edited:
            click.echo(f"  given cells that you had edited, and that stay edited: {done.edited}")
        if done.beside:
            click.echo(f"  your other cells, each after the cell it followed: {done.beside}")
    click.echo("Close the notebook if it is open, without saving it, and open it again.")
