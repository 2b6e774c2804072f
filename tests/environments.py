"""Other graders, each in a virtual environment of its own under build/peers, made at the first use."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def executables(name: str) -> Path:
    """The folder of executables of the environment with that grader; CalledProcessError where pip cannot make it."""
    folder = ROOT / "build" / "peers" / name
    if not (folder / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "-q", name, "numpy", "ipykernel"]
        subprocess.run(install, check=True, capture_output=True)
        (folder / ".ready").touch()
    return folder / "bin"
