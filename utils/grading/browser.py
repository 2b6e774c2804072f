"""What is different in a browser, where the course runs in Pyodide: attempts lie in IndexedDB, and NumPy needs mending.

The book's pages read the same store (book/lite/store.js). A file beside the notebook would be lost with the kernel
wherever the browser allows no service worker.
"""

import functools
import importlib.util
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

HERE = sys.platform == "emscripten"

# The browser's API calls back; as promises it can be awaited from Python. Where there is none (node), nothing is kept.
_SCRIPT = """
const opened = () => new Promise((resolve, reject) => {
  const request = indexedDB.open("vision-interview-course", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("attempts", { autoIncrement: true });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const asked = async (mode, ask) => {
  if (typeof indexedDB === "undefined") return [];
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction("attempts", mode);
      const request = ask(transaction.objectStore("attempts"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
};
({
  add: (text) => asked("readwrite", (store) => store.add(JSON.parse(text))),
  all: async () => JSON.stringify(await asked("readonly", (store) => store.getAll())),
})
"""

_stored: list[Any] = []  # what the store holds, as last read, and what was written since
_pending: list[dict] = []  # attempts on their way into the store
_lost: list[dict] = []  # attempts that the store did not take
_tasks: set[Any] = set()  # a task that nobody refers to may be collected before it has run


@functools.cache
def _store() -> Any:
    from pyodide.code import run_js

    return run_js(_SCRIPT)


def note(attempt: dict) -> bool:
    """Keep an entry of the log: known at once, in the store a moment later.

    False once the store has refused one, this one or an earlier one: writing takes longer than a verdict.
    """
    _pending.append(attempt)
    _start(_write(attempt))
    return not _lost


def attempts() -> list[Any]:
    """All attempts in this browser, those of other notebooks and of earlier days included, oldest first.

    Python can wait for the store where the browser can switch stacks. Elsewhere this is what was last read (the first
    time when the kernel imported the course) and the next call knows more.
    """
    from pyodide.ffi import can_run_sync, run_sync

    run_sync(_read()) if can_run_sync() else _start(_read())
    return _stored + _pending


def _start(work: Coroutine) -> None:
    import asyncio  # a tenth of the time of `from utils import check`, and needed in browsers only

    task = asyncio.ensure_future(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _write(attempt: dict) -> None:
    try:
        await _store().add(json.dumps(attempt, ensure_ascii=False))
    except Exception:  # a private window, a full disk: a verdict is worth more than its entry
        _lost.append(attempt)
        return
    _pending.remove(attempt)
    _stored.append(attempt)


async def _read() -> None:
    try:
        _stored[:] = json.loads(await _store().all())
    except Exception:  # what this kernel noted is still there
        return


def raising(function: Callable, message: str) -> Callable:
    """A function of numpy.linalg that raises LinAlgError where it gives NaN for numbers that are none."""

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
    np.linalg.cholesky = raising(np.linalg.cholesky, "Matrix is not positive definite")
    np.linalg.inv = raising(np.linalg.inv, "Singular matrix")
    np.linalg.solve = raising(np.linalg.solve, "Singular matrix")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell and importlib.util.find_spec("jedi") is None:
        shell.Completer.use_jedi = False  # the kernel takes it for granted, and the site leaves it out
    _start(_read())


if HERE:
    set_up()
