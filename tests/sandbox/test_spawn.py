"""Files are graded without fork as they are with it: on Windows, on macOS, and here with fork switched off."""

import ctypes
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner

from utils.cli import main
from utils.sandbox import jobobject, limits, watch
from utils.sandbox.batch import grade_files
from utils.sandbox.worker import Answer, Worker

ROOT = Path(__file__).parents[2]
WINDOWS = ROOT / "tests" / "sandbox" / "windows"
HEAD = """
import os, sys, time
import numpy as np

def batchnorm_forward(x, gamma, beta, eps=1e-5):
    right = gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
"""
FILES = {  # what the body does: (body, the verdict's status, words of its message)
    "a right": ("return right", "right", "Tested on"),
    "b wrong": ("return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta, None", "wrong", "ddof=1"),
    "c hangs": ("while True: pass", "timeout", "no answer within"),
    "d crashes": ("import faulthandler; faulthandler._sigsegv()", "error", "crashed (SIGSEGV)"),
    "e eats": ("kept = []\n    while True: kept.append(np.ones(10**6))", "memory", "more memory"),
    "f exits": ("os._exit(0)", "error", "ended before it had answered"),
    "g writes": ("open('../outside', 'w')", "error", "in the working folder only"),
    "h starts another": ("os.system('true')", "error", "not allowed"),
    "i right": ("print('x' * 10**6); return right", "right", "Tested on"),
}


@pytest.fixture
def without_fork(monkeypatch):
    """COURSE_FORK=off, for this process and those that it starts."""
    monkeypatch.setenv("COURSE_FORK", "off")


def write(folder, **bodies):
    for name, body in bodies.items():
        (folder / f"{name}.py").write_text(f"{HEAD}    {body}\n", encoding="utf-8")
    return sorted(folder.glob("*.py"))


def verdicts(paths, timeout=30.0):
    return {Path(row.file).stem: row.report for row in grade_files(paths, timeout=timeout)}


def assert_as_they_are(found, files):
    assert {name: status for name, (_, status, _) in files.items()} == {n: one["status"] for n, one in found.items()}
    assert [] == [name for name, (_, _, words) in files.items() if words not in found[name]["message"]]


@pytest.mark.usefixtures("without_fork")
def test_each_fault_keeps_its_status_without_fork(tmp_path):
    """Right, wrong, hungry, …: the same words as with fork, and no file costs another's result."""
    some = {name: FILES[name] for name in ("a right", "e eats", "g writes", "i right")}
    paths = write(tmp_path, **{name: body for name, (body, _, _) in some.items()})

    assert_as_they_are({name: made.to_json() for name, made in verdicts(paths, timeout=30).items()}, some)


@pytest.mark.usefixtures("without_fork")
def test_an_endless_loop_ends_without_fork(tmp_path):
    """After the processor time that it has, or four times as much by the clock."""
    (verdict,) = verdicts(write(tmp_path, **{"c hangs": FILES["c hangs"][0]}), timeout=0.5).values()

    assert "timeout" == verdict.status
    assert "no answer within" in verdict.message


def test_windows_grades_them_too(tmp_path):
    """Without what Windows lacks (resource, fcntl, fork, SIGKILL, SIGALRM, poll, /proc, Landlock), the parent's
    watching alone stops what is endless or hungry."""
    write(tmp_path, **{name: body for name, (body, _, _) in FILES.items()})
    paths, hanging = sorted(tmp_path.glob("*.py")), tmp_path / "c hangs.py"
    rows = []
    for files, timeout in (([path for path in paths if path != hanging], 30), ([hanging], 0.5)):
        command = ["check", "--json", "--timeout", timeout, "--jobs", "1", *files]
        rows += json.loads(as_windows("-m", "utils.cli", *command).stdout)

    assert_as_they_are({Path(row["file"]).stem: row for row in rows}, FILES)
    assert not (tmp_path.parent / "outside").exists()


def as_windows(*command, **variables):
    """Run Python without what Windows lacks; text comes back as from one of its pipes."""
    env = os.environ | {"PYTHONPATH": f"{WINDOWS}{os.pathsep}{ROOT}", "COURSE_PROGRESS": "off"} | variables
    done = subprocess.run([sys.executable, *map(str, command)], env=env, cwd=ROOT, capture_output=True, timeout=300)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def test_the_stand_in_for_windows_takes_away_what_it_says():
    """Else the tests above would prove nothing."""
    code = """
        import os, signal, select
        import utils.sandbox.limits, utils.sandbox.watch, utils.sandbox.process
        print([hasattr(os, "fork"), hasattr(signal, "SIGKILL"), hasattr(signal, "SIGALRM"), hasattr(select, "poll")],
              utils.sandbox.limits.walls(), utils.sandbox.watch.Watch(os.getpid(), 1.0, "", 1).meter.__name__)
    """
    said = as_windows("-c", textwrap.dedent(code)).stdout.decode()

    assert said.startswith("[False, False, False, False] a job object")
    assert "fresh interpreter" in said
    assert said.endswith("by_psutil\n")


@pytest.mark.parametrize("words", [["status"], ["next"], ["doctor"], ["learn", "--help"], ["--help"], ["grade", "15"]])
def test_the_command_line_speaks_on_windows(tmp_path, words):
    """No verb needs what Windows lacks, nor an encoding with the course's signs: a pipe there has cp1252."""
    done = as_windows("-m", "utils.cli", *words, PYTHONIOENCODING="cp1252", COURSE_HOME=str(tmp_path))

    assert done.returncode in (0, 1, 2)
    assert len(done.stdout + done.stderr) > 40
    (done.stdout + done.stderr).decode("cp1252")


def test_what_a_system_lacks_is_said_once(tmp_path, monkeypatch):
    """Beside the rows, at the first grading; on Linux never."""
    assert "" == limits.lacking()
    monkeypatch.setattr(sys, "platform", "darwin")
    answer = tmp_path / "answer.txt"
    answer.touch()
    said = [CliRunner().invoke(main, ["check", str(answer), "--json"]) for _ in range(2)]

    assert ["compiled code passes it" in one.stderr for one in said] == [True, False]
    assert [["error"], ["error"]] == [[row["status"] for row in json.loads(one.stdout)] for one in said]


# ---- nobody's answer is another's ---------------------------------------------------------------------------------

POISON = """batchnorm_forward.calls = getattr(batchnorm_forward, 'calls', 0) + 1
    if batchnorm_forward.calls == 10:  # the last one of its cases
        import utils.grading.run as run, utils.sandbox.source as source
        frame = sys._getframe()
        while frame.f_code.co_name != 'outcomes':
            frame = frame.f_back
        kept = frame.f_locals['done']  # its right outcomes, for whoever gets this process next
        run.outcomes = lambda *_: kept
        source.parts = np.sqrt = np.mean = lambda *_: 1 / 0
    return right"""


@pytest.mark.usefixtures("without_fork")
def test_what_one_answer_leaves_behind_reaches_no_other(tmp_path):
    """A right answer that patches NumPy and the sandbox in its process makes no wrong one right, nor a right one wrong."""
    paths = write(tmp_path, a=POISON, b="return 2 * right[0], None", c="return right")

    assert ["right", "wrong", "right"] == [made.status for made in verdicts(paths).values()]


@pytest.mark.usefixtures("without_fork")
def test_a_fresh_interpreter_holds_no_answer():
    """Neither references, nor exercises with their oracles and mistakes, nor a way to import them."""
    probe = f"""{HEAD}
    import gc, importlib
    held = [type(o).__name__ for o in gc.get_objects() if type(o).__name__ in ("Reference", "Mistake")]
    loaded = [name for name in sys.modules if name.startswith(("utils.exercises.", "utils.models"))]
    try: importlib.import_module("utils.exercises.batchnorm_forward"); loaded.append("imported")
    except PermissionError: pass
    raise ValueError(f"held {{held}} loaded {{loaded}}")
    """
    with Worker(timeout=30) as worker:
        verdict = worker.grade(Answer("batchnorm_forward", probe))

    assert "held [] loaded []" in verdict.message


@pytest.mark.usefixtures("without_fork")
def test_a_killed_worker_takes_its_children_along(tmp_path, monkeypatch):
    """Its child sees the end of the pipe, also where no kernel kills it; the next answer gets a fresh worker."""
    monkeypatch.setenv("PYTHONPATH", f"{WINDOWS}{os.pathsep}{ROOT}")  # without PR_SET_PDEATHSIG
    with Worker(timeout=30) as worker:
        assert worker.grade(Answer("batchnorm_forward", f"{HEAD}    return right")).status == "right"
        family = psutil.Process(worker._process.pid).children(recursive=True)
        worker._process.kill()
        _, alive = psutil.wait_procs(family, timeout=20)

        assert [] == alive
        assert family
        statuses = [worker.grade(Answer("batchnorm_forward", f"{HEAD}    return right")).status for _ in range(2)]
    assert "right" == statuses[1]
    assert statuses[0] in ("machine", "right")


# ---- limits that a kernel lacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fork", ["on", "off"])
def test_memory_is_watched_where_the_kernel_ignores_its_limit(tmp_path, monkeypatch, fork):
    """As on macOS, here with RLIMIT_AS switched off: what eats memory is stopped, what takes a little is not."""
    monkeypatch.setenv("COURSE_RLIMIT", "off")
    monkeypatch.setenv("COURSE_FORK", fork)
    little = "kept = np.ones(10**7); time.sleep(0.1); return right"
    found = verdicts(write(tmp_path, a=FILES["e eats"][0], b=little))

    assert ["memory", "right"] == [made.status for made in found.values()]
    assert "more memory" in found["a"].message
    assert not limits.kernel_bounds_memory()


def test_psutil_and_proc_measure_the_same():
    """Seconds and bytes of a process, read in both ways."""
    (seconds, held), (other, also) = watch.by_proc(os.getpid()), watch.by_psutil(os.getpid())

    assert other == pytest.approx(seconds, abs=0.5)
    assert also == pytest.approx(held, rel=0.1)
    assert watch.by_psutil(2**22 + 1) is watch.by_proc(2**22 + 1) is None


def test_a_watch_counts_from_its_beginning():
    """What a process used and held before is no part of its limits."""
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    patient = watch.Watch(os.getpid(), 5.0, "", 1 << 40)

    assert patient.before[0] >= 0.3
    assert "" == patient.fate()
    assert "memory" == watch.Watch(os.getpid(), 5.0, "", -1).fate()


def test_where_nobody_can_measure_the_clock_decides(monkeypatch):
    """Without /proc and psutil: once the limit by the clock, and the message names that limit."""
    monkeypatch.delattr(os, "sysconf")  # as on Windows, also where Wine shows a /proc
    monkeypatch.setitem(sys.modules, "psutil", None)
    blind = watch.Watch(os.getpid(), 0.05, "", 1)
    time.sleep(0.1)

    assert (watch.by_psutil, None, "late") == (blind.meter, blind.before, blind.fate())
    assert "within 0.05 s" in watch.death("late", 0, 0.05)["message"]


@pytest.mark.skipif(sys.maxsize < 2**32, reason="sizes of a system with 64 bits")
def test_the_job_object_is_laid_out_as_windows_reads_it(monkeypatch):
    """Sizes as in winnt.h; one process, its seconds and bytes beyond what it has, and this process put into the job."""
    calls = []
    kernel = SimpleNamespace(
        CreateJobObjectW=Recorder(calls, "create", 7), GetCurrentProcess=Recorder(calls, "me", 9),
        SetInformationJobObject=Recorder(calls, "set", 1), AssignProcessToJobObject=Recorder(calls, "assign", 1),
    )  # fmt: skip
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: kernel, raising=False)
    used = psutil.Process().memory_info().vms

    assert (64, 144) == (ctypes.sizeof(jobobject.Basic), ctypes.sizeof(jobobject.Extended))
    assert jobobject.bound(1 << 30, 3.0)
    assert ["create", "set", "me", "assign"] == [name for name, *_ in calls]
    assert calls[1][1:3] == (7, 9)
    assert ("assign", 7, 9) == calls[3]
    wanted = calls[1][3]._obj
    basic = wanted.BasicLimitInformation
    assert (1, 0x2 | 0x8 | 0x100 | 0x400) == (basic.ActiveProcessLimit, basic.LimitFlags)
    assert basic.PerProcessUserTimeLimit / 1e7 == pytest.approx(time.process_time() + 5, abs=1)
    assert wanted.ProcessMemoryLimit - (1 << 30) == pytest.approx(used, rel=0.2)


class Recorder:
    """A function of kernel32 that notes its calls."""

    def __init__(self, calls, name, value):
        self.calls, self.name, self.value = calls, name, value

    def __call__(self, *arguments):
        self.calls.append((self.name, *arguments))
        return self.value
