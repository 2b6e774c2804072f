"""What a worker process sees of its child: how long it ran, how much it holds, and why it died."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from utils.grading import report
from utils.grading.stopwatch import PATIENCE, words
from utils.sandbox.limits import MAX_RESULT, MAX_SCRATCH

TICK = 0.1  # seconds between two looks at a child
OFTEN = 0.02  # the same where its memory is watched: a loop fills some 20 MB in between
NO_MEMORY = {"status": report.MEMORY, "message": "it asked for more memory than there is."}

Meter = Callable[[int], tuple[float, int] | None]  # process → seconds of the processor, bytes in memory


def by_proc(pid: int) -> tuple[float, int] | None:
    """Linux: processor time, in its own code and in the kernel's, and resident bytes. None where there is no such."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, int(fields[21]) * os.sysconf("SC_PAGESIZE")


def by_psutil(pid: int) -> tuple[float, int] | None:
    """The same on macOS and Windows; there, what was asked for and not yet touched counts, too."""
    try:
        import psutil
    except ImportError:
        return None
    try:
        process = psutil.Process(pid)
        times, memory = process.cpu_times(), process.memory_info()
    except (psutil.Error, OSError):
        return None
    return times.user + times.system, max(memory.rss, getattr(memory, "pagefile", 0))


class Watch:
    """Sees when a child has used up its time, its memory or its disk, each counted from now on."""

    def __init__(self, pid: int, timeout: float, scratch: str, memory: int | None) -> None:
        """`memory`: bytes that it may take beyond what it has; None where the kernel sees to that."""
        self.pid, self.timeout, self.scratch, self.memory = pid, timeout, scratch, memory
        self.meter: Meter = by_proc if hasattr(os, "sysconf") and os.path.exists("/proc/self/stat") else by_psutil
        self.before = self.meter(pid)
        self.looked = time.monotonic()
        self.deadline = self.looked + (PATIENCE if self.before else 1) * timeout

    @property
    def tick(self) -> float:
        """Seconds until the next look is due."""
        return min(OFTEN if self.memory else TICK, self.timeout)

    def fate(self) -> str:
        """Why the child has to end now: "late", "slow", "memory" or "disk"; "" while it may go on."""
        now = time.monotonic()
        if now > self.deadline:
            return "slow" if self.before else "late"  # where nobody can measure it, the clock's time is all there is
        used = self.meter(self.pid) if self.before else None
        if used and used[0] - self.before[0] > self.timeout:
            return "late"
        if used and self.memory and used[1] - self.before[1] > self.memory:
            return "memory"
        if now - self.looked > 10 * TICK:
            self.looked = now
            return "disk" if size(self.scratch) > MAX_SCRATCH else ""
        return ""


def death(fate: str, killed: int, timeout: float) -> dict:
    """Why there is no answer. `killed`: the signal that ended the child, on Windows its fault's number, else 0."""
    if fate in ("late", "slow") or killed == getattr(signal, "SIGXCPU", None):
        return {"status": report.TIMEOUT, "message": f"{words(timeout, idle=fate == 'slow')}."}
    if fate == "memory":
        return NO_MEMORY
    if fate == "disk":
        return {"status": report.ERROR, "message": f"it wrote more than {MAX_SCRATCH >> 20} MB of files."}
    if fate == "large":
        return {"status": report.ERROR, "message": f"its answer is larger than {MAX_RESULT >> 20} MB."}
    if killed == getattr(signal, "SIGKILL", None):
        return {"status": report.MACHINE, "message": "its process was killed from outside."}
    if killed:
        return {"status": report.ERROR, "message": f"its process crashed ({_fault(killed)})."}
    return {"status": report.ERROR, "message": "its process ended before it had answered, as os._exit does."}


def _fault(number: int) -> str:
    """SIGSEGV, or Windows's number for the same, 0xC0000005."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"{number:#x}"


def size(folder: str, most: int = 20_000) -> int:
    """Bytes in a folder, as far as its first so many entries tell."""
    total, waiting = 0, [folder]
    while waiting and most:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                most = max(most - 1, 0)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def remove(folder: str) -> None:
    """Delete a folder, however deep it is nested."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (RecursionError, OSError):  # twenty thousand folders in each other, or what was made unreadable
        command = ["cmd", "/c", "rd", "/s", "/q", folder] if os.name == "nt" else ["rm", "-rf", "--", folder]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
