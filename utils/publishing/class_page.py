"""What the teacher's page shows: the commands of `course class` on the made-up class, with what they really printed.

`course dev class` makes the class, grades it, runs every command and writes `book/class/`: `verdicts.csv`, from which
all but the grading can be derived again, and the outputs. A test derives them again and grades a sample.
"""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from utils.classroom import cohort, cohort_report, example, results
from utils.classroom.results import Result
from utils.classroom.writing import as_csv, write

FOLDER, VERDICTS = Path("book") / "class", "verdicts.csv"
SHOWN = "s003"  # whose page of feedback the book shows
OUT = "class/out"
GRADE = "class grade class/submissions --out class/out --workers 2"
MARKING = f"--roster class/roster.csv --points 15=2 --deadline {example.DEADLINE} --late-days 1 --penalty 0.2"
COMMANDS = {
    "gradebook": f"class gradebook {OUT} {MARKING}",
    "canvas": f"class gradebook {OUT} --roster class/roster.csv --format canvas",
    "feedback": f"class feedback {OUT} {MARKING}",
    "report": f"class report {OUT}",
    "similar": "class similar class/submissions",
    "export": f"class export {OUT} --roster class/roster.csv --format gradescope",
}  # fmt: skip
_COLUMNS = ("file", "exercise", "status", "mistake", "passed", "total", "message")
_FILES = {"gradebook": "gradebook.csv", "canvas": "gradebook.csv", "report": "report.html"}
WIDTH = 80  # characters of a command that stands in one line
LINES = 6  # of a CSV that the page shows


def record(root: Path, grading: bool = True) -> list[Path]:
    """Everything anew; gives the paths written. Without `grading`, from the verdicts that are recorded."""
    with tempfile.TemporaryDirectory() as name:
        folder, files = Path(name), {}
        if grading:
            example.make(folder / "class")
            files["grade.txt"] = _shown(GRADE, _run(root, folder, GRADE))
            files[VERDICTS] = as_verdicts(results.read(folder / OUT / "results.jsonl"))
        else:
            ledger(folder, (root / FOLDER / VERDICTS).read_text(encoding="utf-8"))
        files |= outputs(root, folder)
    return [write(root / FOLDER / name, text) for name, text in files.items()]


def outputs(root: Path, folder: Path) -> dict[str, str]:
    """File of book/class → its text: what the commands print and write in a folder that holds the graded class."""
    files = {}
    for name, command in COMMANDS.items():
        files[f"{name}.txt"] = _shown(command, _run(root, folder, command))
        if name in _FILES:
            text = (folder / OUT / _FILES[name]).read_text(encoding="utf-8")
            files[f"{name}{Path(_FILES[name]).suffix}"] = text if name == "report" else _first(text)
    files["feedback.html"] = (folder / OUT / "feedback" / f"{SHOWN}.html").read_text(encoding="utf-8")
    one = json.loads((folder / OUT / "gradescope" / SHOWN / "results.json").read_text(encoding="utf-8"))
    files["gradescope.json"] = json.dumps(one["tests"][1], ensure_ascii=False, indent=1) + "\n"
    return files


def _run(root: Path, folder: Path, command: str) -> str:
    env = os.environ | {"PYTHONPATH": str(root), "COURSE_PROGRESS": "off"}
    done = subprocess.run(
        [sys.executable, "-m", "utils.cli", *command.split()], cwd=folder, env=env, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"course {command}: {done.stderr or done.stdout}")
    return done.stdout


def _shown(command: str, printed: str) -> str:
    line = f"$ course {command}"
    if len(line) > WIDTH:
        line = line.replace(" --", " \\\n    --")
    return f"{line}\n{printed}"


def _first(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:LINES] + ["…"] * (len(lines) > LINES)) + "\n"


# ---- the verdicts, small enough to be kept ------------------------------------------------------------------------


def as_verdicts(rows: list[Result]) -> str:
    """What cannot be derived without grading: one line an exercise; messages of the student who is shown alone."""
    table = sorted(
        (row.file, row.exercise or "", row.status, row.mistake or "", row.passed, row.total,
         row.message if row.student == SHOWN or not row.exercise else "")
        for row in rows
    )  # fmt: skip
    return as_csv([_COLUMNS, *table]).replace("\r\n", "\n")


def rows_of(text: str) -> list[Result]:
    """The ledger's rows again: times and digests are those of the made-up class."""
    made = {f"{who}/{file}": (who, code, time) for who, file, code, time in example.hand_ins()}
    return [_row(line, *made[line["file"]]) for line in csv.DictReader(io.StringIO(text))]


def _row(line: dict[str, str], who: str, code: str, time: object) -> Result:
    digest = hashlib.sha256(code.encode()).hexdigest()[:16]
    return Result(
        who, line["file"], line["exercise"] or None, line["status"], line["mistake"] or None, line["message"], None,
        int(line["passed"]), int(line["total"]), 0.0, digest, "recorded", time.isoformat(timespec="seconds"),
    )  # fmt: skip


def ledger(folder: Path, text: str) -> None:
    """The graded class in a folder, from the recorded verdicts: submissions, roster, out/results.jsonl."""
    example.make(folder / "class")
    rows = (json.dumps(vars(row), ensure_ascii=False) for row in rows_of(text))
    write(folder / OUT / "results.jsonl", "".join(f"\n{row}" for row in rows))


# ---- the page -----------------------------------------------------------------------------------------------------


def blocks(root: Path) -> dict[str, object]:
    """What stands where the teacher's page says `<!-- course: class_NAME -->`."""
    folder = root / FOLDER
    names = ("grade", *COMMANDS)
    shown = {f"class_{name}": lambda name=name: _fenced(folder / f"{name}.txt", "text") for name in names}
    for name in ("gradebook", "canvas"):
        shown[f"class_{name}_csv"] = lambda name=name: _fenced(folder / f"{name}.csv", "text")
    return shown | {
        "class_gradescope": lambda: _fenced(folder / "gradescope.json", "json"),
        "class_charts": lambda: charts((folder / VERDICTS).read_text(encoding="utf-8")),
    }  # fmt: skip


def _fenced(path: Path, language: str) -> str:
    return f"```{language}\n{path.read_text(encoding='utf-8').strip()}\n```"


def charts(verdicts: str) -> str:
    """The report's drawings in the book: by exercise, mistakes, and over time, in the theme's colours."""
    parts = cohort_report.sections(cohort.cohort(rows_of(verdicts)), cohort.Counts())
    shown = parts[: parts.index(cohort_report.WHERE_STUCK)]
    drawn = "".join(map(_without_blank_lines, shown)).replace("<h2>", "<p><b>").replace("</h2>", "</b></p>")
    return f'<div class="course-class">{drawn}</div>\n'


def _without_blank_lines(text: str) -> str:
    """Markdown ends raw HTML at a blank line."""
    return "".join(line.strip() for line in text.split("\n"))


def pages(root: Path) -> Iterator[tuple[str, str]]:
    """(name, HTML) of the pages that the site shows as they are."""
    for name in ("report.html", "feedback.html"):
        yield name, (root / FOLDER / name).read_text(encoding="utf-8")
