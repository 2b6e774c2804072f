"""The worker process: warm (NumPy, perhaps torch), it forks a child for each job, watches it, and clears up after it.

For each job the parent sends a head and a body; the worker answers with an empty frame when the child is dead, gets a
number, and sends it back before the result. A child that found its way to the pipe could not know that number.
"""

import contextlib
import functools
import gc
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from utils.grading import codec, report
from utils.grading.spec import Exercise
from utils.sandbox import child, limits
from utils.sandbox.frames import LENGTH, receive, send
from utils.sandbox.runner import runner

PATIENCE = 4  # times the limit of processor time may pass on the wall clock: for sleepers, and for a busy machine
TICK = 0.1  # seconds between two looks at a child
SMALL = 8 << 10  # bytes of a file that is taken apart without a child
MAX_RESULT = 64 << 20  # bytes a child may send back
MAX_SCRATCH = 256 << 20  # bytes in the scratch folder of one child
OWN_CLOCK = Path("/proc/self/stat").exists()

_runner = functools.cache(runner)


def serve() -> None:
    """Read jobs until the pipe ends: the parent closed it, or is gone and there is its scratch folder to clear."""
    child.prepare()
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # no standard input, and a flood of output costs nobody anything
        os.dup2(silence, fd)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            job = codec.from_bytes(receive(jobs))
            body = receive(jobs)
            try:
                answer = _answered(job, body, (jobs.fileno(), results.fileno()))
            except OSError as error:  # no process, no folder, no memory to be had
                answer = codec.to_bytes({"status": report.MACHINE, "message": f"this machine refused: {error}."})
            send(results, b"")
            send(results, receive(jobs) + answer)


def _answered(job: dict, body: bytes, private: tuple[int, int]) -> bytes:
    """The result of a job, from a child under limits."""
    if job["kind"] == "read" and _is_small(body):
        return codec.to_bytes(child.definitions(job, body))
    exercise = _warm(job)
    scratch = tempfile.mkdtemp(prefix="child-", dir=job["scratch"])
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_child(job, body, exercise, writer, scratch, (reader, *private))
    os.close(writer)
    try:
        watch = _Watch(pid, job["timeout"], scratch, private[0])
        data, fate = watch.frame(reader)
    finally:
        os.close(reader)
        for kill in (os.killpg, os.kill):  # also what it left running
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        remove(scratch)
    return data or codec.to_bytes(_death(fate, status, job["timeout"]))


def _is_small(text: bytes) -> bool:
    """Can taking it apart cost no more than a fork does? Then it needs none."""
    return len(text) <= SMALL and max(map(len, text.split(b"\n"))) <= 500


def _warm(job: dict) -> Exercise | None:
    """Import what the child would import, once; its time is no part of the learner's limit."""
    if job["kind"] == "read":
        return None
    if job["torch"]:
        with contextlib.suppress(ModuleNotFoundError):  # the answer itself may do without
            import torch

            torch.set_num_threads(1)  # and start no thread pool: it would not survive the fork
    exercise = _runner(job["exercise"])
    gc.freeze()  # or every child's first collection would copy all that is shared with it
    return exercise


def _be_child(
    job: dict, body: bytes, exercise: Exercise | None, writer: int, scratch: str, private: tuple[int, ...]
) -> None:
    """Never returns, whatever happens."""
    try:
        limits.die_with_parent()
        for fd in private:
            os.close(fd)
        os.setsid()
        if exercise is None:
            child.take_apart(job, body, writer)
        child.run_answer(job, exercise, body, writer, scratch)
    finally:
        os._exit(1)


class _Watch:
    """Waits for a child's answer, and sees when it has used up its time, its disk, or lost its grandparent."""

    def __init__(self, pid: int, timeout: float, scratch: str, jobs: int) -> None:
        self.pid, self.timeout, self.scratch, self.jobs = pid, timeout, scratch, jobs
        self.deadline = time.monotonic() + (PATIENCE if OWN_CLOCK else 1) * timeout
        self.looked = time.monotonic()

    def frame(self, reader: int) -> tuple[bytes | None, str]:
        """(one whole frame or None, "late", "slow", "disk" or "")."""
        data = bytearray()
        poller = select.poll()
        poller.register(reader, select.POLLIN | select.POLLHUP)
        poller.register(self.jobs, select.POLLHUP)
        while True:
            ready = dict(poller.poll(1000 * min(TICK, self.timeout)))
            if ready.get(self.jobs, 0) & select.POLLHUP:
                self._orphaned()
            if reader not in ready:
                fate = self._fate()
                if fate:
                    return None, fate
                continue
            chunk = os.read(reader, 1 << 20)
            data += chunk
            if len(data) >= LENGTH.size and len(data) >= LENGTH.size + LENGTH.unpack(data[: LENGTH.size])[0]:
                return bytes(data[LENGTH.size :]), ""
            if len(data) > MAX_RESULT:
                return None, "large"
            if not chunk:
                return None, ""

    def _fate(self) -> str:
        if time.monotonic() > self.deadline:
            return "slow"
        if OWN_CLOCK and _processor_seconds(self.pid) > self.timeout:
            return "late"
        if time.monotonic() - self.looked > 10 * TICK:
            self.looked = time.monotonic()
            return "disk" if size(self.scratch) > MAX_SCRATCH else ""
        return ""

    def _orphaned(self) -> None:
        """The process that wants the answer was killed: leave nothing behind."""
        os.killpg(self.pid, signal.SIGKILL)
        remove(os.path.dirname(self.scratch))
        os._exit(1)


def _processor_seconds(pid: int) -> float:
    """Processor time of a process, in its own code and in the kernel's."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size(folder: str, most: int = 20_000) -> int:
    """Bytes in a folder, as far as its first so many entries tell."""
    total, waiting = 0, [folder]
    while waiting and most:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                most = max(most - 1, 0)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def remove(folder: str) -> None:
    """Delete a folder, however deep it is nested."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (RecursionError, OSError):  # twenty thousand folders in each other, or what was made unreadable
        subprocess.run(["rm", "-rf", "--", folder], stderr=subprocess.DEVNULL, check=False)


def _death(fate: str, status: int, timeout: float) -> dict:
    """Why there is no answer."""
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if fate == "late" or killed == signal.SIGXCPU:
        words = f"no answer within {timeout:g} s of processor time; it was stopped."
        return {"status": report.TIMEOUT, "message": words}
    if fate == "slow":
        words = f"no answer within {PATIENCE * timeout:g} s, and it used little of the processor; it was stopped."
        return {"status": report.TIMEOUT, "message": words}
    if fate == "disk":
        return {"status": report.ERROR, "message": f"it wrote more than {MAX_SCRATCH >> 20} MB of files."}
    if fate == "large":
        return {"status": report.ERROR, "message": f"its answer is larger than {MAX_RESULT >> 20} MB."}
    if killed == signal.SIGKILL:
        return {"status": report.MACHINE, "message": "its process was killed from outside."}
    if killed:
        return {"status": report.ERROR, "message": f"its process crashed ({signal.Signals(killed).name})."}
    return {"status": report.ERROR, "message": "its process ended before it had answered, as os._exit does."}


if __name__ == "__main__":
    sys.exit(serve())
