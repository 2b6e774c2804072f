"""`course dev evidence`: run a question's text as a script, so that its `evidence(…)` calls measure and record."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

NAMED = re.compile(r"""\bevidence\(\s*["'](\w+)["']""")


def names(path: Path) -> list[str]:
    """What a text has recorded, by name."""
    return NAMED.findall(path.read_text(encoding="utf-8"))


def repeat(root: Path, mode: str, slugs: Collection[str] | None = None) -> Iterator[tuple[str, float, bool]]:
    """(stem, seconds, whether it went well) of each question that has recorded evidence, as its script ends.

    mode: "renew" measures what is missing or stale, "record" everything, "check" measures everything and compares.
    """
    for path in sorted((root / "solutions").glob("*.py")):
        if names(path) and (slugs is None or path.stem[3:] in slugs):
            start = time.monotonic()
            done = subprocess.run([sys.executable, path.name], cwd=path.parent, env=_environment(path.stem, mode))
            yield path.stem, time.monotonic() - start, done.returncode == 0


def _environment(stem: str, mode: str) -> dict[str, str]:
    """Verdicts are lenient while figures are new, and strict when nothing may differ."""
    more = {"COURSE_EVIDENCE": mode, "COURSE_QUESTION": stem, "COURSE_PROGRESS": "off", "MPLBACKEND": "agg"}
    threads = {"OMP_NUM_THREADS": "1", "COURSE_STRICT": "1" if mode == "check" else "0"}
    return os.environ | more | threads


def stray(root: Path) -> list[Path]:
    """Recorded files that no text names."""
    named = {name for path in (root / "solutions").glob("*.py") for name in names(path)}
    return [path for path in sorted((root / "utils" / "recorded").glob("*")) if path.stem not in named]
