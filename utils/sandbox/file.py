"""A file's bytes, or why it has none to be graded: nothing that a folder may hold stops a run or waits for ever."""

import os
import stat
from pathlib import Path

MOST = 32 << 20  # bytes of a file that is taken apart
_AS_IT_IS = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))  # whichever there is
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip


class NoTextError(Exception):
    """There is nothing to grade at that path; the message says what there is."""


def content(path: Path) -> bytes:
    """The bytes of a .py or .ipynb file; NoTextError for anything else, without waiting for a pipe or a device."""
    if path.suffix.lower() not in (".py", ".ipynb"):
        raise NoTextError("it is neither a .py nor an .ipynb file.")
    try:
        handle = os.open(path, os.O_RDONLY | _AS_IT_IS)
    except OSError as error:
        dangling = path.is_symlink() and not path.exists()
        words = "it is a link to a file that is not there." if dangling else f"it cannot be opened ({error.strerror})."
        raise NoTextError(words) from None
    try:
        about = os.fstat(handle)  # of what was opened, whatever lies at the path by now
        if not stat.S_ISREG(about.st_mode):
            raise NoTextError(f"it is {_KINDS.get(stat.S_IFMT(about.st_mode), 'no file')}, not a file.")
        if about.st_size > MOST:
            raise NoTextError(f"it is larger than {MOST >> 20} MB.")
        return _all(handle)
    except OSError as error:
        raise NoTextError(f"it cannot be read ({error.strerror}).") from None
    finally:
        os.close(handle)


def _all(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    return b"".join(parts)
