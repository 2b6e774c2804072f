"""What a child may use and touch: time, memory, files, network. The lower wall is Landlock, where the kernel has it."""

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from utils.grading.forking import address_space, forks

MEMORY = {False: 320 << 20, True: 3 << 30}  # bytes of address space beyond the worker's own; with torch: True
PARSING = 1 << 30  # the same for taking a file apart
MAX_FILE = 16 << 20  # bytes a child may write into one file of its scratch folder
MAX_SCRATCH = 256 << 20  # bytes in the scratch folder of one child
MAX_RESULT = 64 << 20  # bytes a child may send back
MAX_HEAD = 32 << 20  # bytes of an answer beside its arrays: an honest one of 30 cases stays below
# Processor time: `TIMEOUT` in worker.py, from the stopwatch.
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Folders of `utils` that answer questions: no child may read them.
SECRET = ("references", "fingerprints", "recorded", "exercises", "carried", "classroom")


@functools.cache
def c_library() -> ctypes.CDLL | None:
    """The system's own, opened once, before a fork; None on Windows."""
    with contextlib.suppress(OSError, TypeError):
        return ctypes.CDLL(None)
    return None


def die_with_parent() -> None:
    """Ask the kernel (Linux) to kill this process when its parent ends, however it ends."""
    with contextlib.suppress(OSError, AttributeError):
        c_library().prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def kernel_bounds_memory() -> bool:
    """Does this system obey RLIMIT_AS? macOS takes the limit and ignores it. COURSE_RLIMIT=off tries that."""
    return sys.platform.startswith("linux") and os.environ.get("COURSE_RLIMIT") != "off"


def bound(memory: int, seconds: float) -> None:
    """Limits of the operating system on memory, processor time, and the size of a file, counted from now on."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        from utils.sandbox import jobobject

        with contextlib.suppress(OSError, AttributeError):  # else the parent's watching has to do
            jobobject.bound(memory, seconds)
        return
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an OSError, not a death
    wanted = {"CORE": 0, "FSIZE": MAX_FILE, "CPU": int(time.process_time() + seconds) + 2}
    if kernel_bounds_memory():
        wanted["AS"] = address_space() + memory
    for name, limit in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # a system that sets a lower one already
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def of_this_process() -> tuple[tuple[int, int], ...]:
    """The kernel's limits on this process. A child of the same user can change them by a system call of its own."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return ()
    return tuple(resource.getrlimit(number) for name, number in vars(resource).items() if name.startswith("RLIMIT_"))


# ---- Landlock -----------------------------------------------------------------------------------------------------


def landlock(scratch: str, beside: str = "") -> Callable[[], None] | None:
    """What shuts this process in when it is called; None where there is no Landlock.

    Files can be read where Python and its packages lie, in the folder `beside`, and in `scratch`, which alone can be
    written; no TCP, no signals to others. Made before the fork's guard, for it opens folders.
    """
    rules = shared_rules()
    if rules is None:
        return None
    from py_landlock import LandlockError
    from py_landlock.flags import AccessFs

    try:
        rules.allow_read_write(scratch).allow_read(*([beside] if beside else []))
        rules.add_path_rule(scratch, access=AccessFs.MAKE_FIFO | AccessFs.REFER)
    except (LandlockError, OSError):
        return None
    return rules.apply


@functools.cache
def shared_rules() -> Any:
    """The rules that all children share, or None where there is no Landlock: a worker makes them once, before it
    forks, and each child adds its own to its copy of them."""
    try:
        from py_landlock import Landlock, LandlockError
        from py_landlock.flags import AccessFs
    except ImportError:
        return None
    try:
        rules = Landlock(strict=False)
        files, folders = _split(_readable())
        rules.add_path_rule(*files, access=AccessFs.READ_FILE)
        rules.allow_read(*folders)
        rules.add_path_rule(*_existing("/dev/null"), access=AccessFs.READ_FILE | AccessFs.WRITE_FILE)
        _ = rules.abi_version
    except (LandlockError, OSError):
        return None
    return rules


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
    "ctypes.dlsym", "os.startfile", "os.startfile/2", "_winapi.CreateProcess", "_winapi.OpenProcess",
    "_winapi.TerminateProcess", "resource.setrlimit", "resource.prlimit", "socket.__new__", "socket.getaddrinfo",
}  # fmt: skip
# What has no audit event: replaced in the child. Nor may it import the modules anew that bring them along.
_UNHEARD = {
    "os": ("setpriority", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "mkfifo", "mknod"),
    "signal": ("pidfd_send_signal",), "_posixsubprocess": ("fork_exec",), "subprocess": ("_fork_exec",),
}  # fmt: skip
_TWINS = {"os": "posix", "signal": "_signal"}  # the compiled modules that hold the same functions
_NOT_ANEW = {"_posixsubprocess", "posix", "_signal", "_posixshmem"}  # the last: memory that outlives its process
_WRITING = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod",
            "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.chown"}  # fmt: skip
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def take_away() -> None:
    """Replace, for this process's life, the functions by which a child could act on others without an audit event."""
    shutil._use_fd_functions = False  # `rmtree` by paths: handles on folders are refused
    for name, functions in _UNHEARD.items():
        for module in filter(None, map(sys.modules.get, (name, _TWINS.get(name)))):
            for function in functions:
                if hasattr(module, function):
                    setattr(module, function, functools.partial(_refuse, f"{name}.{function}"))
    for name in ("_posixsubprocess", "_posixshmem"):
        sys.modules.pop(name, None)


def _refuse(name: str, *_: Any, **__: Any) -> None:
    raise PermissionError(f"{name} is not allowed while grading")


def guard(scratch: str) -> Callable[[str, tuple], None]:
    """An audit hook, which Python code cannot take off again: no processes, no network, no writing outside the
    scratch folder, no reading of the answers. It sees what goes through Python; what C code does only Landlock sees.

    What it calls is held in closures, for a child may put something else in the place of a module's names; only
    Python's own built-in functions are looked up anew.
    """
    true, inside = _paths()
    refuse_library = _libraries_only(true, inside)
    refuse_opening, refuse_writing = _nothing_secret(true, inside), _scratch_only(true, inside, scratch)
    forbidden, writing, not_anew = frozenset(_FORBIDDEN), frozenset(_WRITING), frozenset(_NOT_ANEW)
    names, flags_of_writing = (str, bytes, os.PathLike), _WRITE_FLAGS

    def hook(event: str, args: tuple) -> None:
        if event in forbidden or event.startswith("winreg.") or (event == "import" and args[0] in not_anew):
            raise PermissionError(f"{event} is not allowed while grading")
        if event == "ctypes.dlopen":
            refuse_library(args[0])
        elif event == "open":
            path, mode, flags = args
            if isinstance(path, names):  # else the number of a file that is open already
                place = true(path)
                refuse_opening(place, by_descriptor=mode is None)
                if flags & flags_of_writing:
                    refuse_writing(place)
        elif event in writing:
            for path in args:
                if isinstance(path, names):
                    refuse_writing(true(path))

    return hook


def _paths() -> tuple[Callable[[Any], str], Callable[[str, str], bool]]:
    """(the one true name of a path, whether a path lies in a folder)."""
    realpath, normcase, fsdecode, separator = os.path.realpath, os.path.normcase, os.fsdecode, os.sep

    def true(path: Any) -> str:
        return normcase(realpath(fsdecode(path)))  # Windows takes capitals for small letters

    def inside(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + separator)

    return true, inside


def _libraries_only(true: Callable[[Any], str], inside: Callable[[str, str], bool]) -> Callable[[Any], None]:
    """Refuses to load a compiled library that is not Python's or a package's."""
    libraries = tuple({true(path) for path in (sys.prefix, sys.base_prefix)})

    def refuse(name: Any) -> None:
        path = true(name) if isinstance(name, (str, bytes)) else ""
        if not any(inside(path, folder) for folder in libraries):
            raise PermissionError("ctypes.dlopen is not allowed while grading")

    return refuse


def _nothing_secret(true: Callable[[Any], str], inside: Callable[[str, str], bool]) -> Callable[..., None]:
    """Refuses to open answers, other processes' files in /proc (an environment, for one), and folders."""
    secret = (*(true(os.path.join(PACKAGE, name)) for name in SECRET), true(os.path.dirname(PACKAGE) + "/solutions"))
    isdir, own_process = os.path.isdir, str(os.getpid())

    def refuse(path: str, by_descriptor: bool) -> None:
        if any(inside(path, folder) for folder in secret):
            raise PermissionError("the answers cannot be read while grading")
        process = path.split("/")[2] if path.startswith("/proc/") else ""
        if process.isdigit() and process != own_process:
            raise PermissionError("other processes cannot be looked at while grading")
        if by_descriptor and isdir(path):  # the hook is not told of `dir_fd`, which would lead past it
            raise PermissionError("a folder cannot be opened while grading")

    return refuse


def _scratch_only(
    true: Callable[[Any], str], inside: Callable[[str, str], bool], scratch: str
) -> Callable[[str], None]:
    """Refuses to write anywhere but in the scratch folder and to nowhere."""
    own, nowhere = true(scratch), {os.devnull, true(os.devnull)}

    def refuse(path: str) -> None:
        if not inside(path, own) and path not in nowhere:
            raise PermissionError("files can be written in the working folder only while grading")

    return refuse


def walls() -> str:
    """Which walls stand on this machine, in one sentence for `course doctor` and SECURITY's reader."""
    fresh = "" if forks() else "; each answer runs in a fresh interpreter"
    if shared_rules() is not None:
        return f"Landlock (files, TCP, signals), limits on time, memory and file size, and Python's audit hook{fresh}"
    if not _has_resource():
        words = "a job object (time, memory, no second process), the parent's watching of both and of the folder's size"
        return f"{words}, and Python's audit hook{fresh}"
    memory = "memory" if kernel_bounds_memory() else "memory (watched by the parent, fifty times a second)"
    lacking = "; this kernel has no Landlock" if sys.platform.startswith("linux") else ""
    return f"limits on time, {memory} and file size, and Python's audit hook{lacking}{fresh}"


def lacking() -> str:
    """What this system cannot do that Linux can, in one sentence; "" where nothing is lacking."""
    if sys.platform.startswith("linux") and _has_resource():
        return ""
    return (
        "On this system a file's memory is watched from outside, and only Python's audit hook keeps it from other "
        "files and the network: compiled code passes it. Do not grade strangers' files here (SECURITY.md)."
    )


def _has_resource() -> bool:
    try:
        import resource  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True
