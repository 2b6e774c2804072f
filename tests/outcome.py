"""`make bench ARGS=outcome`: what comes out of a class of 3,000, from its ledger, and how long comparing answers takes."""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from utils.classroom import example
from utils.publishing import class_page

ROOT = Path(__file__).parents[1]
COPIES = 50  # of the made-up class of 60: 3,000 students, 18,000 files, 36,000 rows
VERBS = (
    ["gradebook"],
    ["gradebook", "--format", "canvas"],
    ["feedback"],
    ["report"],
    ["export", "--format", "gradescope"],
)


def rows() -> Iterator[tuple[str, str, str]]:
    """Seconds of processor time of each verb in a process of its own; they do not grade."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _ledger(folder)
        for verb in VERBS:
            spent = _spent(["class", verb[0], str(folder), *verb[1:]])
            yield f"course class {' '.join(verb)}, {size:,} rows", f"{spent:.1f} s of processor time", ""
        for students in (60, 120):
            example.make(folder / str(students), students=students)
            spent = _spent(["class", "similar", str(folder / str(students) / "submissions")])
            yield f"course class similar, {students} students", f"{spent:.1f} s of processor time", ""


def _ledger(folder: Path) -> int:
    """The recorded verdicts of the made-up class, for COPIES classes; gives the number of rows."""
    made = class_page.rows_of((ROOT / class_page.FOLDER / class_page.VERDICTS).read_text(encoding="utf-8"))
    with (folder / "results.jsonl").open("w", encoding="utf-8") as file:
        for number in range(COPIES):
            for row in made:
                mine = replace(
                    row,
                    student=f"{row.student}-{number}",
                    file=f"{number}/{row.file}",
                    message=row.message or "Got: 1.",
                )
                file.write("\n" + json.dumps(asdict(mine)))
    return COPIES * len(made)


def _spent(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "utils.cli", *words], check=True, cwd=ROOT, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
