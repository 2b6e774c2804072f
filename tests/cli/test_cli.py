"""The `course` command as a learner types it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEM = "15_batchnorm_forward"
RIGHT = (ROOT / "solutions" / f"{STEM}.py").read_text(encoding="utf-8")
WRONG = RIGHT.replace("(xmu**2).mean(axis=0)", "(xmu**2).sum(axis=0) / (len(x) - 1)")


@pytest.fixture
def home(tmp_path):
    """A course's root with the blanks of one question and an empty work/."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "work").mkdir()
    for suffix in (".py", ".ipynb"):
        shutil.copy(ROOT / "notebooks" / f"{STEM}{suffix}", tmp_path / "notebooks")
    return tmp_path


def course(home, *words, progress="on", **env):
    """Run the command with its home elsewhere."""
    command = [sys.executable, "-m", "utils.cli", *map(str, words)]
    env = os.environ | {"COURSE_HOME": str(home), "COURSE_PROGRESS": progress} | env
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, stdin=subprocess.DEVNULL)


def test_check_says_right_and_exits_0(home):
    """Nothing wrong: exit code 0."""
    (home / "answer.py").write_text(RIGHT)
    done = course(home, "check", home / "answer.py")

    assert 0 == done.returncode
    assert "✓ batchnorm_forward · right" in done.stdout
    assert "\033" not in done.stdout, "colours belong on a terminal only"


def test_all_solutions_are_right_and_all_blanks_not_attempted():
    """Every notebook of the course, solved and blank, graded in one command each."""
    for folder, status in (("solutions", "right"), ("notebooks", "not attempted")):
        files = sorted((ROOT / folder).glob("*.ipynb"))
        rows = json.loads(course(ROOT, "check", *files, "--json", progress="off").stdout)

        assert {status} == {row["status"] for row in rows}
        assert len(rows) >= len(files)


def test_check_names_the_mistake_and_exits_1(home):
    """Something wrong: exit code 1, and the verdict names it."""
    (home / "answer.py").write_text(WRONG)
    done = course(home, "check", home / "answer.py")

    assert 1 == done.returncode
    assert "unbiased variance (ddof=1)" in done.stdout


def test_json_has_the_contracts_keys(home):
    """--json prints a list of records with the contract's keys, and nothing else."""
    (home / "answer.py").write_text(WRONG)
    (home / "empty.py").write_text("")
    rows = json.loads(course(home, "check", home / "answer.py", home / "empty.py", "--json", "--jobs", 1).stdout)

    assert [{"file", "exercise", "status", "passed", "total", "mistake", "line", "message"}] * 3 == [
        set(row) for row in rows
    ]
    assert ["wrong", "right", "error"] == [row["status"] for row in rows]
    assert [str(home / "answer.py")] * 2 + [str(home / "empty.py")] == [row["file"] for row in rows]
    assert rows[2]["exercise"] is None


def test_json_order_does_not_depend_on_jobs(home):
    """Rows come in the order of the files, however many are graded at once."""
    files = []
    for i in range(6):
        files.append(home / f"a{i}.py")
        files[-1].write_text(RIGHT if i % 2 else WRONG)
    one, two = (course(home, "check", *files, "--json", "--jobs", jobs).stdout for jobs in (1, 2))

    assert one == two


@pytest.mark.parametrize(
    "words",
    [["check"], ["check", "no_such_file.py"], ["check", "--jobs", "0", __file__], ["check", "--timeout", "0", __file__],
     ["grade", "99"], ["grade", "fifteen"], ["hint", "no_such_exercise"], ["reset"], ["reset", "99"], ["nonsense"],
     ["dev", "new", "Bad Name"], ["dev", "new", "99_nms"], ["dev", "record", "99"]],
)  # fmt: skip
def test_bad_usage_exits_2_and_says_why(home, words):
    """Bad usage: exit code 2 and one sentence, no traceback."""
    done = course(home, *words)

    assert 2 == done.returncode
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr


def test_grade_reads_work_and_notes_attempts(home):
    """`course grade` grades work/, notes the attempts, and `course status` shows them."""
    (home / "work" / f"{STEM}.py").write_text(RIGHT)
    done = course(home, "grade", "15")

    assert 0 == done.returncode
    assert "2 right" in done.stdout
    assert "●●" in course(home, "status").stdout


def test_grade_takes_notebooks_where_there_is_no_work(home):
    """Before `course learn`, the blanks are graded: all not attempted, which is no failure."""
    (home / "work").rmdir()
    done = course(home, "grade", "15", "--json")

    assert 0 == done.returncode
    assert {"not attempted"} == {row["status"] for row in json.loads(done.stdout)}


def test_grade_tells_of_attempts_that_were_lost(home):
    """Where the log cannot be written the verdicts stand, and the learner is told what was not noted."""
    (home / "work" / f"{STEM}.py").write_text(RIGHT)
    (home / "progress.jsonl").mkdir()
    done = course(home, "grade", "15")

    assert 0 == done.returncode
    assert "Not noted in progress.jsonl" in done.stderr
    assert "batchnorm2d_forward" in done.stderr


def test_grade_says_when_a_script_has_other_answers(home):
    """Of two different answers the newer is graded, and the standard error stream tells of the other."""
    for suffix in (".py", ".ipynb"):
        shutil.copy(ROOT / "solutions" / f"{STEM}{suffix}", home / "work")
    (home / "work" / f"{STEM}.py").write_text(WRONG)
    os.utime(home / "work" / f"{STEM}.py", (1, 1))
    done = course(home, "grade", "15")

    assert 0 == done.returncode
    assert f"{STEM}.py beside it has other answers" in done.stderr


def test_grade_misses_a_deleted_exercise(home):
    """An exercise that the learner's file no longer defines has a row all the same."""
    (home / "work" / f"{STEM}.py").write_text(RIGHT.replace("def batchnorm2d_forward", "def renamed"))
    rows = json.loads(course(home, "grade", "15", "--json").stdout)

    assert {"batchnorm_forward": "right", "batchnorm2d_forward": "not attempted"} == {
        r["exercise"]: r["status"] for r in rows
    }


def test_reset_backs_up_first(home):
    """`course reset` restores the blank and keeps a dated copy of what was there."""
    (home / "work" / f"{STEM}.py").write_text("mine")
    done = course(home, "reset", "15")
    (backup,) = (home / "backups").glob(f"{STEM}_*/{STEM}.py")

    assert 0 == done.returncode
    assert "mine" == backup.read_text()
    assert [f"{STEM}.ipynb"] == [path.name for path in (home / "work").iterdir()]
    assert str(backup.parent.relative_to(home)) in done.stdout


def test_learn_copies_what_is_missing_and_touches_nothing_else(home):
    """`course learn` fills work/, says where a script with answers went, then starts JupyterLab with the arguments."""
    (home / "work" / f"{STEM}.py").write_text(RIGHT)
    code = (
        "import os, sys\nfrom utils.cli import learner, main\n"
        "learner.os.execve = lambda name, command, env: print(*command[1:])\n"
        "sys.argv = ['course', 'learn', '--no-browser', '--port=9']\nmain()"
    )
    env = os.environ | {"COURSE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=ROOT)

    laid = {f"{STEM}.ipynb", "00_start_here.ipynb", ".jupyterlab"}
    assert laid == {path.name for path in (home / "work").iterdir()}
    assert f"{STEM}.ipynb was made from your {STEM}.py; the script is in backups/{STEM}_" in done.stdout
    assert str(home / "work") in done.stdout
    assert done.stdout.endswith("--no-browser --port=9\n")


def test_hint_walks_down_or_shows_all(home):
    """`course hint` gives the first hint; --all gives the ladder."""
    first, everything = course(home, "hint", "batchnorm_forward"), course(home, "hint", "batchnorm_forward", "--all")

    assert "Hint 1 of" in first.stdout
    assert "Hint 2 of" not in first.stdout
    assert first.stdout.split("\n\n`course hint")[0] in everything.stdout
    assert "Hint 3 of 3" in everything.stdout


@pytest.mark.parametrize(
    "words", [[], ["check"], ["grade"], ["learn"], ["status"], ["hint"], ["reset"], ["dev"], ["dev", "verify"]]
)
def test_every_verb_has_help(home, words):
    """--help works everywhere and says what the verb is for."""
    done = course(home, *words, "--help")

    assert 0 == done.returncode
    assert "Usage:" in done.stdout


def test_a_new_question_from_templates_proves_itself(tmp_path):
    """`course dev new` writes two sources that record, build and verify unchanged; a failing cell is told in words."""
    tree = tmp_path / "course"
    keep = shutil.ignore_patterns(".*", "work", "backups", "tests", "*.ipynb", "__pycache__", "*.npz", "recorded")
    shutil.copytree(ROOT, tree, ignore=keep)
    for folder, pattern in (
        ("solutions", "*"),
        ("notebooks", "*"),
        ("utils/exercises", "[!_]*"),
        ("utils/recorded", "*"),
    ):
        for path in (tree / folder).glob(pattern):
            path.unlink() if path.is_file() else shutil.rmtree(path)
    (tree / "utils" / "references").mkdir(exist_ok=True)
    env = os.environ | {"PYTHONPATH": str(tree), "COURSE_HOME": str(tree)}

    def dev(*words):
        command = [sys.executable, "-m", "utils.cli", "dev", *words]
        return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)

    assert 0 == dev("new", "35_doubling").returncode
    done = dev("build")
    assert (1, True) == (done.returncode, "first `course dev record doubling`" in done.stderr), done.stderr
    for words in ("record", "build", "verify"):
        done = dev(words)
        assert 0 == done.returncode, done.stdout + done.stderr
    assert "1 question, 0 problems" in done.stdout

    text = tree / "solutions" / "35_doubling.py"
    text.write_text(
        text.read_text(encoding="utf-8").replace('expect="holds"', 'expect="does not hold"'), encoding="utf-8"
    )
    done = dev("build")
    assert 1 == done.returncode
    assert "35_doubling.py stopped." in done.stderr
    assert "utils/cli/dev.py" not in done.stderr
    assert "\x1b[" not in done.stderr
