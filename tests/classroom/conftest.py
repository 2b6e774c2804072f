"""A class on disk, a cluster on this machine, and a scheduler with workers as processes of their own."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write():
    """A function that writes {name: text} below a folder and returns the folder."""

    def files(folder, texts):
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return folder

    return files


def until(condition, seconds=90):
    """Wait for what has to come and return it; fail when it does not."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return value


def course(*words, start=False, **env):
    """`course class …` in a process of its own: run to its end, or, with `start`, only started."""
    command = [sys.executable, "-m", "utils.cli", "class", *map(str, words)]
    options = dict(start_new_session=start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, stdin=subprocess.DEVNULL,
                   env=os.environ | {"COURSE_PROGRESS": "off"} | env)  # fmt: skip
    return (
        subprocess.Popen(command, **options) if start else subprocess.run(command, timeout=180, check=False, **options)
    )


def ended(processes):
    """Are all of them gone?"""
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def family(pid):
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


@pytest.fixture(scope="module")
def local():
    """A client of two worker processes on this machine."""
    from utils.classroom.cluster import connected

    with connected(None, 2) as client:
        yield client


class Processes:
    """A scheduler and workers on loopback, each started by its own command, on ports that the system gives."""

    def __init__(self, folder):
        self.folder, self.all = folder, []
        self.address_file = folder / "scheduler.json"

    def scheduler(self):
        self.address_file.unlink(missing_ok=True)
        made = self._start("scheduler", "--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
                           "--scheduler-file", self.address_file)  # fmt: skip
        until(lambda: self.address_file.exists() and self.address_file.stat().st_size)
        return made

    def worker(self, *options):
        return self._start("worker", "--nthreads", "1", "--no-dashboard", "--scheduler-file", self.address_file,
                           "--local-directory", self.folder, *options)  # fmt: skip

    @property
    def address(self):
        import json

        return json.loads(self.address_file.read_text())["address"]

    def _start(self, verb, *options):
        command = [sys.executable, "-m", "dask", verb, "--host", "127.0.0.1", *map(str, options)]
        with (self.folder / f"{verb}{len(self.all)}.log").open("w") as log:
            self.all.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        return self.all[-1]

    def end(self):
        for process in reversed(self.all):
            for one in family(process.pid) if process.poll() is None else []:
                one.kill()
            process.wait()


@pytest.fixture
def processes(tmp_path_factory):
    made = Processes(tmp_path_factory.mktemp("dask"))
    yield made
    made.end()


@pytest.fixture
def kit():
    """The functions above, for tests: pytest imports no test's neighbour."""
    return SimpleNamespace(until=until, course=course, started=started, ended=ended, family=family)


@contextmanager
def started(*words, **env):
    """`course class …` as it runs. Where a test fails before it has ended, it says what it was doing."""
    process = course(*words, start=True, PYTHONFAULTHANDLER="1", **env)
    try:
        yield process
    finally:
        if process.poll() is None:
            for one in reversed(family(process.pid)):
                one.send_signal(signal.SIGABRT)
        if not process.stdout.closed:
            print(process.returncode, *process.communicate())
