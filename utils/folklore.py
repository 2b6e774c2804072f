"""Interview folklore on trial: a claim, the conditions it was tried under, and the verdict that follows."""

import html
from collections.abc import Mapping
from dataclasses import dataclass

HOLDS, ONLY_IF, FAILS = "holds", "holds only if", "does not hold"
MIME = "application/vnd.course.trial+json"  # by which the book finds every verdict in the executed notebooks
_HUE = {HOLDS: "#009E73", ONLY_IF: "#E69F00", FAILS: "#D55E00"}


@dataclass(frozen=True)
class Trial:
    """A claim and what came of it; compares equal to its verdict's text, so that a cell can assert it."""

    claim: str
    where: Mapping[str, bool]
    only_if: str

    @property
    def verdict(self) -> str:
        """ "holds", "does not hold", or "holds only if …"."""
        kept = self.where.values()
        if all(kept):
            return HOLDS
        return f"{ONLY_IF} {self.only_if}" if any(kept) else FAILS

    def __eq__(self, other: object) -> bool:
        return self.verdict == other if isinstance(other, str) else NotImplemented

    __hash__ = None

    def __repr__(self) -> str:
        lines = [f"Claim: {self.claim}"]
        lines += [f"  {'✓' if kept else '✗'} {condition}" for condition, kept in self.where.items()]
        return "\n".join([*lines, f"Verdict: it {self.verdict}."])

    def _repr_mimebundle_(self, **_: object) -> dict:
        return {
            "text/plain": repr(self),
            "text/html": self._html(),
            MIME: {"claim": self.claim, "verdict": self.verdict},
        }

    def _html(self) -> str:
        hue = _HUE[next(key for key in (ONLY_IF, FAILS, HOLDS) if self.verdict.startswith(key))]
        rows = "".join(
            f'<li style="list-style:none">{"✓" if kept else "✗"} {html.escape(condition)}</li>'
            for condition, kept in self.where.items()
        )
        return (
            f'<div style="border-left:4px solid {hue};padding:.3em 0 .3em .8em">'
            f'<div>Claim: <i>{html.escape(self.claim)}</i></div><ul style="margin:.3em 0;padding-left:.5em">{rows}</ul>'
            f"<div>Verdict: it <b>{html.escape(self.verdict)}</b>.</div></div>"
        )


def trial(claim: str, where: Mapping[str, bool], only_if: str = "") -> Trial:
    """Put a claim to the test: `where` tells for each condition tried whether the claim held there.

    All true: it holds. None: it does not hold. Some: it holds only if `only_if`, which must then be given.

    >>> trial("a larger step is faster", {"lr = 0.9 · 2/L": True, "lr = 1.1 · 2/L": False}, only_if="lr < 2/L")
    Claim: a larger step is faster
      ✓ lr = 0.9 · 2/L
      ✗ lr = 1.1 · 2/L
    Verdict: it holds only if lr < 2/L.
    """
    if not where:
        raise ValueError("a trial needs at least one condition, as in trial(claim, {'on digits': accuracy > 0.9})")
    for condition, kept in where.items():
        if bool(kept) != kept:  # NaN, a text, None: Python takes each for true or false, and nobody meant it
            raise ValueError(f"{condition!r} is {kept!r}; a condition is True or False, as a comparison computes it")
    ruling = Trial(claim, {condition: bool(kept) for condition, kept in where.items()}, only_if)
    if ruling.verdict.startswith(ONLY_IF) and not only_if:
        raise ValueError(f"the claim held under some conditions only ({ruling.where}): say which in only_if=…")
    return ruling
