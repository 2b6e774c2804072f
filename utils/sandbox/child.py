"""The far side of `worker.py`: a warm worker that forks a child for each answer, and the child under its limits."""

import contextlib
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from typing import Any

from utils.grading import catalogue, codec, report, run
from utils.sandbox.frames import LENGTH, receive, send

MEMORY = {False: 320 << 20, True: 3 << 30}  # bytes of address space beyond the worker's own; with torch: True
MAX_FILE = 16 << 20  # bytes a child may write into one file of its scratch folder
MAX_RESULT = 64 << 20  # bytes a child may send back


def serve() -> None:
    """The worker: read jobs, run each in a fork, send the result back, until the parent closes the pipe."""
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # no standard input, and a flood of output costs nobody anything
        os.dup2(silence, fd)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            job = codec.from_bytes(receive(jobs))
            inputs = receive(jobs)
            _warm(job)
            send(results, _run_child(job, inputs, private=(jobs.fileno(), results.fileno())))


def _warm(job: dict) -> None:
    """Import what the child would import, once; its time is no part of the learner's limit."""
    if job["torch"]:
        import torch

        torch.set_num_threads(1)  # and start no thread pool: it would not survive the fork
    catalogue.exercise(job["exercise"])


def _run_child(job: dict, inputs: bytes, private: tuple[int, ...]) -> bytes:
    scratch = tempfile.mkdtemp(prefix="course-")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        for fd in (reader, *private):
            os.close(fd)
        _child(job, inputs, writer, scratch)
    os.close(writer)
    try:
        data, late = _read_until(reader, time.monotonic() + job["timeout"])
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # also what it left running
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        shutil.rmtree(scratch, ignore_errors=True)
    return data or codec.to_bytes(_death(late, status, job["timeout"]))


def _read_until(reader: int, deadline: float) -> tuple[bytes | None, bool]:
    """(one whole frame or None, whether time ran out)."""
    data = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return None, True
        chunk = os.read(reader, 1 << 20)
        data += chunk
        whole = len(data) >= LENGTH.size and len(data) >= LENGTH.size + LENGTH.unpack(data[: LENGTH.size])[0]
        if whole:
            return bytes(data[LENGTH.size :]), False
        if not chunk or len(data) > MAX_RESULT:
            return None, False


def _death(late: bool, status: int, timeout: float) -> dict:
    if late:
        return {"status": report.TIMEOUT, "message": f"no answer within {timeout:g} s; it was stopped."}
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        name = signal.Signals(os.WTERMSIG(status)).name
        return {"status": report.ERROR, "message": f"its process crashed ({name})."}
    return {"status": report.ERROR, "message": "its process ended before it had answered, as os._exit does."}


# ---- the child's side -------------------------------------------------------------------------------------------


def _child(job: dict, inputs: bytes, writer: int, scratch: str) -> None:
    """Run the learner's code and send what came of it. Never returns."""
    os.setsid()
    os.chdir(scratch)
    tempfile.tempdir = scratch
    _limit(MEMORY[job["torch"]], job["timeout"])
    sys.addaudithook(_guard(scratch))
    try:
        data = codec.to_bytes(_answer(job, codec.from_bytes(inputs)))
    except MemoryError:
        data = codec.to_bytes({"status": report.MEMORY, "message": "it asked for more memory than there is."})
    data = LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(writer, data) :]
    os._exit(0)


def _answer(job: dict, inputs: list[dict]) -> dict:
    function = _define(job["source"], job["exercise"])
    if isinstance(function, run.Failure):
        memory = function.kind == "memory"
        return {"status": report.MEMORY if memory else report.ERROR, "message": function.message}
    outcomes = run.outcomes(function, catalogue.exercise(job["exercise"]), inputs)
    return {"outcomes": [outcome.to_plain() for outcome in outcomes]}


def _define(source: str, name: str) -> Any:
    """Execute the definitions and return the learner's function, or why there is none."""
    import linecache
    import types

    module = types.ModuleType("answer")
    sys.modules["answer"] = module  # dataclasses and pickle look a class's module up
    linecache.cache["<answer>"] = (len(source), None, source.splitlines(True), "<answer>")
    try:
        exec(compile(source, "<answer>", "exec"), module.__dict__)
    except BaseException as error:
        return run.failure_of(error)
    function = module.__dict__.get(name)
    return function if callable(function) else run.Failure("raised", f"{name} is not a function or class.")


def _limit(memory: int, timeout: float) -> None:
    import resource

    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else contextlib.nullcontext() as file:
        used = int(file.read().split()[0]) * resource.getpagesize() if file else 0
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an OSError, not a death
    wanted = {"AS": used + memory, "CORE": 0, "FSIZE": MAX_FILE, "CPU": int(timeout) + 2}
    for name, limit in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # a system that sets a lower one already
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


_FORBIDDEN = {
    "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "subprocess.Popen", "pty.spawn",
    "os.kill", "os.killpg", "signal.pthread_kill", "socket.connect", "socket.bind", "socket.sendto", "ctypes.dlopen",
    "ctypes.dlsym",
}  # fmt: skip
_WRITING = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod",
            "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.chown"}  # fmt: skip
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _guard(scratch: str) -> Any:
    """An audit hook, which Python code cannot take off again: no processes, no network, no writing outside the
    scratch folder, no reading of the answers."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    secret = (
        *(os.path.join(here, name) for name in ("references", "fingerprints")),
        os.path.join(os.path.dirname(here), "solutions"),
    )
    own = os.path.realpath(scratch)
    forbidden, writing, flags_of_writing, devnull = frozenset(_FORBIDDEN), frozenset(_WRITING), _WRITE_FLAGS, os.devnull
    realpath, fsdecode, separator = os.path.realpath, os.fsdecode, os.sep

    def inside(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + separator)

    def hook(event: str, args: tuple) -> None:
        if event in forbidden:
            raise PermissionError(f"{event} is not allowed while grading")
        if event != "open" and event not in writing:
            return
        paths = [realpath(fsdecode(arg)) for arg in args if isinstance(arg, (str, bytes, os.PathLike))]
        if event == "open":
            paths = paths[:1] if isinstance(args[0], (str, bytes, os.PathLike)) else []
            if any(inside(path, folder) for path in paths for folder in secret):
                raise PermissionError("the answers are not to be read while grading")
            if not args[2] & flags_of_writing:
                return
        if any(not inside(path, own) and path != devnull for path in paths):
            raise PermissionError("files can be written in the working folder only while grading")

    return hook
