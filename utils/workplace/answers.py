"""Which exercises somebody's file answers: told apart from blanks without running anything."""

import ast
from pathlib import Path

from utils.sandbox import source


def answers(path: Path, names: list[str]) -> dict[str, str]:
    """Exercise → the text of its definition, without comments, for those of `names` that are no longer blank.

    A file that cannot be read, or a definition that Python cannot parse, counts as an answer: somebody wrote it.
    """
    try:
        found = source.read(path, names)
    except (source.UnreadableError, OSError):
        return dict.fromkeys(names, "unreadable")
    written = dict.fromkeys(found.broken, "broken")
    for statement in found.statements:
        for name in statement.binds & set(names):
            if not _is_blank(tree := ast.parse(statement.text)):
                written[name] = ast.unparse(tree)
    return written


def _is_blank(tree: ast.AST) -> bool:
    """Is every function a stub? A class whose __init__ is written and whose forward is not is somebody's work."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return bool(functions) and all(_is_stub([node for node in f.body if not _is_text(node)]) for f in functions)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_stub(body: list[ast.stmt]) -> bool:
    """`raise NotImplementedError()`, with or without the brackets, and nothing else."""
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
