"""All texts that one edit makes of a function's source: an operator, a constant, an axis, a name, a keyword, a call."""

import ast
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_PLAIN = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
TICK = "__tick__"  # called in every loop: an edit may make one endless
_FAMILIES = (
    "mean sum median max min prod var std", "argmax argmin argsort", "maximum minimum", "sqrt square abs",
    "log log2 log10 log1p exp expm1", "floor ceil round trunc rint", "zeros ones empty full", "cumsum cumprod",
    "zeros_like ones_like", "vstack hstack stack concatenate", "any all", "inv pinv", "eigvalsh eigvals",
)  # fmt: skip
_OTHER_NAMES = {word: [o for o in row.split() if o != word] for row in _FAMILIES for word in row.split()}
_REDUCTIONS = {"mean", "sum", "max", "min", "prod", "var", "std", "argmax", "argmin", "any", "all", "median"}
_BINARY = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Div), ast.Mult: (ast.Div, ast.Add, ast.MatMult, ast.Pow),
    ast.Div: (ast.Mult, ast.FloorDiv, ast.Sub), ast.FloorDiv: (ast.Div, ast.Mod), ast.Mod: (ast.FloorDiv,),
    ast.MatMult: (ast.Mult,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip
_HOLDS_ITSELF = re.compile(r"\b(\w+)\.(append|extend|insert)\(.*\b\1\b")  # np.stack of such a list takes minutes
_COMPARE = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_WRAPS = (
    "np.sqrt({})", "({}) ** 2", "np.abs({})", "-({})", "({}).T", "np.log({})", "np.exp({})", "np.maximum({}, 0)",
    "({}) / 2", "({}) * 2", "({}) + 1", "({}) - 1", "1 - ({})", "1 / ({})", "({})[::-1]", "({}).copy()", "np.mean({})",
    "np.sum({})",
)  # fmt: skip
_AXES = ("0", "1", "-1", "-2", "2", "(0, 1)", "(1, 2)", "(2, 3)", "(0, 2, 3)", "(1, 2, 3)", "None")


@dataclass(frozen=True)
class Edit:
    """One edit: where it is, what kind it is, and the whole source after it."""

    line: int  # of the source, from 1
    kind: str  # "an operator", "a constant", …
    text: str


def edits(source: str, most: int = 4000) -> Iterator[Edit]:
    """Each edit of the source, small ones first; nothing for what cannot be parsed."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return
    _guard_loops(tree)
    plain = ast.unparse(ast.fix_missing_locations(tree))
    again = ast.parse(plain)  # the same tree, with the places of the plain text
    lines = [getattr(node, "lineno", 0) for node in ast.walk(tree)]
    _note_followers(again)
    untouched = _untouched(again)
    places = [(node, line) for node, line in zip(ast.walk(again), lines, strict=True) if node not in untouched]
    text, names, seen = _Text(plain), _names(tree), set()
    for kind, make in _KINDS:
        for node, line in places:
            for new in make(node, names):
                edited = text.with_new(node, new)
                if edited and edited not in seen and not _HOLDS_ITSELF.search(edited):
                    seen.add(edited)
                    yield Edit(line, kind, edited)
                if len(seen) > most:
                    return


def origin(source: str) -> dict[int, int]:
    """Line of the source as the edits write it → line of the source as it is."""
    tree = ast.parse(textwrap.dedent(source))
    _guard_loops(tree)
    again = ast.parse(ast.unparse(ast.fix_missing_locations(tree)))
    pairs = zip(ast.walk(again), ast.walk(tree), strict=True)
    return {new.lineno: old.lineno for new, old in pairs if isinstance(new, ast.stmt)}


def _note_followers(tree: ast.AST) -> None:
    """Each plain statement knows the next one of its block."""
    for node in ast.walk(tree):
        for body in (getattr(node, name, None) for name in ("body", "orelse")):
            for one, other in itertools.pairwise(body if isinstance(body, list) else ()):
                if isinstance(one, _PLAIN) and isinstance(other, (*_PLAIN, ast.Return)):
                    one.follower = other


def _untouched(tree: ast.AST) -> set[ast.AST]:
    """The calls of the clock, and what stands in formatted strings, whose places are not to be relied on."""
    outer = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) or _is_tick(node))
    return {inner for node in outer for inner in ast.walk(node)}


def _is_tick(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == TICK


class _Text:
    """A source in which one node at a time is replaced; places count bytes."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.starts = [0]
        for line in self.data.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def with_new(self, node: ast.AST, new: ast.AST) -> str | None:
        """The source with another node in its place, in parentheses where it is an expression."""
        if not isinstance(node, (ast.expr, ast.stmt)) or isinstance(node, (ast.Slice, ast.Starred)):
            return None
        written = ast.unparse(ast.fix_missing_locations(new))
        written = f"({written})" if isinstance(node, ast.expr) else written
        last = node
        if isinstance(new, ast.Module):  # the two statements, exchanged
            written, last = written.strip().replace("\n", "; "), node.follower
        start = self.starts[node.lineno - 1] + node.col_offset
        end = self.starts[last.end_lineno - 1] + last.end_col_offset
        return (self.data[:start] + written.encode() + self.data[end:]).decode()


def _guard_loops(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.While, ast.For)) and not _is_tick(node.body[0]):
            tick = ast.Expr(ast.Call(ast.Name(TICK, ast.Load()), [], []))
            node.body.insert(0, tick)


def _names(tree: ast.AST) -> list[str]:
    """Arguments and what is assigned, in order of appearance."""
    found = [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    found += [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return list(dict.fromkeys(found))


def _operators(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for other in _BINARY.get(type(node.op), ()):
            yield _with(node, op=other())
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult)):
        yield _with(node, left=node.right, right=node.left)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], _COMPARE):
        yield from (_with(node, ops=[other()]) for other in _COMPARE if not isinstance(node.ops[0], other))
    if isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    if isinstance(node, ast.UnaryOp):
        yield node.operand


def _constants(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, (bool, int, float)):
        return
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
        return
    others = [value + 1, value - 1, -value, 2 * value, value / 2, 0, 1, 2, 0.5, 3, 4, 1e-5, 1e-8, 1e-12, 0.9, 0.1]
    yield from (ast.Constant(other) for other in dict.fromkeys(others) if other != value)
    yield from (ast.Name(name, ast.Load()) for name in names)


def _other_name(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(name, ast.Load()) for name in names if name != node.id)


def _keywords(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Call):
        return
    given = {keyword.arg for keyword in node.keywords}
    for i, keyword in enumerate(node.keywords):
        rest = node.keywords[:i] + node.keywords[i + 1 :]
        yield _with(node, keywords=rest)
        if keyword.arg in ("axis", "dim"):
            now = ast.unparse(keyword.value)
            yield from (_with(node, keywords=[*rest, _keyword(keyword.arg, axis)]) for axis in _AXES if axis != now)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _REDUCTIONS:
        for name, values in (("axis", _AXES), ("keepdims", ("True",)), ("ddof", ("1",))):
            if name not in given:
                yield from (_with(node, keywords=[*node.keywords, _keyword(name, value)]) for value in values)


def _order(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and len(node.args) == 2:
        yield _with(node, args=node.args[::-1])


def _calls(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute):
        yield from (_with(node, attr=other) for other in _OTHER_NAMES.get(node.attr, ()))
        if node.attr == "T":
            yield node.value
    if isinstance(node, ast.Call):
        if len(node.args) == 1:
            yield node.args[0]
        if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name):
            yield node.func.value
        owner = getattr(node.func, "value", None)
        if isinstance(owner, ast.Name) and owner.id in names:
            yield owner


def _terms(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    if isinstance(node, ast.BoolOp):
        yield from node.values
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value


def _regrouped(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """f(a + b) for f(a) + b and the other way round; a·(b + c) for a·b + c."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.BinOp):
        inner = node.args[0]
        yield _with(inner, left=_with(node, args=[inner.left]))
        yield _with(inner, right=_with(node, args=[inner.right]))
    if isinstance(node, ast.BinOp):
        if isinstance(node.left, ast.Call) and len(node.left.args) == 1:
            yield _with(node.left, args=[_with(node, left=node.left.args[0])])
        if isinstance(node.right, ast.Call) and len(node.right.args) == 1:
            yield _with(node.right, args=[_with(node, right=node.right.args[0])])
        if isinstance(node.left, ast.BinOp):
            yield _with(node.left, right=_with(node, left=node.left.right))
        if isinstance(node.right, ast.BinOp):
            yield _with(node.right, left=_with(node, right=node.right.left))


def _exchanged(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if hasattr(node, "follower") and not isinstance(node.follower, ast.Return):
        yield ast.Module([node.follower, node], [])


def _missing(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if not isinstance(node, (ast.BinOp, ast.Call, ast.Name, ast.Subscript, ast.Attribute)):
        return
    if isinstance(getattr(node, "ctx", None), ast.Store) or (isinstance(node, ast.Name) and node.id not in names):
        return
    for wrap in _WRAPS:
        yield ast.parse(wrap.format(ast.unparse(node)), mode="eval").body


def _factors(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if not isinstance(node, (ast.BinOp, ast.Call)):
        return
    inner = ast.unparse(node)
    more = [f"({inner}) {sign} {name}" for name in names if name != inner for sign in "*/+-"]
    more += [f"({inner}) {sign} len({name})" for name in names[:3] for sign in "*/"]
    for text in more:
        yield ast.parse(text, mode="eval").body


def _statements(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.Break, ast.Continue)):
        yield ast.Pass()
    if isinstance(node, ast.Compare):
        yield ast.UnaryOp(ast.Not(), node)


_KINDS = (
    ("an operator", _operators), ("a constant", _constants), ("a keyword or an axis", _keywords),
    ("the order of two arguments", _order),
    ("where a parenthesis stands", _regrouped), ("the name of a variable", _other_name),
    ("the function that is called", _calls), ("a superfluous term", _terms),
    ("the order of two statements", _exchanged), ("a statement", _statements),
    ("a missing call or factor", _missing), ("a missing call or factor", _factors),
)  # fmt: skip


def _keyword(name: str, text: str) -> ast.keyword:
    return ast.keyword(name, ast.parse(text, mode="eval").body)


def _with(node: ast.AST, **changed: object) -> ast.AST:
    """A copy of a node with some fields exchanged; the children are shared."""
    new = type(node)(**dict(ast.iter_fields(node)))
    for name, value in changed.items():
        setattr(new, name, value)
    return ast.copy_location(new, node)
