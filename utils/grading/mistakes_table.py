"""The table of `common_mistakes(f)`: an exercise's mistakes by what to do instead, as text and as HTML."""

import html
from dataclasses import dataclass

FIRST = 5  # so many lines of advice are in sight; HTML has the rest under a fold


@dataclass(frozen=True)
class Table:
    """The common mistakes of one exercise by what to do instead, as text and as HTML."""

    rows: tuple[tuple[str, str], ...]  # (name, advice)

    @property
    def by_advice(self) -> dict[str, list[str]]:
        """Advice → the names of the mistakes that it mends."""
        groups: dict[str, list[str]] = {}
        for name, advice in self.rows:
            groups.setdefault(advice, []).append(name)
        return groups

    def __repr__(self) -> str:
        groups = list(self.by_advice.items())
        lines = [f"✗ {'; '.join(names)}\n    {advice}" for advice, names in groups[:FIRST]]
        rest = sum(len(names) for _, names in groups[FIRST:])
        return "\n".join([*lines, f"… and {rest} more"] if rest else lines)

    def _repr_html_(self) -> str:
        groups = list(self.by_advice.items())
        rest = sum(len(names) for _, names in groups[FIRST:])
        more = f"<details><summary>{rest} more</summary>{_table(groups[FIRST:])}</details>" if rest else ""
        return f'<div style="overflow-x:auto" tabindex="0">{_table(groups[:FIRST])}{more}</div>'


def _table(groups: list[tuple[str, list[str]]]) -> str:
    left = ' style="text-align:left;vertical-align:top"'
    body = "".join(
        f"<tr><td{left}>{'<br>'.join(map(html.escape, names))}</td><td{left}>{html.escape(advice)}</td></tr>"
        for advice, names in groups
    )
    return f"<table><tr><th{left}>mistake</th><th{left}>instead</th></tr>{body}</table>"
