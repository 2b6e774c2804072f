"""`course`: the learner's verbs, and the author's under `course dev`."""

import click

from utils.cli.dev import dev
from utils.cli.grade import check, grade
from utils.cli.learner import hint, learn, reset, status

EPILOG = "Start with `make learn`. Every verb has --help with examples."


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Interview questions as notebooks that grade themselves."""


for verb in (learn, check, grade, status, hint, reset, dev):
    main.add_command(verb)
