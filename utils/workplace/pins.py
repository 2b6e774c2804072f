"""The versions that are tested, one of each package, and what is installed of them."""

import re
from importlib import metadata
from pathlib import Path

from utils.editions import AROUND

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def path() -> Path | None:
    """constraints.txt, of the checkout or of the installed package."""
    place = AROUND / "constraints.txt"
    return place if place.is_file() else None


def pins() -> dict[str, str]:
    """Package → version; empty where there is no list."""
    file = path()
    return {name.lower(): version for name, version in _PIN.findall(file.read_text())} if file else {}


def pin(name: str) -> str | None:
    """The tested version of one package."""
    return pins().get(name)


def installed(name: str) -> str | None:
    """The version that is installed, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
