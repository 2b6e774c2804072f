"""A check that never ends is stopped, and the stop button shows the learner's line."""

import signal
import subprocess
import sys
import threading
import time
import traceback

import pytest

from utils.door import check
from utils.grading import judge, stopwatch
from utils.grading.stopped import stopped


def named(function):
    """The function as an answer to a question of the course."""
    function.__name__ = "batchnorm_forward"
    return function


@named
def endless(x, gamma, beta, eps=1e-5):
    while True:
        pass


@named
def stubborn(x, gamma, beta, eps=1e-5):
    begun = time.monotonic()
    while True:
        try:
            time.sleep(60)
        except BaseException:  # what one writes to be sure; the second time it gives up
            if time.monotonic() - begun > 1.0:
                raise


@named
def right(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.var(0) + eps) ** 0.5 + beta, None


def assert_stopped(report, line):
    assert "timeout" == report.status
    got = dict(report.facts)["Got"]
    assert got.startswith("no answer within")
    assert got.endswith(f"it was stopped at `{line}`")
    assert "timeout=60" in report.advice
    assert {"Case", "Call"} <= dict(report.facts).keys()


def test_an_endless_loop_is_stopped_at_its_line():
    """The verdict says where; nothing rings afterwards."""
    report = check(endless, timeout=0.2)

    assert report.advice.startswith("Look for a loop that never ends.")
    assert "while True:" in dict(report.facts)["Got"] or "pass" in dict(report.facts)["Got"]
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL)
    assert signal.SIG_DFL == signal.getsignal(signal.SIGALRM)


def test_a_sleep_that_catches_everything_is_stopped():
    """By the clock, and again as often as it has to be."""
    assert_stopped(check(stubborn, timeout=0.1), "time.sleep(60)")


@pytest.mark.parametrize("where", ["another thread", "no SIGALRM", "the alarm is taken"])
def test_without_an_alarm_a_thread_beside_stops_it(monkeypatch, where):
    """As in another thread, on Windows, and where a program has an alarm of its own, which stays as it is."""
    if where == "no SIGALRM":
        monkeypatch.delattr(signal, "SIGALRM")
    kept, found = [], []
    if where == "the alarm is taken":
        signal.signal(signal.SIGALRM, lambda *_: kept.append("rang"))
    try:
        if where == "another thread":
            thread = threading.Thread(target=lambda: found.append(check(endless, timeout=0.2)))
            thread.start()
            thread.join(60)
        else:
            found.append(check(endless, timeout=0.2))
        if where == "the alarm is taken":
            signal.raise_signal(signal.SIGALRM)
            assert ["rang"] == kept
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    assert "timeout" == found[0].status
    assert {} == stopwatch._armed
    assert "right" == check(right).status


PROFILED = """
import sys, threading
from utils.grading import stopwatch
def endless():
    while True:
        pass
def stopped():
    try:
        stopwatch.run(endless, 0.1)
    except stopwatch.TooLongError:
        stopwatch.run(int, 5.0)
        sys.setprofile(lambda *_: None)
        print(sum(map(lambda n: n, range(9))))
thread = threading.Thread(target=stopped)
thread.start()
thread.join()
"""


def test_what_was_stopped_can_be_profiled_afterwards():
    """Nothing is left waiting in the thread: CPython 3.11 would never get past the next line under a profiler."""
    done = subprocess.run([sys.executable, "-c", PROFILED], capture_output=True, text=True, timeout=60)

    assert ("36\n", "") == (done.stdout, done.stderr)


def test_a_check_within_its_time_starts_nothing():
    """No thread in a notebook's main thread, and no alarm left behind; in a browser neither is tried."""
    before = threading.active_count()

    assert "right" == check(right, timeout=30).status
    assert "right" == check(right, timeout=float("inf")).status
    assert before == threading.active_count()
    assert signal.SIG_DFL == signal.getsignal(signal.SIGALRM)


def test_in_a_browser_nothing_is_armed(monkeypatch):
    """Pyodide has neither threads nor alarms."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(stopwatch, "_free_alarm", lambda: pytest.fail("an alarm was looked for"))

    assert 7 == stopwatch.run(lambda: 7)


@pytest.mark.parametrize("timeout", [0, -1, "10", None, float("nan")])
def test_a_timeout_is_a_positive_number(timeout):
    """Anything else is refused in one line."""
    with pytest.raises(ValueError, match="a number of seconds above 0"):
        check(right, timeout=timeout)


def test_an_alarm_after_the_work_raises_nothing():
    """It may ring a moment late: only what is run under it is interrupted."""
    watch = stopwatch._Watch(1e-9)
    while watch.over() is None:
        pass

    assert not stopwatch._is_guarded(sys._getframe())
    assert stopwatch._guarded(lambda: stopwatch._is_guarded(sys._getframe()))


@named
def interrupted(x, gamma, beta, eps=1e-5):
    return helper(x)


def helper(x):
    signal.raise_signal(signal.SIGINT)
    return x


def test_the_stop_button_shows_the_learners_line():
    """Neither the course's frames nor those of libraries; still a KeyboardInterrupt, which ends `Run all`."""
    with pytest.raises(KeyboardInterrupt) as caught:
        check(interrupted)
    error = caught.value
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    assert "check(batchnorm_forward) was stopped. Your code was at line" in str(error)
    assert str(error).endswith("of helper: `signal.raise_signal(signal.SIGINT)`")
    assert ["check", "interrupted", "helper"] == names[1:]
    assert error.__suppress_context__
    assert [f"KeyboardInterrupt: {error}", "  called from line"] == [
        error._render_traceback_()[0], error._render_traceback_()[1][:18]
    ]  # fmt: skip
    assert 2 == len(error._render_traceback_())
    assert "KeyboardInterrupt" == type(error).__name__


def test_the_stop_button_while_the_course_works(monkeypatch):
    """Then it says that the learner's code was not running."""
    monkeypatch.setattr(judge, "judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        check(right)

    assert "your code was not running" in str(stopped(KeyboardInterrupt(), "check(f)"))


CELL = """
from utils import check
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    n = 1
    while n:
        n += 1
print("begun", flush=True)
check(batchnorm_forward{more})
"""


def test_a_notebook_s_kernel_is_stopped_in_both_ways(env):
    """A real kernel: its time is over, and then its stop button; it answers afterwards."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        timed = outputs(client, CELL.format(more=", timeout=0.3"))
        pressed = outputs(client, CELL.format(more=""), manager.interrupt_kernel)
        after = outputs(client, "print(6 * 7)")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

    assert "batchnorm_forward · timeout · 0 of 10 cases" in timed
    assert "it was stopped at `" in timed
    assert "KeyboardInterrupt: check(batchnorm_forward) was stopped. Your code was at line" in pressed
    assert "of batchnorm_forward: `" in pressed
    assert not [word for word in ("outcome", "judge", "door.py", "Cell In") if word in pressed]
    assert "42\n" == after


def outputs(client, code, then=None):
    """Everything that a cell shows; `then()` is called once it has printed something."""
    found = []

    def hook(message):
        content = message["content"]
        found.append("\n".join(content.get("traceback", [])) or content.get("text", ""))
        found.append(content.get("data", {}).get("text/plain", ""))
        if then and "begun" in content.get("text", ""):
            time.sleep(1.0)
            then()

    client.execute_interactive(code, timeout=120, output_hook=hook)
    return "".join(found)
