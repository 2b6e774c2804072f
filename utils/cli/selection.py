"""What a verb's arguments select."""

from collections.abc import Iterable

import click

from utils.grading import catalogue


def stems_of(selectors: Iterable[str]) -> list[str]:
    """The questions that "15", "adam" or "10_adam" name, each once; a usage error for a word that names none."""
    stems = []
    for selector in selectors:
        found = catalogue.find(selector)
        if not found:
            raise click.UsageError(f"there is no question {selector!r}; `course status` lists them all.")
        stems += found
    return list(dict.fromkeys(stems))
