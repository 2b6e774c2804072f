"""One top-level statement of a file, and the names that it has to do with."""

import ast
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)
_BY_TEXT = {"eval", "exec", "globals", "locals", "vars", "getattr"}  # what finds a helper by a text
_TELLING = {"check", "print", "display", "show"}  # calls that leave nothing behind
_WORD = re.compile(r"[^\W\d]\w*")


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
    from_course: bool  # imports from the course's own modules
    always: bool  # kept whatever is needed: nobody knows what a star import binds
    idle: bool  # nothing that others do depends on its having run, but for the names it binds


def statement(node: ast.stmt, text: str) -> Statement:
    table = symtable.symtable(text, "<cell>", "exec")
    bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_declared_global()}
    here = list(_run_with(node))
    decorators = [getattr(part, "func", part) for part in getattr(node, "decorator_list", [])]
    called = _called(here) + decorators
    return Statement(
        text=text,
        binds=bound,
        uses=_read(table) | {name for part in here for name in _replaced(part)},
        needs=set().union(*map(_needs, table.get_children())) | _by_text(node, text),
        changes=_written(here) | _roots(decorators),
        methods=_roots(_called(here)),
        calls={part.id for part in called if isinstance(part, ast.Name)},
        writes=_writes(node, table) if isinstance(node, _FUNCTIONS) else set(),
        assigns=not isinstance(node, _NAMED),
        from_course=isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "utils",
        always=any(isinstance(part, ast.alias) and part.name == "*" for part in here)
        or getattr(node, "module", "") == "__future__",
        idle=isinstance(node, (*_NAMED, ast.Pass)) or (isinstance(node, ast.Expr) and _only_tells(node.value)),
    )


def _only_tells(value: ast.expr) -> bool:
    """A docstring, a name at a cell's end, `check(answer)`, `print(…)` of such."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _TELLING:
        return not any(isinstance(node, ast.Call) for part in value.args for node in ast.walk(part))
    return isinstance(value, (ast.Constant, ast.Name))


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


def _by_text(statement: ast.stmt, text: str) -> set[str]:
    """`globals()["helper"]`, `eval("helper(x)")`: names that a function finds by a text, when it looks for such."""
    spoken = not text.isascii() or any(word in text for word in _BY_TEXT)
    nodes = list(ast.walk(statement)) if spoken else []
    if not any(isinstance(node, ast.Name) and node.id in _BY_TEXT for node in nodes):
        return set()
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {word for text in texts for word in _WORD.findall(text[:1000])}


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
