"""Files that a learner names: written whole or not at all, with one line where that cannot be."""

import os
from pathlib import Path

import click

from utils.grading import disk


class Output(click.Path):
    """A file to write: a new one or a regular one; a link stands for what it leads to.

    Checked before the command does anything, since a pipe or a device would be replaced by a file.
    """

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; a usage error (exit code 2) for a name or a place that takes no file."""
        if not os.fspath(value):
            self.fail("the name of a file is missing", param, ctx)
        path = super().convert(value, param, ctx)
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        if path.exists() and not path.is_file():
            self.fail(f"{path} is not a regular file; nothing was written", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"{path} could not be written: {path.parent} is not a folder", param, ctx)
        return path


def write(path: Path, content: bytes | str) -> None:
    """Write a file and replace what was there; a usage error (exit code 2) for a place that takes none."""
    try:
        disk.write(path, content)
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> click.UsageError:
    """The one line that says so."""
    return click.UsageError(f"{path} could not be written: {error.strerror or error}")
