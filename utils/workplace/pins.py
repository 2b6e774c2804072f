"""The versions that are tested, one of each package, and what is installed of them."""

import re
from importlib import metadata
from pathlib import Path

from utils.grading.progress import root

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def path() -> Path | None:
    """constraints.txt, of the checkout or of the installed package."""
    package = Path(__file__).parents[1]
    places = (package.parent / "constraints.txt", package / "carried" / "constraints.txt", root() / "constraints.txt")
    return next((place for place in places if place.is_file()), None)


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
