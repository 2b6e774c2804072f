"""What Windows lacks, taken away from the course's own modules in every Python process that finds this file first.

The standard library and installed packages keep what they need of it: they are written for this system.
"""

import builtins
import os
import select
import signal
import subprocess
import sys

import psutil  # noqa: F401  it looks for what is taken away below

ABSENT = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "posix", "py_landlock"}
HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
OURS = os.path.join(HERE, "utils") + os.sep
real_import, real_stat, kill = builtins.__import__, os.stat, signal.SIGKILL


def asked_by_the_course():
    """Is the nearest frame that is not pathlib's or importlib's one of the course's?"""
    frame = sys._getframe(2)
    while frame and os.path.basename(frame.f_code.co_filename) in (
        "pathlib.py",
        "genericpath.py",
        "<frozen genericpath>",
    ):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(OURS)


def import_without(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if level == 0 and name.split(".")[0] in ABSENT and (importer.split(".")[0] == "utils" or importer == "__main__"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return real_import(name, globals, locals, fromlist, level)


def stat(path, *args, **kwargs):
    if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith("/proc") and asked_by_the_course():
        raise FileNotFoundError(2, "there is no /proc", path)
    return real_stat(path, *args, **kwargs)


builtins.__import__, os.stat = import_without, stat
subprocess.Popen.kill = lambda process: process.send_signal(kill)
for name in (
    "fork",
    "forkpty",
    "killpg",
    "setsid",
    "getuid",
    "geteuid",
    "getpgid",
    "mkfifo",
    "sysconf",
    "chown",
    "nice",
):
    delattr(os, name)
for name in ("SIGKILL", "SIGALRM", "SIGXFSZ", "SIGXCPU", "SIGHUP", "setitimer", "getitimer", "pthread_kill", "alarm"):
    delattr(signal, name)
for name in ("poll", "epoll"):
    delattr(select, name)
