"""Wrong answers made of rules: what a right answer works out line by line, with some lines exchanged."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from utils.grading.spec import Mistake

Rules = Mapping[str, Callable[[SimpleNamespace], Any]]


def by_rules(names: tuple[str, ...], rules: Rules, **defaults: Any) -> Callable[..., Callable]:
    """A maker of answers. `names` are the arguments, `defaults` those of them that may be left out.

    An answer works `rules` out from top to bottom; each takes all that is known so far (`s.x`, `s.mean`, …) and gives
    the value of its name, the last one `returned`. `make(dict(eps=1e-3), mean=lambda s: 0)` exchanges a default and a
    rule; rules under new names come first. `make()` is the right answer itself.
    """

    def make(new_defaults: Mapping[str, Any] = (), **changed: Callable[[SimpleNamespace], Any]) -> Callable:
        first = {name: rule for name, rule in changed.items() if name not in rules}

        def answer(*args: Any) -> Any:
            s = SimpleNamespace(**(defaults | dict(new_defaults) | dict(zip(names, args, strict=False))))
            for name, rule in (first | dict(rules) | changed).items():
                setattr(s, name, rule(s))
            return s.returned

        return answer

    return make


def listed(make: Callable[..., Callable], *rows: tuple[str, str, dict]) -> tuple[Mistake, ...]:
    """Rows of (name, advice, the rules exchanged) as mistakes; `new_defaults=` among the rules changes defaults."""
    return tuple(Mistake(name, advice, make(**changed)) for name, advice, changed in rows)
