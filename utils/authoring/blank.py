"""Solution cells → learner cells. Pure text in, text out."""

import re

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
# The spelling that nbgrader and otter both read: white space, one hash, the words, nothing else.
_MARKER = re.compile(r"^(\s*)# (BEGIN|END) SOLUTION\s*$")
_NEAR = re.compile(r"#.*\b(BEGIN|END)[\s_:-]*SOLUTION", re.IGNORECASE)


class MarkerError(ValueError):
    """A marker that is nested, unclosed, stray or misspelt; the message names the place."""


def is_solved(source: str) -> bool:
    """Does a cell hold a solution between markers?"""
    return any(_MARKER.match(line) for line in source.split("\n"))


def blanked(source: str, place: str) -> str:
    """A cell's source with every marked region replaced by the stub, indented as its marker is.

    MarkerError when the markers are not in order; `place` ("15_x.py, cell 7") goes into its message.
    """
    lines, opened = [], None
    for number, line in enumerate(source.split("\n"), start=1):
        match = _MARKER.match(line)
        if not match:
            if _NEAR.search(line):
                raise MarkerError(f"{place}, line {number}: {line.strip()!r} is nearly a marker; write {BEGIN!r}")
            if opened is None:
                lines.append(line)
            continue
        indent, kind = match.groups()
        if kind == "BEGIN" and opened is not None:
            raise MarkerError(f"{place}, line {number}: {BEGIN!r} inside the region opened in line {opened}")
        if kind == "END" and opened is None:
            raise MarkerError(f"{place}, line {number}: {END!r} without {BEGIN!r} before it")
        if kind == "BEGIN":
            opened = number
            lines += [indent + text for text in STUB]
        else:
            opened = None
    if opened is not None:
        raise MarkerError(f"{place}, line {opened}: {BEGIN!r} is never closed")
    return "\n".join(lines)
