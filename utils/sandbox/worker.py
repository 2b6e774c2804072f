"""Run a learner's file in a child process under limits; the parent, which alone holds the answers, judges.

parent (judge)  ──job: source, inputs──►  worker (warm: NumPy, perhaps torch)  ──fork──►  child (the learner's code)
                ◄──outcomes: arrays────                                        ◄──pipe──

One child per exercise. It gets inputs, never answers, and sends back plain arrays. A wall against accidents and
short cuts, not against malice: who wants to break out of a Python process can.
"""

import os
import subprocess
import sys
from dataclasses import dataclass

from utils.grading import catalogue, codec, judge, reference, report, run
from utils.grading.report import Report
from utils.sandbox.frames import receive, send

TIMEOUT = 10.0  # seconds of wall clock for one exercise


@dataclass(frozen=True)
class Answer:
    """One exercise of one file, ready to run."""

    exercise: str
    source: str
    torch: bool = False


class Worker:
    """The parent's end of a warm process that forks a child for each answer. Not for use by two threads at once."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def grade(self, answer: Answer) -> Report:
        """Run an answer in a child and judge it. Never raises for what the learner's code does."""
        exercise = catalogue.exercise(answer.exercise)
        slug = catalogue.slug_of(answer.exercise)
        references = reference.load(slug)[answer.exercise]
        job = {
            "exercise": answer.exercise, "source": answer.source, "timeout": self.timeout,
            "torch": answer.torch or catalogue.question(slug).torch,
        }  # fmt: skip
        result = self._ask(codec.to_bytes(job), codec.to_bytes([ref.inputs for ref in references]))
        outcomes = _outcomes(result)
        if outcomes:
            try:
                return judge.judge(exercise, outcomes, references)
            except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError):
                result = _UNREADABLE  # a child that made up its own answer
        status, message = _trouble(result)
        advice = _ADVICE.get(status, "")
        return Report(answer.exercise, status, 0, len(references) + 1, facts=(("Got", message),), advice=advice)

    def _ask(self, *frames: bytes) -> dict:
        try:
            self._start()
            for frame in frames:
                send(self._process.stdin, frame)
            return codec.from_bytes(receive(self._process.stdout))
        except (OSError, EOFError, ValueError):
            self.close()  # the next answer gets a fresh one
            return {"status": report.ERROR, "message": "its process was killed from outside or broke off."}

    def _start(self) -> None:
        if not hasattr(os, "fork"):
            raise SystemExit("course check needs a system that can fork: Linux, macOS, or WSL on Windows.")
        if self._process is None:
            # one thread: a pool would not survive the fork, and its arenas would fill the address space
            quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
            quiet |= {"MPLBACKEND": "Agg", "COURSE_PROGRESS": "off"}
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", "from utils.sandbox.child import serve; serve()"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | quiet, start_new_session=True,
            )  # fmt: skip


_UNREADABLE = {"status": report.ERROR, "message": "its process sent back something unreadable."}


def _outcomes(result: object) -> list[run.Outcome] | None:
    """The outcomes in what a child sent, or None; a child is not to be trusted with the form of its answer either."""
    try:
        return [run.Outcome.from_plain(plain) for plain in result["outcomes"]]
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


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
}
