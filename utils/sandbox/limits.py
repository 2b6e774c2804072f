"""What a child may use and touch: time, memory, files, network. The lower wall is Landlock, where the kernel has it."""

import contextlib
import ctypes
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

MEMORY = {False: 320 << 20, True: 3 << 30}  # bytes of address space beyond the worker's own; with torch: True
MAX_FILE = 16 << 20  # bytes a child may write into one file of its scratch folder
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECRET = ("references", "fingerprints", "recorded", "exercises", "carried")  # folders of `utils` that answer questions


def die_with_parent() -> None:
    """Ask the kernel (Linux) to kill this process when its parent ends, however it ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def bound(memory: int, seconds: float) -> None:
    """Limits of the operating system on memory, processor time, and the size of a file."""
    import resource

    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else contextlib.nullcontext() as file:
        used = int(file.read().split()[0]) * resource.getpagesize() if file else 0
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an OSError, not a death
    wanted = {"AS": used + memory, "CORE": 0, "FSIZE": MAX_FILE, "CPU": int(seconds) + 2}
    for name, limit in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # a system that sets a lower one already
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


# ---- Landlock -----------------------------------------------------------------------------------------------------


def landlock(scratch: str, beside: str = "") -> Callable[[], None] | None:
    """What shuts this process in when it is called; None where there is no Landlock.

    Files can be read where Python and its packages lie, in the folder `beside`, and in `scratch`, which alone can be
    written; no TCP, no signals to others. Made before the fork's guard, for it opens folders.
    """
    try:
        from py_landlock import Landlock, LandlockError
        from py_landlock.flags import AccessFs
    except ImportError:
        return None
    try:
        rules = Landlock(strict=False)
        files, folders = _split(_readable() + ([beside] if beside else []))
        rules.add_path_rule(*files, access=AccessFs.READ_FILE)
        rules.allow_read(*folders).allow_read_write(scratch, *_existing("/dev/shm"))
        rules.add_path_rule(scratch, access=AccessFs.MAKE_FIFO | AccessFs.REFER)
        rules.add_path_rule(*_existing("/dev/null"), access=AccessFs.READ_FILE | AccessFs.WRITE_FILE)
        _ = rules.abi_version
    except (LandlockError, OSError):
        return None
    return rules.apply


@functools.cache
def _readable() -> list[str]:
    """Python, its packages and the system's libraries; of `utils` all but what answers questions."""
    system = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/dev/urandom", "/proc", "/sys/devices/system/cpu"]
    packages = [os.path.join(PACKAGE, name) for name in os.listdir(PACKAGE) if name not in (*SECRET, "__pycache__")]
    return _existing(*system, sys.prefix, sys.base_prefix, sys.exec_prefix, *packages)


def _split(paths: list[str]) -> tuple[list[str], list[str]]:
    """(files, folders): a right on folders is refused for a file."""
    return [path for path in paths if not os.path.isdir(path)], [path for path in paths if os.path.isdir(path)]


def _existing(*paths: str) -> list[str]:
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]


# ---- the audit hook -----------------------------------------------------------------------------------------------

_FORBIDDEN = {
    "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "subprocess.Popen", "pty.spawn",
    "os.kill", "os.killpg", "signal.pthread_kill", "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg",
    "ctypes.dlsym",
}  # fmt: skip
_WRITING = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod",
            "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.chown"}  # fmt: skip
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def guard(scratch: str) -> Callable[[str, tuple], None]:
    """An audit hook, which Python code cannot take off again: no processes, no network, no writing outside the
    scratch folder, no reading of the answers. It sees what goes through Python; what C code does only Landlock sees.
    """
    secret = (*(os.path.join(PACKAGE, name) for name in SECRET), os.path.join(os.path.dirname(PACKAGE), "solutions"))
    own, shared = os.path.realpath(scratch), "/dev/shm"
    libraries = tuple({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix)})
    forbidden, writing, flags_of_writing, devnull = frozenset(_FORBIDDEN), frozenset(_WRITING), _WRITE_FLAGS, os.devnull
    realpath, fsdecode, separator = os.path.realpath, os.fsdecode, os.sep

    def inside(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + separator)

    def refuse_library(name: Any) -> None:
        path = realpath(fsdecode(name)) if isinstance(name, (str, bytes)) else ""
        if not any(inside(path, folder) for folder in libraries):
            raise PermissionError("ctypes.dlopen is not allowed while grading")

    def hook(event: str, args: tuple) -> None:
        if event in forbidden:
            raise PermissionError(f"{event} is not allowed while grading")
        if event == "ctypes.dlopen":
            refuse_library(args[0])
        if event != "open" and event not in writing:
            return
        paths = [realpath(fsdecode(arg)) for arg in args if isinstance(arg, (str, bytes, os.PathLike))]
        if event == "open":
            paths = paths[:1] if isinstance(args[0], (str, bytes, os.PathLike)) else []
            if any(inside(path, folder) for path in paths for folder in secret):
                raise PermissionError("the answers cannot be read while grading")
            if not args[2] & flags_of_writing:
                return
        if any(not inside(path, own) and not inside(path, shared) and path != devnull for path in paths):
            raise PermissionError("files can be written in the working folder only while grading")

    return hook


def walls() -> str:
    """Which walls stand on this machine, in one sentence for `course doctor` and the README's reader."""
    if landlock(os.getcwd()):
        return "Landlock (files, TCP, signals), limits on time, memory and file size, and Python's audit hook"
    return "limits on time, memory and file size, and Python's audit hook; this kernel has no Landlock"
