"""Which statements of a file an exercise needs, in time that grows with the file and no faster."""

from collections import defaultdict
from collections.abc import Iterator

from utils.sandbox.statement import Statement


def needed(statements: list[Statement], exercise: str) -> list[int]:
    """Indices of the statements to run, in their order.

    What a definition needs when it is called may be bound anywhere; what a statement uses as it runs, before it.
    """
    search = _Search(statements, exercise)
    search.want(exercise, len(statements))
    for index, part in enumerate(statements):
        if part.always:
            search.keep(index)
    search.finish()
    return sorted(search.kept)


class _Search:
    """Statements kept so far, and for each name up to where its givers were looked at."""

    def __init__(self, statements: list[Statement], exercise: str) -> None:
        self.statements = statements
        self.kept: set[int] = set()
        self.looked: dict[str, int] = defaultdict(int)  # name → how many of its givers were taken
        self.todo: list[int] = []
        self.givers: dict[str, list[int]] = defaultdict(list)
        for index, names in enumerate(_given(statements, exercise)):
            for name in names:
                self.givers[name].append(index)

    def want(self, name: str, before: int) -> None:
        """Keep what gives `name` in the statements before that index."""
        givers, start = self.givers.get(name, []), self.looked[name]
        while start < len(givers) and givers[start] < before:
            self.keep(givers[start])
            start += 1
        self.looked[name] = start

    def keep(self, index: int) -> None:
        if index not in self.kept:
            self.kept.add(index)
            self.todo.append(index)

    def finish(self) -> None:
        while self.todo:
            index = self.todo.pop()
            for name in self.statements[index].needs:
                self.want(name, len(self.statements))
            for name in self.statements[index].uses:
                self.want(name, index)


def _given(statements: list[Statement], exercise: str) -> Iterator[set[str]]:
    """For each statement the names that it may alter. A call of the exercise itself is an experiment."""
    variables = {name for part in statements if part.assigns for name in part.binds}
    writes: dict[str, set[str]] = defaultdict(set)
    for part in statements:
        if part.writes:
            for name in part.binds - {exercise}:
                writes[name] |= part.writes
    for part in statements:
        yield part.binds.union(part.changes, part.methods & variables, *(writes[n] for n in part.calls if n in writes))
