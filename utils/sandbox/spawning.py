"""The worker process where there is no fork: each answer runs in a fresh interpreter, warm before it is wanted.

To its parent it speaks as `server.py` does. A child takes any number of files apart, for nothing of them runs, and
then runs one answer, after which it is killed: what an answer leaves behind in Python or NumPy meets no other. The
next child gets ready while an answer runs.
"""

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
from typing import BinaryIO

from utils.grading import codec, report
from utils.sandbox import child as inside
from utils.sandbox import limits, process
from utils.sandbox.frames import private, receive, send
from utils.sandbox.watch import Watch, death, remove

WARMING = 120.0  # seconds that an interpreter may take for its imports; torch on a slow disk needs many


def serve() -> None:
    """Read jobs until the pipe ends, or until a child has changed this process's limits: see `server.py`."""
    jobs, writer = private()
    bounds = limits.of_this_process()
    children, waiting = _Children(), queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, waiting, children), daemon=True).start()
    with os.fdopen(writer, "wb") as results, contextlib.suppress(BrokenPipeError):
        while limits.of_this_process() == bounds:
            job, body = codec.from_bytes(waiting.get()), waiting.get()
            try:
                answer = children.answer(job, body)
            except OSError as error:  # no process, no folder, no memory to be had
                answer = codec.to_bytes({"status": report.MACHINE, "message": f"this machine refused: {error}."})
            send(results, b"")
            send(results, waiting.get() + answer)
    children.clear()


def _listen(jobs: BinaryIO, waiting: queue.SimpleQueue, children: "_Children") -> None:
    """Hand on what the parent sends. When it is gone, nobody wants an answer: leave nothing behind."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            waiting.put(receive(jobs))
    children.clear()
    os._exit(0)


class _Children:
    """The child that takes files apart or runs an answer, and the one that gets ready in the meantime."""

    def __init__(self) -> None:
        self.now: _Child | None = _Child(torch=False)
        self.next: _Child | None = None
        self.scratch = ""

    def answer(self, job: dict, body: bytes) -> bytes:
        """The result of a job, from a child under limits."""
        torch, self.scratch = job.get("torch", False), job["scratch"]
        if self.now is None:
            self.now, self.next = self.next or _Child(torch), None
        child, reads = self.now, job["kind"] == "read"
        folder = "" if reads else tempfile.mkdtemp(prefix="child-", dir=self.scratch)
        data, fate, over = None, "", True
        try:
            child.tell(job | {"folder of its own": folder}, body)
            if not reads:
                self.next = _Child(torch)
            data, fate = child.result(job["timeout"], folder, inside.most_memory(job))
            over = not (reads and data)
        finally:
            if over:
                self.now, killed = None, child.end(wait=not data and not fate)
                remove(folder)
        return data or codec.to_bytes(death(fate, killed, job["timeout"]))

    def clear(self) -> None:
        """End both, and delete what they wrote."""
        for child in filter(None, (self.now, self.next)):
            process.end(child.process)
        remove(self.scratch)


class _Child:
    """One interpreter."""

    def __init__(self, torch: bool) -> None:
        self.process = process.start("utils.sandbox.spawned", *(["torch"] if torch else []))
        self.frames: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, job: dict, body: bytes) -> None:
        """Hand it a job. OSError where it is gone."""
        send(self.process.stdin, codec.to_bytes(job))
        send(self.process.stdin, body)

    def result(self, timeout: float, folder: str, memory: int) -> tuple[bytes | None, str]:
        """(one whole frame or None, why it has to end or "")."""
        try:
            ready = self.frames.get(timeout=WARMING)  # its imports are over: from here on the learner's time counts
        except queue.Empty:
            ready = b""
        if not isinstance(ready, bytes) or not ready.isdigit():
            raise OSError("a fresh interpreter did not start")
        watch = Watch(int(ready), timeout, folder, memory)
        while True:
            try:
                frame = self.frames.get(timeout=watch.tick)
            except queue.Empty:
                if fate := watch.fate():
                    return None, fate
                continue
            return (frame, "") if isinstance(frame, bytes) else (None, frame)

    def end(self, wait: bool) -> int:
        """Kill it; the signal or the fault that it had died of before, else 0."""
        if wait:  # its pipe has ended: then it is about to
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=2)
        code = self.process.poll() or 0
        process.end(self.process)
        return -code if code < 0 else code if code >= 1 << 31 else 0

    def _listen(self) -> None:
        """Frames as they come; after the last one "large" or ""."""
        try:
            while True:
                self.frames.put(receive(self.process.stdout, limits.MAX_RESULT))
        except (EOFError, OSError):
            self.frames.put("")
        except ValueError:  # longer than it may be, or this end was closed
            self.frames.put("large")


if __name__ == "__main__":
    sys.exit(serve())
