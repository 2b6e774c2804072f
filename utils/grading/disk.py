"""Files on any system: appended to by one call, though several processes write, and written whole or not at all."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import msvcrt
except ModuleNotFoundError:
    msvcrt = None
try:
    import fcntl
except ModuleNotFoundError:
    fcntl = None

FAR = 0x7FFF0000  # Windows locks bytes of a file; this one lies where no log ever has any
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
WAIT = 0.05  # seconds
WINDOWS = os.name == "nt"


def opened(path: Path) -> int:
    """A descriptor that writes at the end of a file, bytes as they are, and makes the file where there is none."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)


def append(handle: int, data: bytes) -> int:
    """Write at the end by one call; how many of the bytes a full disk took."""
    with _alone(handle):
        return os.write(handle, data)


def hold(handle: int) -> bool:
    """Take the file until it is closed or this process ends, however it ends; False where another process has it."""
    try:
        if msvcrt is not None:
            os.lseek(handle, FAR + 1, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        elif fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _alone(handle: int) -> Iterator[None]:
    """POSIX appends whole blocks. Windows looks for the end first and then writes, so nobody else may do so then."""
    if msvcrt is None:
        yield
        return
    os.lseek(handle, FAR, os.SEEK_SET)
    msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # waits; OSError after ten seconds
    try:
        yield
    finally:
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)


def name_here(name: str) -> str:
    """A file's name of another system as this one takes it: Windows has no `a?.py`, no `con.py`, no dot at the end."""
    if not WINDOWS:
        return name
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f]|[ .]+$', "_", name)
    return f"_{name}" if _RESERVED.match(name) else name


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside `path` to write into; it takes the place of what stood at `path` when the block has ended well."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: a crash or a full disk leaves the old one. Text is UTF-8. Raises OSError."""
    with whole(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def replace(part: Path, target: Path) -> None:
    """Put a file in the place of another. Windows refuses as long as a program has that one open: wait a second."""
    for _ in range(20 if WINDOWS else 0):
        with contextlib.suppress(PermissionError):
            os.replace(part, target)
            return
        time.sleep(WAIT)
    os.replace(part, target)
