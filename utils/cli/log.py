"""`course log` and `course watch`: the log taken elsewhere, and a file graded when it is saved."""

from pathlib import Path

import click

from utils.cli import files
from utils.grading.progress import now, root


@click.group()
def log() -> None:
    """Export or import your log and your work; logs of two machines merge by union."""


@log.command("export")
@click.argument("file", type=files.Output())
def export(file: Path) -> None:
    """Write the log to a file, one JSON object a line; to FILE.zip with your files of work/.

    \b
    course log export mine.zip
    course log export mine.jsonl     the log alone
    """
    from utils.practice import archive, exchange
    from utils.practice.replay import counted

    if file.suffix.lower() != ".zip":
        text = exchange.exported()
        files.write(file, text)
        click.echo(f"{counted(text.count(chr(10)), 'entry', 'entries')}: {file}")
        return
    try:
        number, own = archive.write(file, root())
    except OSError as error:
        raise files.cannot_write(file, error) from None
    click.echo(f"{counted(number, 'entry', 'entries')}, {counted(own, 'file')}: {file}")


@log.command("import")
@click.argument(
    "paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def import_(paths: tuple[Path, ...]) -> None:
    """Add what this course lacks, from other machines or from the browser; importing twice changes nothing.

    A file of yours is never overwritten: where it has another content, the other one comes beside it with the date.
    """
    from utils.practice import archive

    try:
        found = [archive.read(path) for path in paths]  # all of them, before anything is written
    except archive.ForeignError as error:
        raise click.UsageError(f"{error}. Nothing was imported.") from None
    for path, brought in zip(paths, found, strict=True):
        _add(path, brought)


def _add(path: Path, brought: object) -> None:
    from utils.practice import archive, exchange
    from utils.practice.replay import counted

    try:
        new = archive.place(root(), brought.files, now().date())
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or 'work/'} could not be written; nothing of yours has changed."
        ) from None
    entries = exchange.merge(brought.entries)
    if entries is None:
        raise click.ClickException("progress.jsonl could not be written")
    click.echo(f"{counted(len(entries), 'new entry', 'new entries')}, {counted(len(new), 'new file')} from {path}")
    for name, place in new.items():
        beside = "" if place.name == name.name else f", beside yours: {place.relative_to(root())}"
        click.echo(f"  {name}{beside}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def watch(file: Path) -> None:
    """Grade a file each time it is saved; Ctrl-C ends it.

    \b
    course watch work/15_batchnorm_forward.ipynb

    Each line is FILE:LINE: error or info: EXERCISE: words. For an editor's problem matcher that is
    ^(.+):(\\d+): (error|info): (.+)$
    """
    from utils.practice import watch as watching

    click.echo(f"Watching {file}; Ctrl-C ends it.", err=True)
    try:
        for line in watching.watched(file):
            click.echo(line)
    except KeyboardInterrupt:
        click.echo("")
