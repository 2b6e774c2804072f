"""Where torch is not installed, a cell that needs it says so in one line in the place of a traceback."""

import importlib.util
import sys
from types import TracebackType

WORDS = (
    "This cell needs torch, which is not installed. The cells that need only NumPy run without it. "
    "To install it: `course torch` in a terminal, then restart the kernel."
)
AFTER = "\nPerhaps an earlier cell stopped before it made that name, because torch is not installed: `course torch`."
_seen: list[str] = []  # what this kernel could not import for torch's absence
_NAMES = ("torch", "nn", "F")  # what notebooks call torch and its parts


def concerns(error: BaseException) -> bool:
    """Is the error nothing but torch's absence, or a name that an earlier cell could not import for it?"""
    if isinstance(error, ModuleNotFoundError):
        return (error.name or "").split(".")[0] == "torch"
    return isinstance(error, NameError) and error.name in _NAMES and not _installed()


def _installed() -> bool:
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # a test put None in its place
        return False


def _show(shell: object, kind: type, error: BaseException, trace: TracebackType, tb_offset: int | None = None) -> None:
    if concerns(error):
        _seen.append(str(error))
        shell._showtraceback(kind, error, [WORDS])
    else:  # what IPython does without us
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
        shell._showtraceback(kind, error, [*lines, AFTER] if _seen and kind is NameError else lines)


def watch() -> None:
    """Be asked by the notebook's kernel about these errors; elsewhere nothing happens.

    Nor in a browser, where torch cannot be had: the notebook says so before the first cell that needs it.
    """
    if sys.platform == "emscripten":
        return
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((ModuleNotFoundError, NameError), _show)
