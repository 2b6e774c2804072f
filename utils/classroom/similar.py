"""Which answers resemble each other over several exercises: a question to the teacher, never a verdict.

copydetect compares fingerprints of code in which names and comments do not count (winnowing, as MOSS). Short right
answers are alike by nature, so a pair stands out in an exercise only where it is more alike than independent right
answers are (the course's own, in different styles) and than nearly all other pairs of the class; an exercise in which
too many pairs do so tells nothing. Given code, what the blank holds, does not count.
"""

import ast
import inspect
import io
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np

from utils import editions
from utils.classroom.owners import kind
from utils.classroom.submissions import Source, Submission
from utils.grading import catalogue
from utils.sandbox import dependencies, source
from utils.sandbox.file import NoTextError
from utils.sandbox.worker import Worker

K, WINDOW = 12, 1  # characters of filtered code that have to agree; every one is looked at
RARE = 0.01  # of the class's pairs: what more pairs do does not stand out
LEAST = 3  # exercises: in two, chance finds as many pairs as copying
SHORT = 60  # characters of filtered code beside what is given: a shorter answer says nothing about who wrote it


@dataclass(frozen=True)
class Baseline:
    """How alike answers to one exercise are, and from where on a pair stands out."""

    exercise: str
    independent: tuple[float, ...]  # between right answers of the course, in different styles
    pairs: int  # of students
    middle: float  # median over these pairs
    threshold: float | None  # None: the exercise tells nothing
    standing_out: int  # pairs at the threshold or above


@dataclass(frozen=True)
class Pair:
    """Two students, and where their answers stand out."""

    students: tuple[str, str]
    exercises: dict[str, float] = field(default_factory=dict)  # exercise → similarity
    compared: int = 0  # exercises that tell something and that both answered


@dataclass(frozen=True)
class Comparison:
    """What is told: baselines, pairs, and how many pairs chance alone would give."""

    baselines: list[Baseline]
    pairs: list[Pair]
    by_chance: float
    least: int


def compared(answers: dict[str, dict[str, str]], least: int = LEAST) -> Comparison:
    """Compare answers, exercise → student → code; pairs that stand out in `least` exercises or more."""
    similar = {name: similarities(name, codes) for name, codes in answers.items()}
    baselines = [_baseline(name, similar[name]) for name in catalogue.exercise_names() if name in answers]
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    both: dict[tuple[str, str], int] = defaultdict(int)
    chances: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in (one for one in baselines if one.threshold is not None):
        for pair, value in similar[one.exercise].items():
            both[pair] += 1
            chances[pair].append(one.standing_out / one.pairs)
            if value >= one.threshold:
                found[pair][one.exercise] = value
    pairs = [Pair(pair, of, both[pair]) for pair, of in found.items() if len(of) >= least]
    pairs.sort(key=lambda pair: (-len(pair.exercises), -sum(pair.exercises.values()), pair.students))
    return Comparison(baselines, pairs, sum(_at_least(least, shares) for shares in chances.values()), least)


def similarities(exercise: str, codes: dict[str, str]) -> dict[tuple[str, str], float]:
    """Pair of students → how much of the shorter answer is in the longer one, 0 to 1. Too short ones are left out."""
    from copydetect import compare_files

    given = _given(exercise)
    prints = {who: _fingerprint(code, given) for who, code in sorted(codes.items())}
    prints = {who: one for who, one in prints.items() if one.token_coverage >= SHORT}
    return {
        (a, b): float(min(1.0, max(compare_files(prints[a], prints[b])[1]))) for a, b in combinations(prints, 2)
    }  # fmt: skip


def _fingerprint(code: str, given: frozenset = frozenset()) -> Any:
    """A fingerprint without what is given. Its hashes are this process's own, so none is kept.

    copydetect's own way to leave code out drops repeated passages too (0.5.0: it takes them for unique).
    """
    from copydetect import CodeFingerprint
    from copydetect.utils import get_token_coverage

    one = CodeFingerprint("answer.py", K, WINDOW, language="python", fp=io.StringIO(code))
    one.hash_idx = {key: places for key, places in one.hash_idx.items() if key not in given}
    one.hashes = set(one.hash_idx)
    one.token_coverage = get_token_coverage(one.hash_idx, K, len(one.filtered_code))
    return one


def _given(exercise: str) -> frozenset:
    """The hashes of what the blank holds: signature, docstring, given functions."""
    cells = editions.blank(catalogue.stem_of(exercise))["cells"]
    texts = [editions.text(cell) for cell in cells if cell["cell_type"] == "code"]
    return frozenset(key for text in texts if "def " in text or "class " in text for key in _fingerprint(text).hashes)


def _baseline(exercise: str, similar: dict[tuple[str, str], float]) -> Baseline:
    independent = tuple(similarities(exercise, course_answers(exercise)).values())
    values = sorted(similar.values(), reverse=True)
    if not values:
        return Baseline(exercise, independent, 0, 0.0, None, 0)
    most = max(1, int(RARE * len(values)))
    threshold = max([values[most - 1], *independent])
    standing_out = sum(value >= threshold for value in values)
    tells = standing_out <= 5 * most and threshold > median(values)
    return Baseline(exercise, independent, len(values), median(values), threshold if tells else None, standing_out)


def _at_least(least: int, chances: list[float]) -> float:
    """The probability that at least so many of independent events happen."""
    spread = np.ones(1)
    for chance in chances:
        spread = np.convolve(spread, [1 - chance, chance])
    return float(spread[least:].sum())


def as_json(found: Comparison) -> dict:
    """What `--json` prints."""
    return {
        "least": found.least, "pairs_by_chance": round(found.by_chance, 2),
        "pairs": [
            {"students": list(pair.students), "exercises": {k: round(v, 3) for k, v in pair.exercises.items()},
             "compared": pair.compared}
            for pair in found.pairs
        ],
        "exercises": [
            {"exercise": one.exercise, "pairs": one.pairs, "median": round(one.middle, 3),
             "independent": [round(value, 3) for value in one.independent],
             "threshold": one.threshold and round(one.threshold, 3), "standing_out": one.standing_out}
            for one in found.baselines
        ],
    }  # fmt: skip


def in_words(found: Comparison) -> list[str]:
    """The same for the teacher, with what it does not mean."""
    head = f"{len(found.pairs)} pairs of students stand out in {found.least} exercises or more."
    lines = [head if len(found.pairs) != 1 else head.replace("pairs", "pair").replace("stand", "stands")]
    for pair in found.pairs:
        places = ", ".join(f"{name} {value:.0%}" for name, value in pair.exercises.items())
        lines.append(f"  {' and '.join(pair.students)}, {len(pair.exercises)} of {pair.compared}: {places}")
    lines += [
        f"If answers were independent, about {found.by_chance:.1f} such pairs would appear by chance.",
        "In practice expect more: each student has one style.",
        "This is a question and not a verdict: two who learnt from the same lecture write alike.",
        "Ask both to explain a line.",
        "",
        "How alike the answers of two students are (100%: the same code but for names and comments):",
        "",
        f"  {'exercise':24}{'compared':>10}{'median similarity':>19}{'limit':>14}{'stand out':>11}{'styles':>14}",
    ]
    lines += [_row(one) for one in found.baselines]
    return [
        *lines,
        "",
        "compared: pairs of students; stand out: those of them at the limit or above.",
        "styles: between the course's own right answers, written to differ; look at the class's pairs first.",
    ]


def _row(one: Baseline) -> str:
    styles = f"{min(one.independent):.0%} to {max(one.independent):.0%}" if one.independent else "–"
    out = f"from {one.threshold:.0%}" if one.threshold is not None else "tells nothing"
    return f"  {one.exercise:24}{one.pairs:>10}{one.middle:>19.0%}{out:>14}{one.standing_out:>11}{styles:>14}"


# ---- the code that is compared ------------------------------------------------------------------------------------


def last_answers(found: Source) -> dict[str, dict[str, str]]:
    """Exercise → student → code of the last hand-in that is no blank. Files are taken apart in a child process."""
    names, answers, times = catalogue.exercise_names(), defaultdict(dict), {}
    with Worker() as worker:
        for one in found.submissions():
            for name, code in _parts(worker, found, one, names).items():
                key = name, one.owner.student
                if key not in times or one.submitted >= times[key]:
                    times[key], answers[name][one.owner.student] = one.submitted, code
    return dict(answers)


def _parts(worker: Worker, found: Source, one: Submission, names: list[str]) -> dict[str, str]:
    if one.trouble or not one.owner.student:
        return {}
    try:
        taken = worker.take_apart(found.content(one), kind(one.file), names).get("parts", {})
    except NoTextError:
        return {}
    codes = {name: own_code(part["source"].encode(), ".py", names) for name, part in taken.items() if "source" in part}
    return {name: code[name] for name, code in codes.items() if name in code}


def own_code(data: bytes, suffix: str, names: Iterable[str]) -> dict[str, str]:
    """Exercise → the code that answers it, with the helpers it calls: no imports, no other exercise, nothing blank."""
    names = list(names)
    parts = source.read_bytes(data, suffix, names)
    found = {}
    for name in parts.defined(names):
        kept = [parts.statements[index] for index in dependencies.needed(parts.statements, name)]
        texts = [part.text for part in kept if not _is_foreign(part, name, names)]
        code = "\n\n".join(texts)
        if code and "raise NotImplementedError" not in code:
            found[name] = code
    return found


def _is_foreign(part: Any, name: str, names: list[str]) -> bool:
    return part.text.startswith(("import ", "from ")) or (name not in part.binds and bool(part.binds & set(names)))


def course_answers(exercise: str) -> dict[str, str]:
    """Right answers that were written independently of each other: the solution and the accepted styles."""
    stem = catalogue.stem_of(exercise)
    path = editions.folder("solutions") / f"{stem}.ipynb"
    found = own_code(path.read_bytes(), ".ipynb", catalogue.entries()[stem]["exercises"])
    answers = {"solution": found[exercise]} if exercise in found else {}
    for index, accepted in enumerate(catalogue.exercise(exercise).accepts):
        if code := _written(accepted):
            answers[f"style {index}"] = code
    return answers


def _written(function: Any) -> str:
    """A function's text, where it is one with a body of its own; an oracle that calls another library is none."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return ""
    is_function = isinstance(tree.body[0], ast.FunctionDef) and len(tree.body) == 1
    return text if is_function and "<locals>" not in function.__qualname__ and "torch" not in text else ""
