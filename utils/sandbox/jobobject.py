"""Windows: what `setrlimit` is elsewhere, by a job object into which a process puts itself for the rest of its life."""

import ctypes
import time
from ctypes import wintypes

PROCESS_TIME, ONE_PROCESS, PROCESS_MEMORY, NO_DIALOG = 0x2, 0x8, 0x100, 0x400  # JOB_OBJECT_LIMIT_…
EXTENDED = 9  # JobObjectExtendedLimitInformation


class Basic(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION"""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),  # of 100 ns each
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class Extended(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION"""

    _fields_ = (
        ("BasicLimitInformation", Basic),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),  # bytes, of what was asked for, touched or not
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def limits(memory: int | None, seconds: float) -> Extended:
    """What a process may use in all: bytes, seconds of processor time, and no other process beside it."""
    wanted = Extended()
    basic = wanted.BasicLimitInformation
    basic.LimitFlags = PROCESS_TIME | ONE_PROCESS | NO_DIALOG
    basic.PerProcessUserTimeLimit, basic.ActiveProcessLimit = int(seconds * 1e7), 1
    if memory:
        basic.LimitFlags |= PROCESS_MEMORY
        wanted.ProcessMemoryLimit = memory
    return wanted


def bound(memory: int, seconds: float) -> bool:
    """Put this process into a job: so many bytes and seconds more than it has used. False where Windows refuses."""
    kernel = ctypes.WinDLL("kernel32")
    kernel.CreateJobObjectW.restype = kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
    kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    wanted = limits(_beyond(memory), time.process_time() + seconds + 2)
    job = kernel.CreateJobObjectW(None, None)
    return bool(
        job
        and kernel.SetInformationJobObject(job, EXTENDED, ctypes.byref(wanted), ctypes.sizeof(wanted))
        and kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess())
    )


def _beyond(memory: int) -> int | None:
    """What this process has asked for, and so much more; None where nobody can tell: then the parent alone watches."""
    try:
        import psutil
    except ImportError:
        return None
    used = psutil.Process().memory_info()
    return getattr(used, "pagefile", used.vms) + memory
