"""`course`: the learner's verbs, and the author's under `course dev`."""

import click

from utils.cli.classroom import class_
from utils.cli.dev import dev
from utils.cli.grade import check, grade
from utils.cli.gradebook import VERBS
from utils.cli.learner import hint, learn, reset, status
from utils.cli.log import log, watch
from utils.cli.mock import mock
from utils.cli.practice import deck, next_, plan, review, solution
from utils.cli.torch import torch_
from utils.cli.upkeep import doctor, update
from utils.workplace import pins

EPILOG = "Start with `course learn`. Every verb has --help."


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(pins.installed("vision-interview-course") or "(not installed)", prog_name="course")
def main() -> None:
    """Interview questions as notebooks that grade themselves."""


for verb in (
    learn,
    next_,
    plan,
    review,
    mock,
    deck,
    check,
    grade,
    watch,
    status,
    log,
    hint,
    solution,
    reset,
    update,
    doctor,
    torch_,
    class_,
    dev,
):
    main.add_command(verb)
for verb in VERBS:
    class_.add_command(verb)
