"""What a forked child does, under its limits: take a file apart, or run one answer on the cases of its exercise."""

import __future__

import contextlib
import functools
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from utils.grading import codec, line, report, run
from utils.grading.spec import Exercise
from utils.sandbox import limits, source
from utils.sandbox.frames import write
from utils.sandbox.runner import runner
from utils.sandbox.watch import NO_MEMORY

_runner = functools.cache(runner)


def prepare() -> None:
    """Once, before a fork or a job: load what every child needs."""
    import builtins
    import linecache
    import traceback
    import types

    from utils.grading import compare

    _ = builtins, linecache, traceback, types, compare  # what messages need, too: else each child imports it
    with contextlib.suppress(ModuleNotFoundError):  # Windows
        import resource  # noqa: F401
    limits.c_library()
    limits.shared_rules()


def warm(job: dict) -> Exercise | None:
    """Import what the learner's code will need; the exercise without its answers, or None for a file to take apart."""
    if job["kind"] == "read":
        return None
    if job["torch"]:
        load_torch()
    return _runner(job["exercise"])


def load_torch() -> None:
    """Where there is one; the answer itself may do without."""
    with contextlib.suppress(ModuleNotFoundError):
        import torch

        torch.set_num_threads(1)  # and start no thread pool: it would not survive a fork


def most_memory(job: dict) -> int:
    """Bytes that a job may take beyond what its process has."""
    return limits.PARSING if job["kind"] == "read" else limits.MEMORY[job["torch"]]


def take_apart(job: dict, data: bytes, writer: int) -> NoReturn:
    """Send the definitions that a file's text holds: nothing of it runs."""
    limits.bound(most_memory(job), job["timeout"])
    _reply(writer, definitions(job, data))


def definitions(job: dict, data: bytes) -> dict:
    """What a file's text defines, or why nothing can be read out of it."""
    try:
        return source.parts(data, job["suffix"], job["names"])
    except source.UnreadableError as error:
        return {"status": report.ERROR, "message": str(error)}
    except MemoryError:
        return NO_MEMORY
    except RecursionError:
        return {"status": report.ERROR, "message": "it is nested too deeply to be read."}


def run_answer(job: dict, exercise: Exercise, inputs: bytes, writer: int, scratch: str) -> NoReturn:
    """Run the learner's code and send what came of it."""
    job = job | {"file": os.path.abspath(job["file"])}
    os.chdir(scratch)
    tempfile.tempdir = scratch
    os.environ |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch)  # compiled code asks these
    for name, text in job["files"].items():  # what `%%writefile` cells write
        (Path(scratch) / Path(name).name).write_text(text, encoding="utf-8")
    sys.meta_path.append(_Beside(scratch, job["folder"]))
    shut_in = limits.landlock(scratch, job["folder"])
    limits.bound(most_memory(job), job["timeout"])
    if shut_in:
        shut_in()
    limits.take_away()
    sys.addaudithook(limits.guard(scratch))
    try:
        _reply(writer, _outcomes(job, exercise, codec.from_bytes(inputs)))
    except MemoryError:
        _reply(writer, NO_MEMORY)


def _reply(writer: int, answer: dict) -> NoReturn:
    write(writer, codec.to_bytes(answer))
    os._exit(0)


def _outcomes(job: dict, exercise: Exercise, inputs: list[dict]) -> dict:
    function = _define(job)
    if isinstance(function, run.Failure):
        memory = function.kind == "memory"
        return {"status": report.MEMORY if memory else report.ERROR, "message": function.message}
    if job.get("edits"):
        start = time.process_time()
        done = line.runner(vars(sys.modules["answer"]), exercise)(job["edits"], inputs)
        return {
            "outcomes": [outcome.to_plain() for row in done for outcome in row],
            "seconds": time.process_time() - start,
        }
    return {"outcomes": [outcome.to_plain() for outcome in run.outcomes(function, exercise, inputs)]}


def _define(job: dict) -> Any:
    """Execute the definitions and return the learner's function, or why there is none."""
    import builtins
    import linecache
    import types

    name, text = job["exercise"], job["source"]
    module = types.ModuleType("answer")
    module.__file__ = job["file"]
    sys.modules["answer"] = module  # dataclasses and pickle look a class's module up
    builtins.display = _shown  # a notebook has it; here nobody looks
    linecache.cache["<answer>"] = (len(text), None, text.splitlines(True), "<answer>")
    try:
        if job.get("whole"):
            _run_whole(job["whole"], module.__dict__)
        else:
            exec(compile(text, "<answer>", "exec"), module.__dict__)
    except BaseException as error:
        return run.failure_of(error)
    function = module.__dict__.get(name)
    if not callable(function):
        return run.Failure("raised", f"{name} is not a function or class.")
    owner = run.borrowed(function)
    return run.Failure("raised", f"{name} comes from {owner}: write your own.") if owner else function


def _run_whole(statements: list[list], names: dict) -> None:
    """Run all statements of a file, one by one; what one raises that the exercise does not need is passed over."""
    flags = 0
    for text, needed in sorted(statements, key=lambda part: not part[0].startswith("from __future__")):
        try:
            code = compile(text, "<answer>", "exec", flags, dont_inherit=True)
            flags |= code.co_flags & __future__.annotations.compiler_flag
            exec(code, names)
        except BaseException:
            if needed:
                raise


def _shown(*_: Any, **__: Any) -> None:
    """IPython's display, without a screen."""


class _Beside(importlib.abc.MetaPathFinder):
    """Finds modules in the scratch folder and beside the learner's file, as a notebook does."""

    def __init__(self, *folders: str) -> None:
        self.folders = [folder for folder in folders if folder]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.PathFinder.find_spec(name, self.folders) if path is None else None
