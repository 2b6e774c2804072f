"""`course log` and `course watch`: the log taken elsewhere, and a file graded when it is saved."""

from pathlib import Path

import click


@click.group()
def log() -> None:
    """Export or import your log; logs of two machines merge by union."""


@log.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export(file: Path) -> None:
    """Write the log to a file, one JSON object a line."""
    from utils.practice import exchange

    text = exchange.exported()
    file.write_text(text, encoding="utf-8")
    click.echo(f"{text.count(chr(10))} entries: {file}")


@log.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(files: tuple[Path, ...]) -> None:
    """Add what the log lacks, from other machines or from the browser; importing twice changes nothing."""
    from utils.practice import exchange

    for file in files:
        new = exchange.merge(exchange.read(file))
        if new is None:
            raise click.ClickException("progress.jsonl could not be written")
        click.echo(f"{len(new)} new entries from {file}")


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

    try:
        for line in watching.watched(file):
            click.echo(line)
    except KeyboardInterrupt:
        click.echo("")
