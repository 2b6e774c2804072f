"""What a child tries at the grader, at its limits, at other processes and at the answers is refused."""

import json
import os
import struct
import textwrap
import threading

import pytest

from utils.grading import report
from utils.sandbox import server
from utils.sandbox.worker import Answer, Worker

resource = pytest.importorskip("resource")
PREAMBLE = "import os, sys, signal, socket, resource, subprocess, io\n"
RIGHT = "gamma * (x - x.mean(0)) / (x.var(0) + eps) ** 0.5 + beta"
SIGNATURE = "def batchnorm_forward(x, gamma, beta, eps=1e-5):\n"

REFUSED = {
    "the server's limits": "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
    "its own limits": "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
    "another's priority": "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
    "another's processors": "os.sched_setaffinity(os.getppid(), {0})",
    "the same, by the compiled module": "import posix; posix.sched_setaffinity(os.getppid(), {0})",
    "a socket that listens": "socket.socket().listen()",
    "a name looked up": "socket.getaddrinfo('localhost', 80)",
    "a process by the module below subprocess": "import _posixsubprocess; _posixsubprocess.fork_exec",
    "the same, by subprocess": "subprocess._fork_exec()",
    "a pipe with a name": "os.mkfifo('p')",
    "a signal by a handle": "signal.pidfd_send_signal(0, 9)",
    "another's environment": "open(f'/proc/{os.getppid()}/environ').read()",
    "a teacher's list of answers": "import utils.classroom.example_answers",
    "memory that outlives it": "open('/dev/shm/course-left', 'w')",
    "the same, by Python's class for it": (
        "from multiprocessing import shared_memory\nshared_memory.SharedMemory('course-left', create=True, size=9)"
    ),
    "the same, by its compiled module": "import _posixshmem\n_posixshmem.shm_open('/course-left', os.O_CREAT)",
    "a lock that has a file there": "import multiprocessing\nmultiprocessing.Lock()",
    "the temporary folder of all": "open('/tmp/course-left', 'w')",
    "a handle on a folder": "os.open('/', os.O_RDONLY)",
    "a handle on its own folder": "os.mkdir('d'); os.open('d', os.O_RDONLY)",
}


@pytest.fixture(scope="module")
def worker():
    with Worker(timeout=5.0) as one:
        yield one


def verdict(worker, body):
    """What becomes of an answer with these lines."""
    return worker.grade(Answer("batchnorm_forward", PREAMBLE + SIGNATURE + textwrap.indent(body, "    ")))


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_is_refused(worker, body):
    """Each is a PermissionError in the child, and nothing happens."""
    found = verdict(worker, body)

    assert report.ERROR == found.status
    assert "PermissionError" in found.message, found.message


def test_a_folder_of_one_s_own_can_be_made_and_removed(worker):
    """What the walls refuse does not touch the honest use of temporary folders."""
    body = (
        "import tempfile\nwith tempfile.TemporaryDirectory() as f:\n    os.makedirs(f + '/a/b')\n"
        "    open(f + '/a/b/c', 'w').close()\nraise ValueError('removed' if not os.path.exists(f) else 'there')\n"
    )

    assert "removed" in verdict(worker, body).message


def test_temporary_files_lie_in_the_working_folder(worker):
    """Which is deleted: by Python's module and by the variables that compiled code reads."""
    body = (
        "import tempfile\nplaces = [tempfile.gettempdir(), *map(os.environ.get, ('TMPDIR', 'TEMP', 'TMP'))]\n"
        "raise ValueError(f'here: {[os.path.samefile(place, os.getcwd()) for place in places]}')\n"
    )

    assert "here: [True, True, True, True]" in verdict(worker, body).message


def test_a_forged_deep_answer_is_its_own_row(worker):
    """A tree of lists that the codec takes and the comparison cannot walk: an error, and the worker goes on."""
    for depth in (300, 700, 950):
        tree = {"dict": {"outcomes": {"list": [{"dict": {
            "values": {"dict": {"out": {"plain": "DEEP"}}}, "failure": {"plain": None}, "call": {"plain": "x"}}}]}}}  # fmt: skip
        tree = json.dumps(tree).replace('"DEEP"', "[" * depth + "0" + "]" * depth)
        head = f'{{"tree": {tree}, "arrays": {{}}}}'.encode()
        data = struct.pack("<Q", len(head)) + head
        frame = struct.pack("<Q", len(data)) + data
        body = (
            "frame = sys._getframe()\nwhile frame.f_code.co_name != '_be_child':\n    frame = frame.f_back\n"
            f"os.write(frame.f_locals['writer'], {frame!r})\nos._exit(0)\n"
        )

        assert verdict(worker, body).status in (report.ERROR, report.WRONG)


def test_closing_twice_at_once_is_harmless():
    """Ctrl-C may close a worker while it is being closed."""
    worker = Worker()
    worker._start()
    scratch = worker._scratch
    honest = scratch.cleanup

    def interrupted():
        worker.close()
        honest()

    scratch.cleanup = interrupted
    worker.close()

    assert not os.path.exists(scratch.name)


@pytest.mark.parametrize("hidden", ["{}", "# Ä {}", "# coding: latin-1\n{}"])
def test_no_strangers_text_with_nested_finally_is_compiled_in_the_server(hidden):
    """Two kilobytes of it take gigabytes: it is taken apart in a child, under limits, however it is written."""
    deep = "".join(" " * i + "try: pass\n" + " " * i + "finally:\n" for i in range(19)) + " " * 19 + "pass\n"

    assert not server._is_small(hidden.format(deep).encode())
    assert not server._is_small(json.dumps(deep.replace("f", "\\u0066")).encode())
    assert server._is_small(b"def f():\n    return 1\n")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no limits of other processes here")
@pytest.mark.parametrize("fork", ["on", "off"])
def test_lowered_limits_of_the_server_harm_no_later_answer(monkeypatch, fork):
    """As compiled code of a child could lower them, here from outside while it runs: no other file could be opened."""
    monkeypatch.setenv("COURSE_FORK", fork)
    right = f"{PREAMBLE}import time\n{SIGNATURE}    time.sleep({{}})\n    return {RIGHT}, None\n"
    with Worker(timeout=30) as one:
        assert one.grade(Answer("batchnorm_forward", right.format(0))).status == report.RIGHT
        first = one._process.pid
        lowering = threading.Timer(1.0, resource.prlimit, (first, resource.RLIMIT_NOFILE, (3, 3)))
        lowering.start()
        one.grade(Answer("batchnorm_forward", right.format(0.5)))  # nine calls: the limits fall in the middle
        lowering.join()
        later = [one.grade(Answer("batchnorm_forward", right.format(0))).status for _ in range(3)]

        assert one._process.pid != first
    assert later[0] in (report.RIGHT, report.MACHINE), "it may meet the server as that ends; then it is tried again"
    assert [report.RIGHT] * 2 == later[1:]
