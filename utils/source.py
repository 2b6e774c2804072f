"""A learner's .py or .ipynb → the definitions to run: only what an exercise needs, so experiments cost nothing."""

import ast
import json
import re
import symtable
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SHELL = re.compile(r"^\s*[%!?]|^\s*\S+\?\s*$")  # IPython's own lines


class UnreadableError(Exception):
    """A file that holds no Python text; the message is for the learner."""


@dataclass
class Definitions:
    """The top-level statements of a file, and which exercises they define."""

    statements: list[ast.stmt] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # exercise → the syntax error in its cell
    torch: bool = False  # does anything import torch

    def defined(self, names: list[str]) -> list[str]:
        """Those of `names` that the file defines, broken ones included, in the order of `names`."""
        bound = {name for statement in self.statements for name in _bindings(statement)[0]}
        return [name for name in names if name in bound or name in self.broken]

    def needed_for(self, exercise: str) -> str:
        """The source of all statements that `exercise` needs, directly or through other names."""
        parts = [(statement, *_bindings(statement)) for statement in self.statements]
        kept: set[int] = set()
        wanted = {exercise}
        while True:
            more = {i for i, (_, bound, _) in enumerate(parts) if bound & wanted} - kept
            if not more:
                break
            kept |= more
            wanted |= {name for i in more for name in parts[i][2]}
        return "\n\n".join(ast.unparse(parts[i][0]) for i in sorted(kept))


def read(path: Path, names: list[str]) -> Definitions:
    """Take a file apart; raises UnreadableError with the reason when it holds no Python."""
    cells = _notebook_cells(path) if path.suffix == ".ipynb" else _script_cells(path)
    found = Definitions()
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            found.broken |= {name: _syntax_words(error, cell) for name in _named(cell, names)}
            continue
        found.statements += tree.body
    found.torch = any(_imports_torch(statement) for statement in found.statements)
    whole = {name for statement in found.statements for name in _bindings(statement)[0]}
    found.broken = {name: words for name, words in found.broken.items() if name not in whole}
    return found


def _script_cells(path: Path) -> Iterator[str]:
    try:
        with tokenize.open(path) as file:  # obeys a coding line
            text = file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UnreadableError(f"it is not Python text in UTF-8 ({error}). Save it as UTF-8.") from None
    if "\0" in text:
        raise UnreadableError("it is a binary file, not Python text.")
    yield from re.split(r"(?m)^(?=# ?%%)", text)


def _notebook_cells(path: Path) -> Iterator[str]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text, as a notebook must be.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableError(
            "it is not a Jupyter notebook (no JSON with cells). Restore it with `course reset`."
        ) from None
    for source in sources:
        if not source.lstrip().startswith("%%"):
            yield "\n".join("" if _SHELL.match(line) else line for line in source.split("\n"))


def _named(cell: str, names: list[str]) -> list[str]:
    """The exercises that a cell which does not parse seems to define."""
    return [name for name in names if re.search(rf"(?m)^(def|class)\s+{name}\b", cell)]


def _syntax_words(error: Exception, cell: str) -> str:
    line = getattr(error, "lineno", None)
    lines = cell.split("\n")
    shown = f", at `{lines[line - 1].strip()}`" if line and line <= len(lines) and lines[line - 1].strip() else ""
    return f"{type(error).__name__}: {getattr(error, 'msg', error)}{shown}"


def _imports_torch(statement: ast.stmt) -> bool:
    modules = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
    return any(name == "torch" or name.startswith("torch.") for name in modules)


def _bindings(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """(names that a top-level statement binds or changes, names of the module that it uses)."""
    cached = getattr(statement, "_names", None)
    if cached is None:
        table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
        bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        cached = statement._names = (bound | _written_into(statement), _uses(table))
    return cached


def _uses(table: symtable.SymbolTable) -> set[str]:
    here = {
        s.get_name()
        for s in table.get_symbols()
        if s.is_referenced() and (s.is_global() or table.get_type() == "module")
    }
    return here.union(*(_uses(child) for child in table.get_children()))


def _written_into(statement: ast.stmt) -> set[str]:
    """`settings["eps"] = 1` and `np.allclose = …` bind no name but change what one stands for."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    roots = set()
    for target in targets:
        node = target
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        if isinstance(node, ast.Name):
            roots.add(node.id)
    return roots
