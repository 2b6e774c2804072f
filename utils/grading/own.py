"""The learner's own code on the way to an error: not the course's, nor a library's."""

import linecache
import os
from types import FrameType

_FOREIGN = ("<frozen", os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__))


def line(error: BaseException) -> str:
    """Its innermost line, or ""."""
    for frame, number in reversed(frames(error)):
        return linecache.getline(frame.f_code.co_filename, number).strip()
    return ""


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """(frame, line) of each call in it, the outermost first."""
    import traceback  # only an exception needs it

    found = list(traceback.walk_tb(error.__traceback__))[-50:]
    return [(frame, number) for frame, number in found if not _is_foreign(frame.f_code.co_filename)]


def _is_foreign(name: str) -> bool:
    return name.startswith(_FOREIGN) or "-packages" in name or "/lib/python" in name
