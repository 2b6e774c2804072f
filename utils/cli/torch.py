"""`course torch`: the pinned build of torch, for the questions that need it."""

import importlib.util
import json
import os
import subprocess
import sys

import click

from utils.workplace import pins

HELP = "https://pytorch.org/get-started/locally/"
SMALL = "The CPU build: about 200 MB to download, 0.8 GB on the disk."
LARGE = (
    "pip finds only the build for NVIDIA graphics cards: about 3 GB to download, 5 GB on the disk. The course needs "
    f"the CPU build alone, 0.8 GB on the disk: on {HELP} choose CPU, and give the address after --index-url to this "
    "command: COURSE_TORCH_INDEX=https://… course torch"
)


@click.command("torch")
@click.option("--yes", is_flag=True, help="Do not ask, however large the build is.")
def torch_(yes: bool) -> None:
    """Install the pinned build of torch, which some questions need; says how large it is before it starts.

    \b
    course torch
    COURSE_TORCH_INDEX=https://…/cpu course torch    where pip finds the CPU build
    """
    present, wanted = pins.installed("torch"), pins.pin("torch")
    if present and wanted in (None, present.split("+")[0]):
        click.echo(f"torch {present} is installed.")
        return
    requirement = f"torch=={wanted}" if wanted else "torch"
    _bring_pip()
    large = _cuda(requirement)
    click.echo(LARGE if large else SMALL)
    if large and not yes and not (sys.stdin.isatty() and click.confirm("Install the large build?", default=False)):
        raise click.ClickException("nothing was installed; --yes takes the large build.")
    done = subprocess.run(_pip(requirement))
    if done.returncode:
        raise click.ClickException(f"pip did not finish (its words are above); {HELP} has other ways.")
    click.echo("torch is installed. Restart the kernel of an open notebook (Kernel, Restart).")


def _bring_pip() -> None:
    """An environment that uv made has none; Python carries one."""
    if importlib.util.find_spec("pip") is None:
        done = subprocess.run([sys.executable, "-m", "ensurepip"])
        if done.returncode:
            raise click.ClickException(f"this environment has no pip: uv pip install --python {sys.executable} torch")


def _pip(requirement: str, *more: str) -> list[str]:
    index = os.environ.get("COURSE_TORCH_INDEX")
    constraints = pins.path()
    return [
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *more),
        *(["--extra-index-url", index] if index else []),
        *(["-c", str(constraints)] if constraints else []),
        requirement,
    ]


def _cuda(requirement: str) -> bool:
    """Would pip bring NVIDIA's libraries along? Only looked up, nothing is installed."""
    command = _pip(requirement, "--quiet", "--dry-run", "--report", "-")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise click.ClickException(f"pip finds no {requirement} for this Python; {HELP} says which it is built for.")
    names = [item["metadata"]["name"].lower() for item in json.loads(done.stdout)["install"]]
    return any(name.startswith(("nvidia", "cuda")) for name in names)
