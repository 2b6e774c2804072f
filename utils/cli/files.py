"""Files that a learner names: written whole or not at all, with one line where that cannot be."""

import os
from pathlib import Path

import click

from utils.grading import disk


def write(path: Path, content: bytes | str) -> None:
    """Write a file and replace what was there; a usage error (exit code 2) for a place that takes none."""
    data = content.encode() if isinstance(content, str) else content
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        disk.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> click.UsageError:
    """The one line that says so."""
    return click.UsageError(f"{path} could not be written: {error.strerror or error}")
