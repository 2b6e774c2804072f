"""A limit on a learner's function in this very process: it is interrupted from inside.

In the main thread a timer of the system does it, which ends a sleep, too. In any other thread, and on Windows, a thread
beside it does, which reaches it when it gets to its next line of Python. Neither reaches into one call of C code that
never ends, such as `sum(itertools.count())`; in a browser nothing can: there, the kernel has to be restarted.
"""

import _thread
import math
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SECONDS = 10.0  # of the processor's time, for all cases of an exercise
PATIENCE = 4  # times as many may pass on the clock: for sleepers, and for a busy machine
AGAIN = 0.5  # seconds, for whoever catches everything
POLL = 0.1

_armed: dict[int, "_Watch"] = {}  # thread → what is run in it
_lock = _thread.allocate_lock()  # between sending an error and no longer wanting it
_helper: list = []  # the thread that watches them, and the event that wakes it


class TooLongError(BaseException):
    """The time is over. No `except Exception` of a learner's catches it."""

    words = ""


def words(seconds: float, idle: bool) -> str:
    """What a verdict says of it."""
    if idle:
        return f"no answer within {PATIENCE * seconds:g} s, and it used little of the processor; it was stopped"
    return f"no answer within {seconds:g} s of processor time; it was stopped"


def run(work: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `work()` returns; TooLongError where it was interrupted. ValueError for no number of seconds."""
    if not (isinstance(seconds, (int, float)) and seconds > 0):
        raise ValueError(f"timeout is a number of seconds above 0, as in timeout=60; it got {seconds!r}.")
    if sys.platform == "emscripten" or math.isinf(seconds):
        return work()
    watch = _Watch(seconds)
    signal = _free_alarm()
    return _by_alarm(work, watch, signal) if signal else _by_thread(work, watch)


class _Watch:
    """One limit, from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.rang = seconds, 0.0
        self.clock, self.used = time.monotonic(), time.process_time()

    def over(self) -> type[TooLongError] | None:
        """What to raise, with its words, or None while there is time."""
        passed, used = time.monotonic() - self.clock, time.process_time() - self.used
        idle = passed >= PATIENCE * self.seconds
        if not idle and min(passed, used) < self.seconds:
            return None
        return type("TooLongError", (TooLongError,), {"words": words(self.seconds, idle and used < self.seconds)})


def _guarded(work: Callable[[], Any]) -> Any:
    """Nothing is raised where this function is not being run: an alarm may ring when all is done."""
    return work()


def _is_guarded(frame: FrameType | None) -> bool:
    while frame and frame.f_code is not _guarded.__code__:
        frame = frame.f_back
    return frame is not None


def _free_alarm() -> Any:
    """The module `signal` where this is the main thread and nobody else uses the alarm; else None."""
    import signal

    try:
        free = signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and not signal.getitimer(signal.ITIMER_REAL)[0]
        signal.signal(signal.SIGALRM, signal.SIG_DFL) if free else None
    except (AttributeError, ValueError):  # Windows; another thread
        return None
    return signal if free else None


def _by_alarm(work: Callable[[], Any], watch: _Watch, signal: Any) -> Any:
    def ring(_: int, frame: FrameType | None) -> None:
        if (error := watch.over()) and _is_guarded(frame):
            raise error

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, watch.seconds + POLL, AGAIN)
    try:
        return _guarded(work)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _by_thread(work: Callable[[], Any], watch: _Watch) -> Any:
    import threading

    me = threading.get_ident()
    _armed[me] = watch
    _wake()
    try:
        return _guarded(work)
    finally:
        # What was sent arrives here and cannot be taken back: SetAsyncExc(thread, NULL) leaves CPython's note that
        # something waits, for ever, and under a profiler or a debugger 3.11 then never gets past the next line.
        while me in _armed:
            try:
                with _lock:  # after it nothing more is sent
                    _armed.pop(me, None)
                _nothing()
            except TooLongError:
                pass


def _nothing() -> None:
    """A call, at whose start what waits arrives."""


def _wake() -> None:
    import threading

    if not _helper or not _helper[0].is_alive():
        event = threading.Event()
        _helper[:] = threading.Thread(target=_look, args=(event,), daemon=True, name="stopwatch"), event
        _helper[0].start()
    if not _helper[1].is_set():
        _helper[1].set()


def _look(wanted: Any) -> None:
    """The helper's whole life: asleep while nothing is run."""
    while True:
        wanted.wait()
        time.sleep(POLL)
        for thread, watch in list(_armed.items()):
            late = time.monotonic() - watch.rang > AGAIN and watch.over()
            with _lock:
                if late and thread in _armed and _is_guarded(sys._current_frames().get(thread)):
                    watch.rang = time.monotonic()
                    _interrupt(thread, late)
        if not _armed:
            wanted.clear()
            if _armed:  # armed between the two lines
                wanted.set()


def _interrupt(thread: int, error: type[BaseException]) -> None:
    """Raise an error in another thread at its next line."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
