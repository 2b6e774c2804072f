"""What is different in a browser, where the course runs in Pyodide: attempts lie in IndexedDB, and NumPy needs mending.

The book's pages read the same store (`store.js`, which runs here and there). A file beside the notebook would be lost
with the kernel wherever the browser allows no service worker.
"""

import functools
import importlib.util
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

HERE = sys.platform == "emscripten"
PATIENCE = 1.0  # seconds that a verdict waits for the store
FIRST, LAST = 2.0, 60.0  # seconds between two tries to write what was refused

# As text, so that nothing of the browser's is kept alive from here.
_ASKED = """({
  add: (text) => course.log.add(JSON.parse(text)),
  all: async () => JSON.stringify(await course.log.entries()),
  words: (error) => course.words(error),
  tell: (text) => course.tell(JSON.parse(text)),
})"""

_stored: list[Any] = []  # what the store holds, as last read, and what was written since
_pending: list[dict] = []  # entries on their way into the store, in their order
_tasks: set[Any] = set()  # a task that nobody refers to may be collected before it has run
_refused = ""  # why the store did not take the pending ones, in words
_trying = False  # is somebody trying again?


@functools.cache
def _store() -> Any:
    from pyodide.code import run_js

    run_js(Path(__file__).with_name("store.js").read_text(encoding="utf-8"))
    return run_js(_ASKED)


@functools.cache
def _turn() -> Any:
    """Reading and writing wait for each other: an older reading never hides what was written since."""
    import asyncio  # a tenth of the time of `from utils import check`, and needed in browsers only

    return asyncio.Lock()


def note(attempt: dict) -> bool:
    """Keep an entry of the log: known at once, in the store a moment later; False where the store refuses.

    Where Python cannot wait for the store, a refusal is told with the next entry.
    """
    import asyncio

    _pending.append(attempt)
    task = _start(_write())
    if _can_wait():
        _wait_for(asyncio.wait({task}, timeout=PATIENCE))
    return not _refused


def refusal() -> str:
    """Why the last entries are not in the store, for a verdict."""
    return f"{_refused}. This attempt counts in this tab only; it is tried again while the tab is open."


def attempts() -> list[Any]:
    """All attempts in this browser, those of other notebooks and of earlier days included, oldest first.

    Python can wait for the store where the browser can switch stacks. Elsewhere this is what was last read (the first
    time when the kernel imported the course) and the next call knows more.
    """
    _wait_for(_read()) if _can_wait() else _start(_read())
    return _stored + _pending


def _can_wait() -> bool:
    from pyodide.ffi import can_run_sync

    return can_run_sync()


def _wait_for(work: Coroutine) -> None:
    from pyodide.ffi import run_sync

    run_sync(work)


def _start(work: Coroutine) -> Any:
    import asyncio

    task = asyncio.ensure_future(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def _write() -> None:
    """Write what is pending, all of it or nothing."""
    global _refused
    async with _turn():
        batch = list(_pending)
        before, _refused = _refused, await _why_not(batch)
        if not _refused:
            del _pending[: len(batch)]
            _stored.extend(batch)
    if _refused:
        _tell(refused=_refused)
        _start(_again())
    elif before:
        _tell(kept=True)


async def _why_not(batch: list[dict]) -> str:
    """Add entries to the store; why it refused them, or ""."""
    try:
        await _store().add(json.dumps(batch, ensure_ascii=False))
    except Exception as error:  # a private window, a full disk: a verdict is worth more than its entry
        return str(_store().words(error))
    return ""


async def _again() -> None:
    """Try until it is written, ever less often."""
    global _trying
    import asyncio

    if _trying:
        return
    _trying, seconds = True, FIRST
    while _pending:
        await asyncio.sleep(seconds)
        seconds = min(2 * seconds, LAST)
        await _write()
    _trying = False


def _tell(**news: object) -> None:
    """Tell the pages of this browser, where one can see it."""
    _store().tell(json.dumps(news))


async def _read() -> None:
    async with _turn():
        try:
            _stored[:] = json.loads(await _store().all())
        except Exception:  # what this kernel noted is still there
            return


def raising(function: Callable, message: str) -> Callable:
    """A function of numpy.linalg that raises LinAlgError where it gives NaN for numbers that are none."""

    import numpy as np  # here, for the command line does without it

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if np.isnan(result).any() and not any(np.isnan(array).any() for array in args):
            raise np.linalg.LinAlgError(message)
        return result

    return checked


def set_up() -> None:
    """Make the kernel ready: read the earlier attempts, and let numpy.linalg raise as its documentation says.

    It learns of a failure by the processor's floating-point flags, which WebAssembly has not, and returns NaN instead.
    """
    import numpy as np

    np.linalg.cholesky = raising(np.linalg.cholesky, "Matrix is not positive definite")
    np.linalg.inv = raising(np.linalg.inv, "Singular matrix")
    np.linalg.solve = raising(np.linalg.solve, "Singular matrix")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell and importlib.util.find_spec("jedi") is None:
        shell.Completer.use_jedi = False  # the kernel takes it for granted, and the site leaves it out
    _start(_read())


if HERE:
    set_up()
