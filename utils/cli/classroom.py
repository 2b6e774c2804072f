"""`course class`: a teacher's verbs."""

import click


@click.group("class")
def class_() -> None:
    """A class: many students' files graded at once, and what comes out of it."""
