"""Run a learner's file in child processes under limits; this process, which alone holds the answers, judges.

here (judge)  ──job: source, inputs──►  worker (warm: NumPy, perhaps torch)  ──fork──►  child (the learner's code)
              ◄──outcomes: arrays────                                        ◄──pipe──

`Worker` is this end of it; the worker process is `server.py`, or `spawning.py` where nothing forks, and `child.py` is
what its children do: one takes a file apart, one runs each exercise. A child gets inputs, never answers, neither as
numbers nor as code, and sends back plain arrays. A wall against accidents and short cuts, not against malice.
"""

import functools
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from utils.grading import catalogue, codec, judge, line, reference, report, run, stopwatch
from utils.grading.forking import forks
from utils.grading.report import Report
from utils.sandbox import process
from utils.sandbox.frames import receive, send
from utils.sandbox.limits import MAX_HEAD
from utils.sandbox.watch import remove

TIMEOUT = stopwatch.SECONDS  # of processor time for one exercise
FORK = 0.005  # seconds that a child costs before it begins
_FAULT = {"status": report.MACHINE, "message": "its process was killed from outside or ended early."}
# One thread: a pool would not survive a fork, and its arenas would fill the address space.
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2",
          "MPLBACKEND": "Agg", "COURSE_PROGRESS": "off"}  # fmt: skip
_UNREADABLE = {"status": report.ERROR, "message": "its process sent back something unreadable."}
_TOO_MANY = {"status": report.ERROR, "message": "its answer holds far more values than are expected."}

# What an answer of a child's own making may raise here, the deep and the large ones too.
_FORGED = (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Answer:
    """One exercise of one file, ready to run."""

    exercise: str
    source: str
    torch: bool = False
    file: str = "answer.py"  # what `__file__` says; modules beside it can be imported
    files: dict[str, str] = field(default_factory=dict)  # what `%%writefile` cells write
    whole: list[list] = field(default_factory=list)  # [text, does the exercise need it] of all statements, or none
    here: bool = True  # its file lies on this machine, with the modules that it may import


class Worker:
    """This process's end of a warm process that forks a child for each job. Not for use by two threads at once."""

    def __init__(self, timeout: float = TIMEOUT, explain: bool = False) -> None:
        self.timeout, self.explain = timeout, explain
        self._process: subprocess.Popen | None = None
        self._scratch: tempfile.TemporaryDirectory | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process, its child and their scratch folder."""
        running, self._process = self._process, None  # first: a signal's handler may close it meanwhile
        scratch, self._scratch = self._scratch, None
        if running:
            at_once = forks() and sys.platform.startswith("linux")  # its child dies with it
            process.end(running, 0 if at_once else 5)
        if scratch:
            remove(scratch.name)
            scratch.cleanup()

    def take_apart(self, data: bytes, suffix: str, names: list[str]) -> dict:
        """What a file defines, as `source.parts` says, or {"status", "message"} of why there is nothing."""
        result = self._ask({"kind": "read", "suffix": suffix, "names": names}, data)
        return (
            result
            if isinstance(result, dict) and "parts" in result
            else dict(zip(("status", "message"), _trouble(result), strict=True))
        )

    def grade(self, answer: Answer) -> Report:
        """Run an answer in a child and judge it. Never raises for what the learner's code does.

        An answer that fails may need more of its file than was seen to: it has a second run, after all of the file.
        """
        verdict = self._grade(answer)
        if answer.whole and verdict.status in (report.WRONG, report.ERROR):
            return self._grade(answer, whole=True) or verdict
        return verdict

    def _grade(self, answer: Answer, whole: bool = False) -> Report:
        try:
            exercise = catalogue.exercise(answer.exercise)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            return _without_torch(answer)
        slug = catalogue.slug_of(answer.exercise)
        references = reference.load(slug)[answer.exercise]
        job = {
            "kind": "run", "exercise": answer.exercise, "source": answer.source, "file": answer.file,
            "folder": str(Path(answer.file).resolve().parent) if answer.here and Path(answer.file).exists() else "",
            "files": answer.files, "torch": answer.torch or catalogue.question(slug).torch,
        } | ({"whole": answer.whole} if whole else {})  # fmt: skip
        result = self._ask(job, _inputs(answer.exercise))
        outcomes = _outcomes(result)
        if outcomes:
            try:
                verdict = judge.judge(exercise, outcomes, references)
                return self._with_line(verdict, answer, job, outcomes) if self.explain and not whole else verdict
            except _FORGED:
                result = _UNREADABLE  # a child that made up its own answer
        status, message = _trouble(result)
        advice = _ADVICE.get(status, "")
        return Report(answer.exercise, status, 0, len(references) + 1, facts=(("Got", message),), advice=advice)

    def _with_line(self, verdict: Report, answer: Answer, job: dict, outcomes: list[run.Outcome]) -> Report:
        """The verdict with the line in which one edit makes it right; edited texts run in children, as all do."""
        source = line.within(answer.source, answer.exercise)
        if verdict or verdict.mistake or verdict.status not in (report.WRONG, report.ERROR) or not source:
            return verdict

        spent, start = [0.0], time.monotonic()

        def tried(texts: list[str], inputs: list[dict]) -> list[list[run.Outcome]]:
            result = self._ask(job | {"edits": texts}, codec.to_bytes(inputs))
            spent[0] += FORK + _seconds(result)
            outcomes, width = _outcomes(result) or [], len(inputs)
            return [outcomes[i : i + width] for i in range(0, len(outcomes), width)]

        def clock() -> float:  # a child may say what it likes; no search takes long
            return max(time.process_time() + spent[0], (time.monotonic() - start) / 5)

        exercise = catalogue.exercise(answer.exercise)
        references = reference.load(catalogue.slug_of(answer.exercise))[answer.exercise]
        found = judge.searched(exercise, references, outcomes, source, tried, clock=clock, batch=400)
        if found is None:
            return verdict
        return replace(
            verdict, line=found.line, mistake=found.mistake, facts=(*verdict.facts, ("Explained", found.words))
        )

    def _ask(self, job: dict, body: bytes) -> dict:
        try:
            self._start()
            number = secrets.token_bytes(16)
            send(self._process.stdin, codec.to_bytes(job | {"timeout": self.timeout, "scratch": self._scratch.name}))
            send(self._process.stdin, body)
            done = receive(self._process.stdout)
            send(self._process.stdin, number)  # the child is dead by now: it cannot have known it
            answer = receive(self._process.stdout)
            if done or answer[: len(number)] != number:
                raise EOFError("a frame that this worker did not send")
        except (OSError, EOFError):
            self.close()  # the next answer gets a fresh one
            return _FAULT
        answer = answer[len(number) :]
        if codec.head_size(answer) > MAX_HEAD and "edits" not in job:  # the edited texts' answers come all at once
            return _TOO_MANY
        try:
            return codec.from_bytes(answer)
        except Exception:  # what a child wrote into its pipe may be anything
            return _UNREADABLE

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is not None:  # it has ended since the last answer
            self.close()
        if self._process is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)
            module = "utils.sandbox.server" if forks() else "utils.sandbox.spawning"
            self._process = process.start(module, **_QUIET)


@functools.lru_cache(maxsize=32)  # a class hands in one exercise many times
def _inputs(exercise: str) -> bytes:
    """What a child gets of an exercise: the inputs of its cases."""
    return codec.to_bytes([ref.inputs for ref in reference.load(catalogue.slug_of(exercise))[exercise]])


def _without_torch(answer: Answer) -> Report:
    """Not judged: the light installation has no torch, and this question is about it."""
    if "raise NotImplementedError" in answer.source:
        return judge.blank(answer.exercise)
    got = ("Got", "this question needs torch, which is not installed")
    return Report(answer.exercise, report.MACHINE, facts=(got,), advice="`course torch` installs it.")


def _outcomes(result: object) -> list[run.Outcome] | None:
    """The outcomes in what a child sent, or None; a child is not to be trusted with the form of its answer either."""
    try:
        return [run.Outcome.from_plain(plain) for plain in result["outcomes"]]
    except _FORGED:
        return None


def _seconds(result: object) -> float:
    seconds = result.get("seconds") if isinstance(result, dict) else None
    return seconds if isinstance(seconds, float) and seconds > 0 else 0.0


def _trouble(result: object) -> tuple[str, str]:
    """(status, message) of a child that has no outcomes. It may report a fault, never that it is right."""
    fair = isinstance(result, dict) and type(result.get("status")) is str and type(result.get("message")) is str
    if not fair or result["status"] not in report.BAD:
        result = _UNREADABLE
    return result["status"], result["message"]


_ADVICE = {
    report.TIMEOUT: "Look for a loop whose condition never becomes false. --timeout S allows more time.",
    report.MEMORY: "Look for an array that is larger than its inputs, or a loop that never ends appending.",
    report.ERROR: "Run the file from top to bottom yourself to see the whole traceback.",
    report.MACHINE: "The answer is not at fault: grade it again on a machine with less to do.",
}
