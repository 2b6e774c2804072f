"""A learner's .py or .ipynb → the definitions to run: only what an exercise needs, so experiments cost nothing."""

import ast
import json
import re
import symtable
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# IPython's own lines. None is taken out unless Python trips over it: a formula may go on with `% b` on its next line.
_TIMED = re.compile(r"^(\s*(?:[^=()]+=\s*)?)%time\s+(?=\S)")  # `x = %time f()` runs and binds as `x = f()` does
_MAGIC = re.compile(r"^(\s*)(?:[%!?]|[^=()]+=\s*[%!]|[\w.]+\?\??\s*$)")
_CELL_MAGIC = re.compile(r"\s*%%(\w*).*\n?")
_RUN_IN_PLACE = ("time", "capture", "prun")  # cell magics whose cell is Python and binds its names as without them
_NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what the parser and the compiler raise
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)


class UnreadableError(Exception):
    """A file that holds no Python text; the message is for the learner."""


@dataclass(frozen=True)
class Statement:
    """One top-level statement, and the names of the module that it has to do with."""

    text: str
    binds: set[str]  # `del` included
    uses: set[str]  # as it runs; before, others must have bound them
    needs: set[str]  # when what it defines is called; whoever binds them, earlier or later
    changes: set[str]  # what it writes into: `settings["eps"] = 1`, `np.allclose = …`, `@f.register`
    methods: set[str]  # whose methods it calls for their effect: `settings.update(eps=1)`
    calls: set[str]  # what it calls for its effect, or decorates with: `setup()`
    writes: set[str]  # what a call of this function binds or changes outside
    assigns: bool  # binds its names neither as import nor as function or class
    always: bool  # kept whatever is needed: nobody knows what a star import binds


@dataclass
class Definitions:
    """The top-level statements of a file, and which exercises they define."""

    statements: list[Statement] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # exercise → the syntax error in its cell
    torch: bool = False  # does anything import torch

    def defined(self, names: list[str]) -> list[str]:
        """Those of `names` that the file defines, broken ones included, in the order of `names`."""
        bound = {name for statement in self.statements for name in statement.binds}
        return [name for name in names if name in bound or name in self.broken]

    def needed_for(self, exercise: str) -> str:
        """The source of all statements that `exercise` needs, directly or through other names."""
        parts = list(enumerate(zip(self.statements, self._given(exercise), strict=True)))
        kept, before = {i for i, (part, _) in parts if part.always}, None
        while kept != before:
            before = set(kept)
            wanted = {exercise}.union(*(self.statements[i].needs for i in kept))
            for i, (part, given) in reversed(parts):
                if i in kept or given & wanted:
                    kept.add(i)
                    wanted |= part.uses
        texts = [self.statements[i].text for i in sorted(kept)]
        return "\n\n".join(sorted(texts, key=lambda text: not text.startswith("from __future__")))

    def _given(self, exercise: str) -> Iterator[set[str]]:
        """For each statement the names that it may alter. A call of the exercise itself is an experiment."""
        variables = {name for part in self.statements if part.assigns for name in part.binds}
        for part in self.statements:
            called = (other for other in self.statements if other.binds & part.calls - {exercise})
            yield part.binds.union(part.changes, part.methods & variables, *(other.writes for other in called))


def read(path: Path, names: list[str]) -> Definitions:
    """Take a file apart; raises UnreadableError with the reason when it holds no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string is the learner's business
        return _taken_apart(_notebook_cells(path) if path.suffix == ".ipynb" else _script_cells(path), names)


def _taken_apart(cells: list[str], names: list[str]) -> Definitions:
    found = Definitions()
    for cell in cells:
        try:
            text, tree = _parsed(cell)
            found.statements += [part for node in tree.body for part in _statements(node, text)]
        except _NOT_PYTHON as error:
            found.broken |= {name: _syntax_words(error, cell) for name in _named(cell, names)}
            continue
        found.torch = found.torch or _imports_torch(tree)
    whole = Definitions(found.statements).defined(names)
    found.broken = {name: words for name, words in found.broken.items() if name not in whole}
    return found


def _script_cells(path: Path) -> list[str]:
    """The whole text where Python reads it, else its cells, so that a fault in one stays its own."""
    try:
        with tokenize.open(path) as file:  # obeys a coding line
            text = file.read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UnreadableError(f"it is not Python text in UTF-8 ({error}). Save it as UTF-8.") from None
    if "\0" in text:
        raise UnreadableError("it is a binary file, not Python text.")
    try:
        _compiled(text)
    except _NOT_PYTHON:
        return re.split(r"(?m)^(?=# ?%%|# In\[)", text)
    return [text]


def _notebook_cells(path: Path) -> list[str]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
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
    while True:
        try:
            return "\n".join(lines), _compiled("\n".join(lines))
        except SyntaxError as error:
            if not _take_out(lines, (error.lineno or 0) - 1):
                raise


def _compiled(text: str) -> ast.Module:
    """The tree of a text that Python compiles; the parser alone lets `def f(x, x)` and a stray `return` through."""
    compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return ast.parse(text)


def _take_out(lines: list[str], index: int) -> bool:
    """Replace one of IPython's lines by what Python makes of it; False where the line is none."""
    line = lines[index] if 0 <= index < len(lines) else ""
    timed, magic = _TIMED.match(line), _MAGIC.match(line)
    if timed:
        lines[index] = timed[1] + line[timed.end() :]
    elif magic:
        while lines[index].endswith("\\") and index + 1 < len(lines):
            lines[index], index = "", index + 1
        lines[index] = f"{magic[1]}pass"
    return bool(timed or magic)


def _named(cell: str, names: list[str]) -> list[str]:
    """The exercises that a cell which does not compile seems to define."""
    return [name for name in names if re.search(rf"(?m)^\s*((async\s+)?def|class)\s+{name}\b|^{name}\s*=", cell)]


def _syntax_words(error: Exception, cell: str) -> str:
    line = getattr(error, "lineno", None)
    lines = cell.split("\n")
    shown = f", at `{lines[line - 1].strip()}`" if line and line <= len(lines) and lines[line - 1].strip() else ""
    return f"{type(error).__name__}: {getattr(error, 'msg', error)}{shown}"


def _imports_torch(tree: ast.Module) -> bool:
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {getattr(node, "module", None) or alias.name for node in imports for alias in node.names}
    return any(name.startswith("torch") for name in modules)  # torchvision too


def _statements(node: ast.stmt, text: str) -> Iterator[Statement]:
    """A statement of a cell; an import as one for each name, so that none brings the others along."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        yield _statement(node, _segment(node, text.split("\n")))
        return
    names = node.names
    if names[0].name == "*" and node.module == "utils":
        import utils  # its star brings plots, data and models, whose import takes seconds

        names = [ast.alias(name) for name in utils.__all__]
    for alias in names:
        one = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
        yield _statement(one, ast.unparse(one))


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


def _statement(node: ast.stmt, text: str) -> Statement:
    table = symtable.symtable(text, "<cell>", "exec")
    bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_declared_global()}
    here = list(_run_with(node))
    decorators = [getattr(part, "func", part) for part in getattr(node, "decorator_list", [])]
    called = _called(here) + decorators
    return Statement(
        text=text,
        binds=bound,
        uses=_read(table) | {name for part in here for name in _replaced(part)},
        needs=set().union(*map(_needs, table.get_children())),
        changes=_written(here) | _roots(decorators),
        methods=_roots(_called(here)),
        calls={part.id for part in called if isinstance(part, ast.Name)},
        writes=_writes(node, table) if isinstance(node, _FUNCTIONS) else set(),
        assigns=not isinstance(node, _NAMED),
        always=any(isinstance(part, ast.alias) and part.name == "*" for part in here)
        or getattr(node, "module", "") == "__future__",
    )


def _run_with(statement: ast.stmt) -> Iterator[ast.AST]:
    """What runs when the statement runs: all of it but the bodies of functions."""
    waiting: list[ast.AST] = [statement]
    for node in waiting:  # grows while it is read
        yield node
        if isinstance(node, _FUNCTIONS):
            waiting += node.decorator_list
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _read(table: symtable.SymbolTable) -> set[str]:
    """Names of the module that are read here; in a class a name may be its own and, before that, the module's."""
    own = table.get_type() in ("module", "class")
    return {s.get_name() for s in table.get_symbols() if s.is_referenced() and (own or s.is_global())}


def _needs(table: symtable.SymbolTable) -> set[str]:
    return _read(table).union(*map(_needs, table.get_children()))


def _replaced(node: ast.AST) -> list[str]:
    """`x += 1` and `del x` need the x that they replace."""
    targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets if isinstance(node, ast.Delete) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _writes(function: ast.stmt, table: symtable.SymbolTable) -> set[str]:
    nodes = list(ast.walk(function))
    declared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return declared | (_written(nodes) | _roots(_called(nodes))) & _needs(table)


def _written(nodes: list[ast.AST]) -> set[str]:
    """`settings["eps"] = 1` and `np.allclose = …` bind no name but change what one stands for."""
    return _roots([node for node in nodes if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))])


def _called(nodes: list[ast.AST]) -> list[ast.expr]:
    """What is called for its effect alone."""
    return [node.value.func for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]


def _roots(nodes: list[ast.AST]) -> set[str]:
    """a.b[0].c → a, for those that are an attribute or an item of something."""
    found = set()
    for node in nodes:
        root = node
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if root is not node and isinstance(root, ast.Name):
            found.add(root.id)
    return found
