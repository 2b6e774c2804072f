"""Whether this course forks here, and a search in a forked child, where no edited text can hang or kill its parent."""

import json
import os
import select
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

CPU = 3  # whole seconds after which the system kills the child, also inside C code
PATIENCE = 20  # seconds on the wall, after which nobody waits for it any longer
MEMORY = 1 << 30  # bytes more than the process had before


def forks() -> bool:
    """May this process fork children? COURSE_FORK=on or off decides, too. Where it may not, children are started fresh.

    Windows and a browser cannot fork. macOS can, but its libraries, NumPy's linear algebra among them, may crash or
    hang after it.
    """
    wanted = os.environ.get("COURSE_FORK", "off" if sys.platform == "darwin" else "on")
    return hasattr(os, "fork") and sys.platform != "emscripten" and wanted != "off"


def aside(search: Callable[[], dict | None]) -> dict | None:
    """`search` in a forked child: an edit may keep C code busy for minutes or ask for gigabytes, as `rows.append(rows)`
    before `np.stack(rows)` does, and no clock in Python stops that. Where nothing forks it runs here."""
    if not forks():
        return search()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a kernel has threads; the child needs none of them
        child = os.fork()
    if not child:
        _answer(search, writer)
    os.close(writer)
    try:
        ready = select.select([reader], [], [], PATIENCE)[0]
        text = os.read(reader, 1 << 16) if ready else b""
        return json.loads(text) if text else None
    finally:
        os.close(reader)
        os.kill(child, 9)
        os.waitpid(child, 0)


def _answer(search: Callable[[], dict | None], writer: int) -> NoReturn:
    """The child's part: silent, within the memory, and gone without the cleaning up that belongs to the parent."""
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
        _limit()
        if found := search():
            os.write(writer, json.dumps(found).encode())
    finally:
        os._exit(0)


def _limit() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
        resource.setrlimit(resource.RLIMIT_AS, (address_space() + MEMORY,) * 2)


def address_space() -> int:
    """Bytes of address space that this process has now (Linux only): limits are counted from there."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
