"""The stop button during a check: where the learner's code was, without the course's own frames."""

import linecache
from types import CodeType, TracebackType

from utils.grading import own


class Stopped(KeyboardInterrupt):
    """KeyboardInterrupt with the learner's lines in place of a traceback."""

    lines: tuple[str, ...] = ()

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return [f"KeyboardInterrupt: {self}", *self.lines]


Stopped.__name__ = Stopped.__qualname__ = "KeyboardInterrupt"
Stopped.__module__ = "builtins"


def stopped(error: KeyboardInterrupt, call: str) -> Stopped:
    """What to raise in the place of `error`, which came while `call` ran; the traceback has the learner's frames."""
    inside = [(frame, number) for frame, number in own.frames(error) if frame.f_code.co_name != "<module>"]
    if not inside:
        return Stopped(f"{call} was stopped; your code was not running at that moment.")
    *before, last = [_said(frame.f_code, number) for frame, number in inside]
    new = Stopped(f"{call} was stopped. Your code was at {last}")
    new.lines = tuple(f"  called from {place}" for place in reversed(before[-3:]))
    trace = None
    for frame, number in reversed(inside):
        trace = TracebackType(trace, frame, frame.f_lasti, number)
    return new.with_traceback(trace)


def _said(code: CodeType, number: int) -> str:
    return f"line {number} of {code.co_name}: `{linecache.getline(code.co_filename, number).strip()}`"
