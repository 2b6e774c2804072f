"""Nothing topples the grader: no file costs another's result, nothing is right by accident or wrong by accident."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from utils.authoring import proof
from utils.grading import catalogue, judge, reference, report, run
from utils.sandbox.batch import grade_files
from utils.sandbox.ledger import Ledger
from utils.sandbox.worker import Worker

ROOT = Path(__file__).parents[2]
RIGHT = """
import numpy as np
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
"""
CALL = "(x, gamma, beta, eps=1e-5)"


def write(folder, name, text):
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def statuses(*paths, **options):
    """Status by exercise of the files' rows."""
    options = {"timeout": 5.0} | options
    return [row.report.status for row in grade_files(list(paths), **options)]


def course(*words, **more):
    command = [sys.executable, "-m", "utils.cli", *map(str, words)]
    env = os.environ | {"COURSE_PROGRESS": "off"} | more.pop("env", {})
    return subprocess.run(command, capture_output=True, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, **more)


# ---- one file never costs another's result ------------------------------------------------------------------------


@pytest.fixture
def zoo(tmp_path):
    """A folder of things that are no answers, and the innocent file that comes last."""
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    (tmp_path / "full.ipynb").symlink_to("/dev/full")
    for number, head in enumerate(("utf-16", "undefined", "punycode", "idna", "latin-1", "no-such")):
        (tmp_path / f"coding{number}.py").write_bytes(f"# -*- coding: {head} -*-\nx = 'é'\n".encode())
    (tmp_path / "nul.py").write_bytes(b"x = 1\0")
    (tmp_path / "line\nbreak.py").write_text("x = 1")
    (tmp_path / "-x.py").write_text("x = 1")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xce\xd2\xb5\xc4.py")).write_text("x = 1")  # a GBK name
    (tmp_path / "broken.ipynb").write_text('{"cells": [')
    (tmp_path / "sheets.ipynb").write_text('{"worksheets": 3}')
    (tmp_path / "right.py").write_text(RIGHT)
    return tmp_path


def test_whatever_lies_in_a_folder_is_a_row(zoo):
    """Folders, pipes, devices, links, odd names and odd encodings: each has a row, and the innocent file is right."""
    files = sorted(zoo.iterdir())
    rows = grade_files(files, jobs=2, timeout=5.0)

    assert len(files) == len({row.file for row in rows})
    assert {"right.py": "right"} == {Path(r.file).name: r.report.status for r in rows if r.report.status == "right"}
    assert {"right", "error"} == {row.report.status for row in rows}
    for row in rows:
        json.dumps(row.to_json(), ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX", "de_DE.ISO-8859-1"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_any_name_prints_in_any_locale(zoo, locale, form):
    """Names and messages of any bytes reach a terminal and a pipe; --json is UTF-8 and complete."""
    files = [path for path in sorted(zoo.iterdir()) if not path.name.startswith("-")]
    done = course("check", "--timeout", 5, *form, *files, env={"LC_ALL": locale, "PYTHONUTF8": "0"})

    assert 1 == done.returncode, done.stderr
    assert b"Traceback" not in done.stderr
    if form:
        assert len(files) == len({row["file"] for row in json.loads(done.stdout.decode("utf-8", "replace"))})


def test_no_escape_code_of_a_file_reaches_the_terminal(tmp_path):
    """A file can draw neither a green tick nor anything else: not by its line, its exception's name, or its words."""
    path = write(
        tmp_path,
        "drawn\033[2Jname.py",
        f"""
        Evil = type("\\033[32mEvil", (Exception,), {{}})
        def batchnorm_forward{CALL}:
            raise Evil("\\033[2J words")  # \033[32m line
        """,
    )
    for form in ([], ["--json"]):
        assert b"\033" not in course("check", *form, path).stdout


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-3", "soon"])
def test_a_time_limit_is_a_positive_number(tmp_path, value):
    """--timeout refuses what is none: exit code 2."""
    assert 2 == course("check", "--timeout", value, write(tmp_path, "a.py", RIGHT)).returncode


def test_an_exercise_that_a_file_lacks_has_a_row(tmp_path):
    """Where the file's name tells the question, what is missing is "not attempted"."""
    rows = grade_files([write(tmp_path, "15_batchnorm_forward.py", RIGHT)])

    expected = {"batchnorm_forward": "right", "batchnorm2d_forward": "not attempted"}
    assert expected == {row.report.exercise: row.report.status for row in rows}


# ---- taking apart -------------------------------------------------------------------------------------------------

HEAVY = {
    "blank lines and an open bracket": "\n" * 3000 + "x = (\n",
    "statements": "\n".join(f"x{i} = {i}" for i in range(10_000)),
    "shell lines": "!ls\n" * 2000,
    "magics": "%matplotlib inline\n" * 200,
    "a line of blanks": " " * 80_000 + "\n" + "y" + " " * 80_000 + "= %time\n",
    "a chain of helpers": "\n".join(f"def f{i}(): return f{i + 1}()" for i in range(3000)),
    "functions with effects": "\n".join(f"def g{i}():\n    global y{i}\n    y{i} = 1\ng{i}()" for i in range(1500)),
}


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY)
def test_heavy_files_are_taken_apart_within_a_small_limit(text):
    """What once took minutes ends within two seconds of processor time, or is the file's own time-out."""
    with Worker(timeout=2.0) as worker:
        found = worker.take_apart(f"{RIGHT}\n{text}\n".encode(), ".py", ["batchnorm_forward"])

    assert found.get("status") != report.TIMEOUT
    assert "batchnorm_forward" in found["parts"]


def test_a_notebook_of_five_thousand_cells_is_taken_apart():
    """Cells are no more expensive than statements."""
    cells = [{"cell_type": "code", "source": f"a{i} = {i}"} for i in range(5000)] + [
        {"cell_type": "code", "source": RIGHT}
    ]
    with Worker(timeout=2.0) as worker:
        found = worker.take_apart(json.dumps({"cells": cells}).encode(), ".ipynb", ["batchnorm_forward"])

    assert "source" in found["parts"]["batchnorm_forward"]


def test_a_file_that_never_ends_to_be_parsed_is_its_own_row(tmp_path, monkeypatch):
    """Taking apart has the limits of a run: the file that is too large for them costs nobody else anything."""
    monkeypatch.setattr("utils.sandbox.file.MOST", 1000)
    large, right = write(tmp_path, "a.py", RIGHT + "# " + "x" * 2000), write(tmp_path, "b.py", RIGHT)

    assert ["error", "right"] == statuses(large, right)


# ---- no right by accident -----------------------------------------------------------------------------------------

BORROWED = {
    "the catalogue's accepted answer": """
        from utils.grading import catalogue
        batchnorm_forward = catalogue.exercise("batchnorm_forward").accepts[0]
        """,
    "the exercises' module": """
        from utils.exercises.batchnorm_forward import QUESTION
        batchnorm_forward = QUESTION.exercises[0].accepts[0]
        """,
    "found by the garbage collector": f"""
        import gc
        def batchnorm_forward{CALL}:
            found = [o for o in gc.get_objects() if type(o).__name__ in ("Exercise", "Mistake") and o.name.startswith("batch")]
            answers = [f for o in found for f in getattr(o, "accepts", ())]
            return answers[0](x, gamma, beta, eps)
        """,
    "the module's file read": f"""
        import os
        def batchnorm_forward{CALL}:
            import utils
            folder = os.open(os.path.dirname(utils.__file__), os.O_RDONLY)
            text = os.read(os.open("exercises/batchnorm_forward.py", os.O_RDONLY, dir_fd=folder), 10**6)
            scope = {{}}
            exec(text, scope)
            return scope["QUESTION"].exercises[0].accepts[0](x, gamma, beta, eps)
        """,
    "the references through a folder": f"""
        import os, io, numpy as np
        def batchnorm_forward{CALL}:
            import utils
            folder = os.open(os.path.dirname(utils.__file__), os.O_RDONLY)
            data = os.read(os.open("references/batchnorm_forward.npz", os.O_RDONLY, dir_fd=folder), 10**7)
            held = np.load(io.BytesIO(data))
            return next(held[k] for k in held.files if k.endswith("out/out") and held[k].shape == x.shape), None
        """,
    "kept by the arguments' shapes": f"""
        import numpy as np
        kept = {{}}
        def batchnorm_forward{CALL}:
            key = (x.shape, eps)
            if key not in kept:
                kept[key] = gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta
            return kept[key], None
        """,
}


@pytest.mark.parametrize("text", BORROWED.values(), ids=BORROWED)
def test_borrowed_and_kept_answers_are_not_right(tmp_path, text):
    """The child holds no answers, in numbers or in code; an answer must come from the arguments."""
    assert statuses(write(tmp_path, "a.py", text), write(tmp_path, "b.py", RIGHT))[-1] == "right"
    assert "right" not in statuses(tmp_path / "a.py")


@pytest.mark.parametrize("name", catalogue.exercise_names())
def test_no_answer_is_in_a_runner(name):
    """What a child gets of an exercise runs cases and reaches nothing that answers it."""
    from utils.sandbox.runner import runner

    bare = runner(name)

    assert ((), (), ()) == (bare.cases, bare.mistakes, bare.accepts)
    assert not [module for module in sys.modules if module.startswith("utils.exercises.")]


@pytest.mark.parametrize("name", ["BasicBlock", "LeNet5"])
def test_the_course_s_own_class_is_no_answer(tmp_path, name):
    """Neither imported, nor under another name, nor as a base class; and it does not hide one's own."""
    imported = write(tmp_path, "a.py", f"from utils.models import {name}\n")
    derived = write(tmp_path, "b.py", f"from utils import models\nclass {name}(models.{name}):\n    pass\n")
    own = (ROOT / "solutions").glob(f"??_{catalogue.slug_of(name)}.py")
    hidden = write(tmp_path, "c.py", next(own).read_text() + f"\n\nfrom utils.models import {name}\n")
    rows = {
        (Path(r.file).name, r.report.exercise): r.report for r in grade_files([imported, derived, hidden], timeout=30.0)
    }

    assert ["error", "error", "right"] == [rows[file, name].status for file in ("a.py", "b.py", "c.py")]
    assert "write your own" in rows["a.py", name].message


def test_check_refuses_the_course_s_own_class():
    """In a kernel too: the import is not taken for the learner's work."""
    from utils.models import BasicBlock

    with pytest.raises(ValueError, match=r"comes from utils\.models"):
        judge.check(BasicBlock)


# ---- no wrong by accident -----------------------------------------------------------------------------------------

FAIR = {
    "display": f"def batchnorm_forward{CALL}:\n    display(x)\n    return helper(x, gamma, beta, eps)\n",
    "globals": f"def batchnorm_forward{CALL}:\n    return globals()['helper'](x, gamma, beta, eps)\n",
    "eval": f"def batchnorm_forward{CALL}:\n    return eval('helper(x, gamma, beta, eps)')\n",
    "__file__": f"import os\nhere = os.path.basename(__file__)\ndef batchnorm_forward{CALL}:\n    return helper(x, gamma, beta, eps)\n",
    "a module beside": f"import beside_me\ndef batchnorm_forward{CALL}:\n    return beside_me.helper(x, gamma, beta, eps)\n",
    "importlib": f"import importlib\ndef batchnorm_forward{CALL}:\n    importlib.import_module('torch')\n    return helper(x, gamma, beta, eps)\n",
}


@pytest.mark.parametrize("text", FAIR.values(), ids=FAIR)
def test_what_is_right_in_a_notebook_is_right_here(tmp_path, text):
    """display, a helper by its name, __file__, a module beside the file, torch by another way: no error."""
    helper = RIGHT.replace("batchnorm_forward", "helper")
    write(tmp_path, "beside_me.py", helper)

    assert ["right"] == statuses(write(tmp_path, "a.py", helper + text), timeout=20.0)


def test_a_written_module_can_be_imported(tmp_path):
    """%%writefile and an import of what it wrote."""
    sources = ["%%writefile mine.py\n" + RIGHT.replace("batchnorm_forward", "helper"),
               f"import mine\ndef batchnorm_forward{CALL}:\n    return mine.helper(x, gamma, beta, eps)\n"]  # fmt: skip
    cells = [{"cell_type": "code", "source": source} for source in sources]
    path = write(tmp_path, "a.ipynb", json.dumps({"cells": cells}))

    assert ["right"] == statuses(path)


def test_a_kernel_s_settings_change_no_verdict():
    """No gradients, another default dtype, other print and error settings: right stays right, and no mistake is named."""
    import numpy as np
    import torch

    exercise, slug = catalogue.exercise("BasicBlock"), catalogue.slug_of("BasicBlock")
    solved = proof.solved(exercise, next((ROOT / "solutions").glob(f"??_{slug}.py")))
    refs = reference.load(slug)["BasicBlock"]
    old = np.geterr(), torch.get_default_dtype()
    try:
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        np.seterr(all="raise")
        verdict = judge.judge(exercise, run.outcomes(solved, exercise, [ref.inputs for ref in refs]), refs)
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(old[1])
        np.seterr(**old[0])

    assert report.RIGHT == verdict.status, verdict.message


def test_processor_time_decides_not_the_clock(tmp_path):
    """A right answer that waits for longer than the limit is right; one that computes for as long is stopped."""
    waits = write(tmp_path, "a.py", RIGHT.replace("    return", "    import time; time.sleep(0.15)\n    return"))
    spins = write(tmp_path, "b.py", f"def batchnorm_forward{CALL}:\n    while True: pass\n")

    assert ["right"] == statuses(waits, timeout=1.0)
    assert ["timeout"] == statuses(spins, timeout=1.0)


def test_who_ran_into_a_limit_is_tried_again_alone(tmp_path, monkeypatch):
    """The first verdict of a limit or of a dead worker is not the last."""
    first = {"a.py"}
    honest = Worker.grade

    def grade(self, answer):
        if Path(answer.file).name in first:
            first.clear()
            return report.Report(answer.exercise, report.MACHINE)
        return honest(self, answer)

    monkeypatch.setattr(Worker, "grade", grade)

    assert ["right", "right"] == statuses(write(tmp_path, "a.py", RIGHT), write(tmp_path, "b.py", RIGHT))


def test_a_machine_s_fault_twice_has_a_status_of_its_own(tmp_path, monkeypatch):
    """It is never the learner's error."""
    monkeypatch.setattr(Worker, "grade", lambda self, answer: report.Report(answer.exercise, report.MACHINE))

    assert ["machine"] == statuses(write(tmp_path, "a.py", RIGHT))


# ---- rows as they come, and what is left behind -------------------------------------------------------------------


def test_a_second_run_grades_only_what_is_new_or_changed(tmp_path, monkeypatch):
    """Rows of the same bytes and edition stand; a changed file and a torn row are graded anew."""
    files = [write(tmp_path, f"{name}.py", RIGHT) for name in "abc"]
    path = tmp_path / "rows.jsonl"

    def run_once():
        graded = []
        honest = Worker.grade
        monkeypatch.setattr(
            Worker, "grade", lambda self, answer: graded.append(Path(answer.file).name) or honest(self, answer)
        )
        with Ledger(path) as ledger:
            rows = grade_files(files, finished=ledger.finished, on_row=ledger.write)
        monkeypatch.setattr(Worker, "grade", honest)
        return sorted(graded), [row.report.status for row in rows]

    assert (["a.py", "b.py", "c.py"], ["right"] * 3) == run_once()
    assert ([], ["right"] * 3) == run_once()
    files[1].write_text(RIGHT + "# changed\n")
    lines = path.read_text().split("\n")
    torn = next(index for index, line in enumerate(lines) if "c.py" in line)
    path.write_text("\n".join([*lines[:torn], lines[torn][:40], *lines[torn + 1 :]]))

    assert (["b.py", "c.py"], ["right"] * 3) == run_once()
    assert ([], ["right"] * 3) == run_once()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_keeps_its_rows_and_leaves_nothing_behind(tmp_path, how):
    """Finished rows are in the file, all processes end and no scratch folder stays, however the run was stopped."""
    quick = [write(tmp_path, f"a{i}.py", RIGHT) for i in range(3)]
    sleeper = write(tmp_path, "z.py", f"import time\ndef batchnorm_forward{CALL}:\n    time.sleep(500)\n")
    rows, scratch = tmp_path / "rows.jsonl", tmp_path / "tmp"
    scratch.mkdir()
    command = [
        sys.executable,
        "-m",
        "utils.cli",
        "check",
        "--jobs",
        "1",
        "--jsonl",
        str(rows),
        *map(str, [*quick, sleeper]),
    ]
    env = os.environ | {"TMPDIR": str(scratch), "COURSE_PROGRESS": "off"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: rows.exists() and rows.read_text().count('"right"') == 3)
        until(lambda: any(scratch.rglob("child-*")))
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        process.communicate(timeout=30)

    assert 3 == rows.read_text().count('"right"')
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
    until(lambda: not any(scratch.rglob("child-*")))


def until(condition, seconds=30):
    """Wait for what has to come; fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_nested_folders_and_many_files_are_cleared(tmp_path, monkeypatch):
    """A child that nests folders without end costs its worker nothing, and its scratch folder goes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    body = "    for _ in range(5000):\n        os.mkdir('d')\n        os.chdir('d')\n    return right\n"
    nested = write(tmp_path, "a.py", f"import os, numpy as np\ndef batchnorm_forward{CALL}:\n    right = "
                   f"gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None\n{body}")  # fmt: skip

    assert "right" == statuses(nested, write(tmp_path, "b.py", RIGHT), jobs=1)[1]
    assert [] == list(tmp_path.glob("**/child-*"))
