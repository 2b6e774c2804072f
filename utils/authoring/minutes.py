"""How long a text takes a reader, computed from its source: the core path, and the deeper parts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from utils.authoring import blank, deeper

WORDS, LINES = 170, 20  # a minute
FORMULA, EXERCISE, FIGURE = 1.2, 6.0, 0.5  # minutes each
_CHINESE = re.compile(r"[㐀-鿿]")
_DISPLAY = re.compile(r"\$\$.+?\$\$", re.DOTALL)
_FIGURE = re.compile(r"\bplt\.show\(|\bplots\.(?!color\b|style\b)\w+\(")
_UNCOUNTED = ("## References", "### 三十秒回答")


@dataclass(frozen=True)
class Load:
    """What a reader meets in some cells."""

    words: int = 0
    formulas: int = 0
    lines: int = 0
    exercises: int = 0
    figures: int = 0

    def __add__(self, other: "Load") -> "Load":
        return Load(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def minutes(self) -> float:
        """The time it takes."""
        return (self.words / WORDS + FORMULA * self.formulas + self.lines / LINES + EXERCISE * self.exercises
                + FIGURE * self.figures)  # fmt: skip


def of(cells: Iterable[NotebookNode]) -> Load:
    """The load of some cells; hints, cells of the solution, references and Chinese do not count."""
    return sum((_of_cell(cell) for cell in _counted(cells)), Load())


def core(notebook: NotebookNode) -> Load:
    """The load of the path that everybody takes."""
    return of(cell for cell in notebook.cells if "deeper" not in deeper.tags(cell))


def beyond(notebook: NotebookNode) -> Load:
    """The load of the deeper parts."""
    return of(cell for cell in notebook.cells if "deeper" in deeper.tags(cell))


def agrees(stated: int, load: Load) -> bool:
    """Do the minutes that a question states and the computed ones differ by at most a quarter of either?"""
    return 0.8 * load.minutes <= stated <= 1.25 * load.minutes


def _counted(cells: Iterable[NotebookNode]) -> Iterator[NotebookNode]:
    for cell in cells:
        if not {"hint", "solution"} & set(deeper.tags(cell)) and not cell.source.startswith(_UNCOUNTED[0]):
            yield cell


def _of_cell(cell: NotebookNode) -> Load:
    return _of_code(cell) if cell.cell_type == "code" else _of_text(cell.source)


def _of_code(cell: NotebookNode) -> Load:
    text = blank.blanked(cell.source, "cell") if blank.is_solved(cell.source) else cell.source
    shown = [] if "hide-input" in deeper.tags(cell) else [line for line in text.split("\n") if line.strip()]
    figures = max(cell.source.count("plt.show("), int(bool(_FIGURE.search(cell.source))))
    return Load(lines=len(shown), exercises=len(re.findall(r"(?m)^check\(\w+\)$", cell.source)), figures=figures)


def _of_text(text: str) -> Load:
    text = text.split(_UNCOUNTED[1])[0]
    formulas = len(_DISPLAY.findall(text))
    text = re.sub(r"\$[^$\n]+\$", " formula ", _DISPLAY.sub(" ", text))
    text = re.sub(r"<[^>\n]*>|\]\([^)]*\)", " ", text)
    words = [word for word in text.split() if re.search(r"\w", word) and not _CHINESE.search(word)]
    return Load(words=len(words), formulas=formulas)
