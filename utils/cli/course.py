"""`course`: the learner's verbs, and the author's under `course dev`. A verb's module is imported when it is called."""

from importlib import import_module

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
