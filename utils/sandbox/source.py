"""A learner's .py or .ipynb → the definitions to run: only what an exercise needs, so experiments cost nothing."""

import ast
import functools
import io
import json
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from utils.grading.run import MAX_TEXT
from utils.sandbox import dependencies
from utils.sandbox.statement import Statement, statement

# IPython's own lines. None is taken out unless Python trips over it: a formula may go on with `% b` on its next line.
_MAGIC = re.compile(r"^[%!?]|^[^=()]+=[ \t]*[%!]|^[\w.]+\?\??$")  # in a line without the blanks at its ends
_CELL_MAGIC = re.compile(r"\s*%%(\w*).*\n?")
_WRITEFILE = re.compile(r"\s*%%writefile[ \t]+([\w.-]+)[ \t]*\n")
_RUN_IN_PLACE = ("time", "capture", "prun")  # cell magics whose cell is Python and binds its names as without them
MAX_MAGICS = 300  # of IPython's lines in one cell; shell lines count once
_NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what the parser and the compiler raise


class UnreadableError(Exception):
    """A file that holds no Python text; the message is for the learner."""


@dataclass
class Definitions:
    """The top-level statements of a file, and which exercises they define."""

    statements: list[Statement] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # exercise → the syntax error in its cell
    torch: bool = False  # does anything speak of torch
    files: dict[str, str] = field(default_factory=dict)  # name → text, of `%%writefile` cells

    def defined(self, names: list[str]) -> list[str]:
        """Those of `names` that the file defines, broken ones included, in the order of `names`."""
        bound = {name for statement in self.statements for name in statement.binds}
        return [name for name in names if name in bound or name in self.broken]

    def needed_for(self, exercise: str) -> str:
        """The source of all statements that `exercise` needs, directly or through other names."""
        return self._joined(dependencies.needed(self.statements, exercise))

    def _joined(self, kept: list[int]) -> str:
        texts = [self.statements[i].text for i in kept]
        return "\n\n".join(sorted(texts, key=lambda text: not text.startswith("from __future__")))

    def part(self, exercise: str) -> dict:
        """{"source", "kept"}: kept are the needed statements where others that may matter were left out, else None."""
        kept = dependencies.needed(self.statements, exercise)
        left_out = set(range(len(self.statements))).difference(kept)
        matters = any(not self.statements[i].idle for i in left_out)
        return {"source": self._joined(kept), "kept": kept if matters else None}


def read(path: Path, names: list[str]) -> Definitions:
    """Take a file apart; raises UnreadableError with the reason when it holds no Python."""
    return read_bytes(path.read_bytes(), path.suffix, names)


def read_bytes(data: bytes, suffix: str, names: list[str]) -> Definitions:
    """The same for a file's bytes; `suffix` tells a notebook, ".ipynb", from a script."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string is the learner's business
        return _taken_apart(_notebook_cells(data) if suffix == ".ipynb" else _script_cells(data), names)


def parts(data: bytes, suffix: str, names: list[str]) -> dict:
    """What there is to run for each exercise, as plain data: {"parts": {name: {"source" or "broken"}}, …}."""
    found = read_bytes(data, suffix, names)
    return {
        "parts": {
            name: {"broken": found.broken[name]} if name in found.broken else found.part(name)
            for name in found.defined(names)
        },
        "whole": [part.text for part in found.statements],  # for an answer that comes out wrong without the rest
        "torch": found.torch,
        "files": found.files,
    }


def _taken_apart(cells: list[str], names: list[str]) -> Definitions:
    found = Definitions()
    for cell in cells:
        if match := _WRITEFILE.match(cell):
            found.files[match[1]] = cell[match.end() :]
            continue
        try:
            text, tree = _parsed(cell)
            lines = text.split("\n")
            found.statements += [part for node in tree.body for part in _statements(node, lines)]
        except _NOT_PYTHON as error:
            found.broken |= {name: _syntax_words(error, cell) for name in _named(cell, names)}
            continue
        found.torch = found.torch or "torch" in text or "utils.models" in text or _imports_models(tree, text)
    _drop_borrowed(found, set(names))
    whole = Definitions(found.statements).defined(names)
    found.broken = {name: words for name, words in found.broken.items() if name not in whole}
    return found


def _drop_borrowed(found: Definitions, names: set[str]) -> None:
    """What is imported from the course under an exercise's name is no answer, and does not hide one's own."""
    borrowed = [part for part in found.statements if part.from_course and part.binds & names]
    found.statements = [part for part in found.statements if part not in borrowed]
    own = set(Definitions(found.statements).defined(list(names)))
    words = "it is imported from the course's own modules; write your own."
    found.broken |= {name: words for part in borrowed for name in part.binds & names - own}


def _script_cells(data: bytes) -> list[str]:
    """The whole text where Python reads it, else its cells, so that a fault in one stays its own."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)  # obeys a coding line
        text = io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (SyntaxError, ValueError, LookupError) as error:  # UnicodeError, with or without a position, is a ValueError
        raise UnreadableError(f"it is not Python text in UTF-8 ({error}). Save it as UTF-8.") from None
    if "\0" in text:
        raise UnreadableError("it is a binary file, not Python text.")
    try:
        _compiled(text)
    except _NOT_PYTHON:
        return re.split(r"(?m)^(?=# ?%%|# In\[)", text)
    return [text]


def _notebook_cells(data: bytes) -> list[str]:
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
        sheets = [notebook] if "cells" in notebook else notebook["worksheets"]  # nbformat 3 has sheets, and `input`
        cells = [cell for sheet in sheets for cell in sheet["cells"] if cell["cell_type"] == "code"]
        return ["".join(cell["source"] if "source" in cell else cell["input"]) for cell in cells]
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text, as a notebook must be.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        words = "it is not a Jupyter notebook (no JSON with cells). Restore it with `course reset`."
        raise UnreadableError(words) from None


def _parsed(cell: str) -> tuple[str, ast.Module]:
    """A cell without IPython's lines, and its tree. Raises what Python raises for the rest."""
    text = cell.replace("\r\n", "\n").replace("\r", "\n")
    while text.lstrip().startswith("%%"):
        match = _CELL_MAGIC.match(text)
        text = text[match.end() :] if match[1] in _RUN_IN_PLACE else ""
    lines = text.split("\n")
    for _ in range(MAX_MAGICS):
        try:
            return "\n".join(lines), _compiled("\n".join(lines))
        except SyntaxError as error:
            if not _take_out(lines, (error.lineno or 0) - 1):
                raise
    raise SyntaxError(f"more than {MAX_MAGICS} lines are IPython's own")


@functools.lru_cache(maxsize=1)  # a script is looked at as a whole, and then as its one cell
def _compiled(text: str) -> ast.Module:
    """The tree of a text that Python compiles; the parser alone lets `def f(x, x)` and a stray `return` through."""
    compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return ast.parse(text)


def _take_out(lines: list[str], index: int) -> bool:
    """Replace one of IPython's lines by what Python makes of it; False where the line is none."""
    line = lines[index] if 0 <= index < len(lines) else ""
    timed, magic = _timed(line), _MAGIC.match(line.strip())
    if timed:
        lines[index] = timed
    elif magic and line.lstrip().startswith("!"):  # never Python, so all of them at once
        for other, text in enumerate(lines):
            if text.lstrip().startswith("!"):
                _blank_out(lines, other)
    elif magic:
        _blank_out(lines, index)
    return bool(timed or magic)


def _timed(line: str) -> str:
    """`x = %time f()` runs and binds as `x = f()` does: the line without its `%time`, or "" where it has none."""
    head, found, tail = line.partition("%time")
    target = head.strip().removesuffix("=")
    is_target = not head.strip() or (head.rstrip().endswith("=") and not set("=()") & set(target))
    return head + tail.lstrip() if found and is_target and tail.strip() and tail[0].isspace() else ""


def _blank_out(lines: list[str], index: int) -> None:
    """`pass` in the place of a line and of those that it is continued on."""
    indent = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
    while lines[index].endswith("\\") and index + 1 < len(lines):
        lines[index], index = "", index + 1
    lines[index] = f"{indent}pass"


def _named(cell: str, names: list[str]) -> list[str]:
    """The exercises that a cell which does not compile seems to define."""
    return [
        name for name in names if re.search(rf"(?m)^[ \t]*((async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*=", cell)
    ]


def _syntax_words(error: Exception, cell: str) -> str:
    line = getattr(error, "lineno", None)
    lines = cell.split("\n")
    text = lines[line - 1].strip() if line and line <= len(lines) else ""
    shown = f", at `{text if len(text) <= MAX_TEXT else f'{text[:MAX_TEXT]}…'}`" if text else ""
    return f"{type(error).__name__}: {getattr(error, 'msg', error)}{shown}"


def _imports_models(tree: ast.Module, text: str) -> bool:
    """`from utils import models` brings torch."""
    nodes = ast.walk(tree) if "models" in text else ()
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "utils"]
    return any(alias.name == "models" for node in imports for alias in node.names)


def _statements(node: ast.stmt, lines: list[str]) -> Iterator[Statement]:
    """A statement of a cell; an import as one for each name, so that none brings the others along."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        yield statement(node, _segment(node, lines))
        return
    names = node.names
    if names[0].name == "*" and node.module == "utils":
        import utils  # its star brings plots, data and models, whose import takes seconds

        names = [ast.alias(name) for name in utils.__all__]
    for alias in names:
        one = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
        yield statement(one, ast.unparse(one))


def _segment(node: ast.stmt, lines: list[str]) -> str:
    """A statement as it was written, for messages quote its lines; columns count bytes."""
    start, column = node.lineno - 1, node.col_offset
    if getattr(node, "decorator_list", None):
        start, column = node.decorator_list[0].lineno - 1, 0
        while start and not lines[start].startswith("@"):
            start -= 1
    part = [line.encode() for line in lines[start : node.end_lineno]]
    part[-1] = part[-1][: node.end_col_offset]
    part[0] = part[0][column:]
    return b"\n".join(part).decode()
