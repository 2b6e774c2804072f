"""`course`: the learner's verbs, and the author's under `course dev`. A verb's module is imported when it is called."""

import os
from datetime import datetime
from importlib import import_module
from pathlib import Path

import click

from utils.cli import console

EPILOG = "Start with `course learn`. Every verb has --help."

# Verb → the module of utils.cli and the name in it.
VERBS = {
    "learn": "learner:learn", "next": "practice:next_", "plan": "practice:plan", "review": "practice:review",
    "mock": "mock:mock", "deck": "practice:deck", "check": "grade:check", "grade": "grade:grade", "watch": "log:watch",
    "status": "learner:status", "log": "log:log", "hint": "learner:hint", "solution": "practice:solution",
    "reset": "learner:reset", "update": "upkeep:update", "doctor": "upkeep:doctor", "torch": "torch:torch_",
    "class": "classroom:class_", "dev": "dev:dev",
}  # fmt: skip
# Modules whose VERBS belong to a group that another module defines.
MORE = {"class": ("gradebook", "cohort")}


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is called, or when all are listed."""

    def main(self, *args: object, **more: object) -> object:
        """What click does, with an output that can print the course's signs."""
        console.fit()
        return super().main(*args, **more)

    def invoke(self, ctx: click.Context) -> object:
        """One line (exit code 2) where a file of the course's folder cannot be used, or the clock is wrong."""
        _check_clock()
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.filename is None or not _is_own(os.fsdecode(error.filename)):
                raise
            words = f"{os.fsdecode(error.filename)} could not be read or written: {error.strerror}"
            raise click.UsageError(words) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module, verb = VERBS[name].split(":")
        command = getattr(import_module(f"utils.cli.{module}"), verb)
        for more in MORE.get(name, ()):
            for one in import_module(f"utils.cli.{more}").VERBS:
                command.add_command(one)
        return command


def _check_clock() -> None:
    """COURSE_NOW stops the clock, for tests."""
    if stopped := os.environ.get("COURSE_NOW"):
        try:
            datetime.fromisoformat(stopped)
        except ValueError:
            raise click.UsageError(
                f"COURSE_NOW is {stopped!r}, which is not an ISO 8601 time, as in 2026-12-01T09:00"
            ) from None


def _is_own(name: str) -> bool:
    """Does a file lie in the course's folder?"""
    from utils.grading.progress import root

    return Path(os.path.abspath(name)).is_relative_to(os.path.abspath(root()))


def _version(ctx: click.Context, option: click.Option, wanted: bool) -> None:
    if wanted:
        from utils.workplace import pins

        click.echo(f"course, version {pins.installed('vision-interview-course') or '(not installed)'}")
        ctx.exit()


@click.group(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def main() -> None:
    """Interview questions as notebooks that grade themselves."""
