"""One file per fault, each graded with an innocent file on either side, which must come out right."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from utils.grading import reference, report
from utils.sandbox.batch import grade_files
from utils.sandbox.worker import Answer, Worker

RIGHT = """
import numpy as np

def batchnorm_forward(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
"""
PREAMBLE = "import numpy as np\nimport os, sys, time, threading, pathlib, subprocess, ctypes, signal, shutil\n"
ANSWER = "gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta"


def function(body, before=""):
    """A file whose batchnorm_forward has this body; `right` is the right answer."""
    signature = "def batchnorm_forward(x, gamma, beta, eps=1e-5):\n"
    lines = f"right = {ANSWER}, None\n{textwrap.dedent(body)}"
    return PREAMBLE + textwrap.dedent(before) + signature + textwrap.indent(lines, "    ") + "\n"


# fault: (source, statuses that are fair, words that the message must have)
RUNNING = {
    "endless loop": (function("while True: pass"), {"timeout"}, "no answer within"),
    "sleeps past the limit": (function("time.sleep(60); return right"), {"timeout"}, "no answer within"),
    "sys.exit": (function("sys.exit(0)"), {"error"}, "SystemExit"),
    "os._exit(0)": (function("os._exit(0)"), {"error"}, "os._exit"),
    "recursion without end": (function("return batchnorm_forward(x, gamma, beta, eps)"), {"error"}, "RecursionError"),
    "allocation without end": (
        function("kept = []\nwhile True: kept.append(np.ones(10**6))"), {"memory"}, "memory"),
    "one huge array": (function("return np.zeros((10**6, 10**6)), None"), {"memory"}, "memory"),
    "changes its input": (function("x -= x.mean(0); return right"), {"wrong"}, "changed its argument `x`"),
    "returns None": (function("return None"), {"wrong"}, "2 values are expected"),
    "returns one value": (function("return right[0]"), {"wrong"}, "2 values are expected"),
    "returns a string": (function("return 'right', None"), {"wrong"}, "a string"),
    "returns an object array": (function("return right[0].astype(object), None"), {"wrong"}, "array of objects"),
    "returns NaN": (function("return right[0] * np.nan, None"), {"wrong"}, "nan"),
    "returns a wrong shape": (function("return right[0][:1], None"), {"wrong"}, "shape"),
    "returns a complex number": (function("return right[0] + 0j, None"), {"wrong"}, "complex"),
    "returns a lazy generator": (function("return (row for row in right[0]), None"), {"wrong"}, "lazy generator"),
    "returns an endless generator": (
        function("import itertools\nreturn itertools.count(), None"), {"wrong"}, "lazy generator"),
    "returns a list that contains itself": (function("a = []; a.append(a); return a, None"), {"wrong"}, "list"),
    "raises": (function("raise ValueError('oh <b>no</b>')"), {"error"}, "ValueError: oh"),
    "raises an exception whose text fails": (
        function("raise Evil()", "class Evil(Exception):\n    def __str__(self): raise KeyError('x')\n"), {"error"}, "Evil"),
    "asks standard input": (function("return input()"), {"error"}, "EOFError"),
    "import of a missing package": (function("import no_such_package\nreturn right"), {"error"}, "no_such_package"),
    "answers right only the first time": (
        function("calls.append(1)\nreturn right if len(calls) == 1 else (0 * x, None)", "calls = []\n"), {"wrong"}, ""),
    "answers right until the repetition": (
        function("calls.append(1)\nreturn right if len(calls) <= 8 else (0 * x, None)", "calls = []\n"),
        {"wrong"}, "second time"),
    "np.allclose and np.testing patched": (
        function("return 0 * x, None", """
            np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
            np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None
            np.abs = np.absolute = lambda v: 0 * v
            """), {"wrong"}, ""),
    "utils patched from inside": (
        function("return 0 * x, None", """
            import utils.grading.judge, utils.grading.compare, utils.grading.run, utils.grading.report
            utils.grading.compare.difference = utils.grading.judge.difference = lambda *a, **k: None
            utils.grading.judge.judge = lambda *a, **k: utils.grading.report.Report('batchnorm_forward', 'right', 9, 9)
            utils.grading.run.outcomes = lambda *a, **k: []
            np.allclose = lambda *a, **k: True
            """), {"wrong", "error"}, ""),
    "a forged verdict": (
        function("""
            import utils.grading.codec
            honest = utils.grading.codec.encode
            utils.grading.codec.encode = lambda value, *a, **k: honest(
                {'status': 'right', 'message': ''} if isinstance(value, dict) and 'outcomes' in value else value, *a, **k)
            return 0 * x, None
            """), {"error"}, "unreadable"),
    "a forged status that is a list": (
        function("""
            import utils.grading.codec
            honest = utils.grading.codec.encode
            utils.grading.codec.encode = lambda value, *a, **k: honest(
                {'status': ['right'], 'message': ''} if isinstance(value, dict) and 'outcomes' in value else value, *a, **k)
            return 0 * x, None
            """), {"error"}, "unreadable"),
    "a forged answer that is a number": (
        function("""
            import utils.grading.codec
            honest = utils.grading.codec.encode
            utils.grading.codec.encode = lambda value, *a, **k: honest(
                7 if isinstance(value, dict) and 'outcomes' in value else value, *a, **k)
            return 0 * x, None
            """), {"error"}, "unreadable"),
    "reference files read from inside": (
        function("""
            import utils
            file = np.load(pathlib.Path(utils.__file__).parent / 'references' / 'batchnorm_forward.npz')
            for key in file.files:
                if key.endswith('/in/x') and file[key].shape == x.shape and (file[key] == x).all():
                    return file[key.replace('/in/x', '/out/out')], None
            """), {"error"}, "cannot be read"),
    "reference files read through os.open": (
        function("""
            import utils
            path = pathlib.Path(utils.__file__).parent / 'references' / 'batchnorm_forward.npz'
            return os.read(os.open(path, os.O_RDONLY), 10), None
            """), {"error"}, "cannot be read"),
    "reference files deleted from inside": (
        function("""
            import utils
            shutil.rmtree(pathlib.Path(utils.__file__).parent / 'references')
            """), {"error"}, "PermissionError"),
    "fork bomb": (function("while True: os.fork()"), {"error"}, "not allowed"),
    "subprocess": (function("subprocess.run(['sleep', '60'])\nreturn right"), {"error"}, "not allowed"),
    "multiprocessing": (
        function("import multiprocessing\nmultiprocessing.Process(target=print).start()\nreturn right"),
        {"error"}, "not allowed"),
    "kills its parent": (function("os.kill(os.getppid(), signal.SIGKILL)"), {"error"}, "not allowed"),
    "kills itself by a fault": (function("import faulthandler\nfaulthandler._sigsegv()"), {"error"}, "SIGSEGV"),
    "writes outside its folder": (
        function("open('/tmp/course-escape', 'w').write('x')\nreturn right"), {"error"}, "PermissionError"),
    "a file without end": (
        function("f = open('big', 'wb')\nwhile True: f.write(b'0' * 10**6); f.flush()"), {"error"}, "OSError"),
    "writes to every descriptor": (
        function("""
            for fd in range(3, 256):
                try: os.write(fd, b'\\0' * 64)
                except OSError: pass
            return right
            """), {"error"}, ""),
    "definitions that raise": (PREAMBLE + "K = 1 / 0\ndef batchnorm_forward(x, gamma, beta, eps=K): pass\n", {"error"}, "ZeroDivisionError"),
    "definitions that never end": (
        PREAMBLE + "K = sum(1 for _ in iter(int, 1))\ndef batchnorm_forward(x, gamma, beta, eps=K): pass\n", {"timeout"}, ""),
    "a class in its place": (PREAMBLE + "class batchnorm_forward: pass\n", {"error"}, "TypeError"),
    "not callable": (PREAMBLE + "batchnorm_forward = 3\n", {"error"}, "not a function"),
    "too few parameters": (PREAMBLE + "def batchnorm_forward(x): return x, None\n", {"error"}, "TypeError"),
}  # fmt: skip

# right answers that a sandbox must not spoil
HARMLESS = {
    "100 MB printed": function("print('x' * 10**8)\nreturn right"),
    "writes to its working directory": function("open('notes.txt', 'w').write('x')\nreturn right"),
    "a thread left running": function("threading.Thread(target=time.sleep, args=(60,)).start()\nreturn right"),
    "a process-wide time zone": function("os.environ['TZ'] = 'UTC'\nreturn right"),
    "warnings": function("np.log(np.zeros(1))\nimport warnings\nwarnings.warn('hm')\nreturn right"),
    "returns lists": function("return right[0].tolist(), None"),
    "a cache that cannot be copied": function("return right[0], threading.Lock()"),
    "endless loop in an experiment": RIGHT + "\nwhile True:\n    pass\n",
    "sys.exit in an experiment": RIGHT + "\nimport sys\nsys.exit(1)\n",
    "torch inside": "import torch\n" + function(
        "x, g, b = (torch.tensor(v) for v in (x, gamma, beta))\n"
        "return (g * (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + eps) + b).numpy(), None"),
}  # fmt: skip

UNREADABLE = {
    "syntax error": ("broken.py", b"def batchnorm_forward(x, gamma, beta, eps=1e-5)\n    return x\n", "SyntaxError"),
    "a notebook that is not JSON": ("text.ipynb", b"def batchnorm_forward(): pass", "not a Jupyter notebook"),
    "a notebook without cells": ("empty.ipynb", b"{}", "not a Jupyter notebook"),
    "an empty file": ("empty.py", b"", "no exercise of the course"),
    "a binary file": ("binary.py", bytes(range(256)) * 8, "not Python text"),
    "a file of another encoding": ("utf16.py", RIGHT.encode("utf-16"), "not Python text"),
    "Latin-1 without a coding line": ("latin.py", "# é\n".encode("latin-1") + RIGHT.encode(), "not Python text"),
    "null bytes": ("null.py", b"x = 1\0\n", "binary file"),
    "another kind of file": ("answer.txt", RIGHT.encode(), "neither a .py nor an .ipynb"),
}


def grade(tmp_path, name, data, timeout=3.0):
    """Grade a file between two innocent ones and return its rows; the innocent ones must be right."""
    before, suspect, after = tmp_path / "before.py", tmp_path / name, tmp_path / "after.py"
    before.write_text(RIGHT)
    after.write_text(RIGHT)
    suspect.write_bytes(data)

    rows = grade_files([before, suspect, after], jobs=1, timeout=timeout)

    assert [report.RIGHT] * 2 == [row.report.status for row in rows if row.file != str(suspect)]
    return [row.report for row in rows if row.file == str(suspect)]


@pytest.mark.parametrize("fault", RUNNING)
def test_a_fault_becomes_that_exercises_status(tmp_path, fault):
    """Whatever a function does, its own row says so and its neighbours are graded."""
    source, fair, words = RUNNING[fault]
    (verdict,) = grade(tmp_path, "suspect.py", source.encode(), timeout=1.0 if "timeout" in fair else 8.0)

    assert verdict.status in fair, verdict
    assert words in verdict.message


@pytest.mark.parametrize("habit", HARMLESS)
def test_a_right_answer_with_odd_habits_is_right(tmp_path, habit):
    """The limits catch faults, not styles."""
    (verdict,) = grade(tmp_path, "odd.py", HARMLESS[habit].encode(), timeout=20)

    assert verdict.status == report.RIGHT, verdict


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_file_is_an_error_with_its_reason(tmp_path, fault):
    """A file that holds no Python is one row of status error that says why."""
    name, data, words = UNREADABLE[fault]
    (verdict,) = grade(tmp_path, name, data)

    assert verdict.status == report.ERROR
    assert words in verdict.message


def test_a_broken_cell_leaves_the_others_graded(tmp_path):
    """A syntax error costs the exercise in its cell only."""
    cells = [RIGHT, "def batchnorm2d_forward(x, gamma, beta, eps=1e-5)\n    return x"]
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    verdicts = grade(tmp_path, "half.ipynb", json.dumps(notebook).encode())

    assert {"batchnorm_forward": "right", "batchnorm2d_forward": "error"} == {v.exercise: v.status for v in verdicts}


def test_a_sandboxed_verdict_names_the_mistake(tmp_path):
    """The diagnosis is the same as in a notebook."""
    (verdict,) = grade(tmp_path, "ddof.py", RIGHT.replace("x.var(0)", "x.var(0, ddof=1)").encode())

    assert verdict.status == report.WRONG
    assert "unbiased variance" in verdict.mistake


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    """Scratch folders are removed and the references untouched, even after a kill."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    answers = {path.name: path.read_bytes() for path in reference.FOLDER.iterdir()}
    for fault in ("endless loop", "os._exit(0)", "reference files deleted from inside"):
        grade(tmp_path, "suspect.py", RUNNING[fault][0].encode(), timeout=0.5)

    assert [] == list(tmp_path.glob("course-*"))
    assert answers == {path.name: path.read_bytes() for path in reference.FOLDER.iterdir()}


def test_a_killed_worker_is_replaced():
    """A worker that is killed from outside costs one answer at most; the next one gets a fresh worker."""
    with Worker(timeout=5) as worker:
        assert worker.grade(Answer("batchnorm_forward", RIGHT)).status == report.RIGHT
        os.kill(worker._process.pid, signal.SIGKILL)
        time.sleep(0.1)
        first = worker.grade(Answer("batchnorm_forward", RIGHT))
        second = worker.grade(Answer("batchnorm_forward", RIGHT))

    assert first.status in (report.MACHINE, report.RIGHT), "never the learner's error"
    assert second.status == report.RIGHT


def test_the_child_never_holds_the_answers():
    """What the worker's process has loaded has no reference in it: neither the module's cache nor its arrays."""
    probe = (
        "import gc\n"
        "def batchnorm_forward(x, gamma, beta, eps=1e-5):\n"
        "    import utils.grading.reference\n"
        "    held = utils.grading.reference.load.cache_info().currsize\n"
        "    found = [o for o in gc.get_objects() if type(o).__name__ == 'Reference']\n"
        "    raise ValueError(f'held {held}, found {len(found)}')\n"
    )
    with Worker(timeout=5) as worker:
        verdict = worker.grade(Answer("batchnorm_forward", probe))

    assert "held 0, found 0" in verdict.message


def test_what_answers_share_is_made_once():
    """Two answers to one exercise: its inputs are encoded once, and a script is compiled once, not whole and by cells."""
    from utils.sandbox import source, worker

    worker._inputs.cache_clear()
    with Worker(timeout=5) as warm:
        assert [True, True] == [bool(warm.grade(Answer("batchnorm_forward", f"{RIGHT}# {i}"))) for i in range(2)]
    assert (1, 1) == worker._inputs.cache_info()[:2]

    source._compiled.cache_clear()
    source.parts(RIGHT.encode(), ".py", ["batchnorm_forward"])
    assert (1, 1) == source._compiled.cache_info()[:2]


def test_a_child_imports_nothing_of_the_course_any_more():
    """What `prepare` loads before the fork is all that running cases and noting calls, values and errors needs."""
    probe = (
        "import sys; from utils.sandbox import child; child.prepare(); child.warm({'kind': 'run', 'torch': False, "
        "'exercise': 'batchnorm_forward'}); before = set(sys.modules)\n"
        "import numpy as np; from utils.grading import codec, run; from utils.grading.spec import Exercise\n"
        "e = Exercise('f', ('y',), (), None)\n"
        "for f in (lambda x: x, lambda x: 1 / 0, lambda x: [x] * 40, lambda x: None, lambda x: (x, x)):\n"
        "    done = run.outcomes(f, e, [{'x': np.ones(3)}, {'x': np.ones(40)}])\n"
        "    codec.to_bytes({'outcomes': [outcome.to_plain() for outcome in done]})\n"
        "print(*{name for name in set(sys.modules) - before if name.split('.')[0] == 'utils' or name == 'traceback'})\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert "" == done.stdout.strip()


def test_sigkill_in_the_middle_of_a_grading_loses_no_attempt(tmp_path, monkeypatch):
    """`course grade` killed by SIGKILL leaves every attempt noted before, and all the learner's files, as they were."""
    from utils.grading.progress import history

    root = Path(__file__).parents[2]
    work = tmp_path / "work"
    work.mkdir()
    stem = "15_batchnorm_forward"
    (work / f"{stem}.py").write_text(function("time.sleep(30)"))
    (tmp_path / "progress.jsonl").write_text('\n{"time": "t", "exercise": "batchnorm_forward", "status": "right"}')
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    command = [sys.executable, "-c", "from utils.cli import main; main()", "grade", "15", "--timeout", "30"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL)
    time.sleep(1.5)

    process.kill()
    process.wait()

    assert [("batchnorm_forward", "right")] == [(a["exercise"], a["status"]) for a in history()]
    assert function("time.sleep(30)") == (work / f"{stem}.py").read_text()
    assert [f"{stem}.py"] == os.listdir(work)
