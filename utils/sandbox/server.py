"""The worker process: warm (NumPy, perhaps torch), it forks a child for each job, watches it, and clears up after it.

`worker.py` starts it. For each job the parent sends a head and a body; the worker answers with an empty frame when the
child is dead, gets a number, and sends it back before the result. A child that found its way to the pipe could not know
that number.
"""

import contextlib
import gc
import os
import select
import signal
import sys
import tempfile

from utils.grading import codec, report
from utils.grading.spec import Exercise
from utils.sandbox import child, limits
from utils.sandbox.frames import LENGTH, private, receive, send
from utils.sandbox.watch import Watch, death, remove

SMALL = 8 << 10  # bytes of a file that is taken apart without a child


def serve() -> None:
    """Read jobs until the pipe ends: the parent closed it, or is gone and there is its scratch folder to clear.

    Where a child has changed this process's limits, which cannot be raised again, this ends and the parent starts a
    fresh one.
    """
    child.prepare()
    jobs, writer = private()
    bounds = limits.of_this_process()
    results = os.fdopen(writer, "wb")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while limits.of_this_process() == bounds:
            job = codec.from_bytes(receive(jobs))
            body = receive(jobs)
            try:
                answer = _answered(job, body, (jobs.fileno(), results.fileno()))
            except OSError as error:  # no process, no folder, no memory to be had
                answer = codec.to_bytes({"status": report.MACHINE, "message": f"this machine refused: {error}."})
            send(results, b"")
            send(results, receive(jobs) + answer)


def _answered(job: dict, body: bytes, ends: tuple[int, int]) -> bytes:
    """The result of a job, from a child under limits."""
    if job["kind"] == "read" and _is_small(body):
        return codec.to_bytes(child.definitions(job, body))
    exercise = child.warm(job)  # its time is no part of the learner's limit
    gc.freeze()  # or every child's first collection would copy all that is shared with it
    scratch = tempfile.mkdtemp(prefix="child-", dir=job["scratch"])
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_child(job, body, exercise, writer, scratch, (reader, *ends))
    os.close(writer)
    try:
        memory = None if limits.kernel_bounds_memory() else child.most_memory(job)
        data, fate = _awaited(reader, ends[0], Watch(pid, job["timeout"], scratch, memory))
    finally:
        os.close(reader)
        for kill in (os.killpg, os.kill):  # also what it left running
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        remove(scratch)
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return data or codec.to_bytes(death(fate, killed, job["timeout"]))


def _is_small(text: bytes) -> bool:
    """Can taking it apart cost no more than a fork does? Then it needs none.

    Nested `finally` doubles at each level: two kilobytes can take gigabytes. So the word must not be there, nor
    anything that could hide it.
    """
    plain = text.isascii() and not any(word in text for word in (b"finally", b"coding", b"\\u", b"\0"))
    return plain and len(text) <= SMALL and max(map(len, text.split(b"\n"))) <= 500


def _be_child(
    job: dict, body: bytes, exercise: Exercise | None, writer: int, scratch: str, ends: tuple[int, ...]
) -> None:
    """Never returns, whatever happens."""
    try:
        limits.die_with_parent()
        for fd in ends:
            os.close(fd)
        os.setsid()
        if exercise is None:
            child.take_apart(job, body, writer)
        child.run_answer(job, exercise, body, writer, scratch)
    finally:
        os._exit(1)


def _awaited(reader: int, jobs: int, watch: Watch) -> tuple[bytes | None, str]:
    """(one whole frame or None, why the child has to end or "")."""
    data = bytearray()
    poller = select.poll()
    poller.register(reader, select.POLLIN | select.POLLHUP)
    poller.register(jobs, select.POLLHUP)
    while True:
        ready = dict(poller.poll(1000 * watch.tick))
        if ready.get(jobs, 0) & select.POLLHUP:
            _orphaned(watch)
        if reader not in ready:
            if fate := watch.fate():
                return None, fate
            continue
        chunk = os.read(reader, 1 << 20)
        data += chunk
        if len(data) >= LENGTH.size and len(data) >= LENGTH.size + LENGTH.unpack(data[: LENGTH.size])[0]:
            return bytes(data[LENGTH.size :]), ""
        if len(data) > limits.MAX_RESULT:
            return None, "large"
        if not chunk:
            return None, ""


def _orphaned(watch: Watch) -> None:
    """The process that wants the answer was killed: leave nothing behind."""
    os.killpg(watch.pid, signal.SIGKILL)
    remove(os.path.dirname(watch.scratch))
    os._exit(1)


if __name__ == "__main__":
    sys.exit(serve())
