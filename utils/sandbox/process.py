"""Start one of the sandbox's own processes, and end it, on any system."""

import contextlib
import os
import signal
import subprocess
import sys

# Windows: no window, and the Ctrl-C of the terminal is none of its business.
_HIDDEN = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

# The variables that the sandbox's processes get. A list of what is allowed: nobody knows how all secrets are called.
_ALLOWED = {
    "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH", "MPLBACKEND", "GLIBC_TUNABLES", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE",
    "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONHASHSEED", "PYTHONUTF8",
    "PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONMALLOC", "PYTHONPLATLIBDIR",
    # Windows
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "USERNAME",
    "APPDATA", "LOCALAPPDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
}  # fmt: skip
# Beside these: languages, the course's own switches, and the settings of threads, kernels and memory.
_ALLOWED_BEGINNINGS = ("LC_", "COURSE_", "OMP_", "KMP_", "OPENBLAS_", "GOTO_", "BLIS_", "MKL_", "VECLIB_",
                       "NUMEXPR_", "NPY_", "ATEN_", "MALLOC_")  # fmt: skip
_ADDRESS = "COURSE_TORCH_INDEX"  # of a package index: it may hold a password, and no child installs anything


def environment() -> dict[str, str]:
    """The variables of this process that one which runs somebody's code may see: no tokens, no passwords."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ALLOWED or (name.startswith(_ALLOWED_BEGINNINGS) and name != _ADDRESS)
    }


def start(module: str, *arguments: str, **variables: str) -> subprocess.Popen:
    """`python -m module` with a pipe to it and one from it, in a session of its own, without this process's secrets."""
    python, seen = sys.executable, environment() | variables
    base = getattr(sys, "_base_executable", None)
    if os.name == "nt" and base and base != python:  # a venv's python.exe there starts another one, and waits for it
        python, seen = base, seen | {"__PYVENV_LAUNCHER__": python}
    return subprocess.Popen(
        [python, "-P", "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=seen, start_new_session=True, creationflags=_HIDDEN,
    )  # fmt: skip


def end(process: subprocess.Popen, patience: float = 0.0) -> None:
    """Kill a process and what it left running in its session; wait until it is gone.

    First it has so many seconds to end by itself, its children with it, when its pipe is closed.
    """
    with contextlib.suppress(OSError):  # what could not be sent any more
        process.stdin.close()
    if patience:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    process.stdout.close()
