"""The author's proof that the grader is right: `course dev verify` prints what fails, the tests assert each part."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from utils.authoring import accidents, arguments, build, executed, reading, recording
from utils.authoring.answers import references, solved
from utils.grading import catalogue, compare, judge, reference, report, run
from utils.grading.spec import Exercise


def freshness(root: Path, slugs: Collection[str] | None = None) -> Iterator[str]:
    """What is derived and differs from what its sources give, what was not executed, and what has no source.

    With `slugs`, of those questions only.
    """
    for path, text in build.derived(root, slugs).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield f"{path.relative_to(root)} is stale: run `course dev build`"
    for text in build.sources(root, slugs):
        if executed.needs_execution(text):
            yield f"solutions/{text.stem}.ipynb is stale or was not run from top to bottom: run `course dev build`"
    for path in build.stray(root) if slugs is None else ():
        yield f"{path.relative_to(root)} has no source"


def question(slug: str, root: Path) -> Iterator[str]:
    """What its text owes the reader, and every proof for every exercise of one question."""
    path = next((root / "solutions").glob(f"??_{slug}.py"))
    if not reference.recorded(slug):
        yield f"{path.stem} has no recorded answers: run `course dev record {path.stem[:2]}`"
        return
    if not (root / "notebooks" / f"{path.stem}.ipynb").exists():
        return  # `freshness` says what to run
    yield from (f"{path.stem}: {problem}" for problem in reading.unmet(build.read_source(path)))
    for exercise in catalogue.question(slug).exercises:
        for proof in PROOFS:
            for problem in proof(exercise, path):
                yield f"{path.stem}, {exercise.name}: {problem}"


def solution_is_right(exercise: Exercise, path: Path) -> Iterator[str]:
    """The solved code earns "right"."""
    verdict = _judge(solved(exercise, path), exercise)
    if not verdict:
        yield f"the solution is {verdict.status}: {verdict.message}"


def blank_is_not_attempted(exercise: Exercise, path: Path) -> Iterator[str]:
    """The learner's untouched notebook is neither right nor wrong."""
    verdict = _judge(solved(exercise, path.parents[1] / "notebooks" / f"{path.stem}.ipynb"), exercise)
    if verdict.status != report.BLANK:
        yield f"the blank is {verdict.status}: {verdict.message}"


def mistakes_are_named(exercise: Exercise, path: Path) -> Iterator[str]:
    """Every listed mistake is rejected, and under its own name."""
    if not exercise.mistakes:
        yield "it lists no mistake"
    for mistake in exercise.mistakes:
        verdict = _judge(mistake.wrong, exercise)
        if verdict:
            yield f"the mistake {mistake.name!r} passes"
        elif verdict.mistake != mistake.name:
            yield f"the mistake {mistake.name!r} is called {verdict.mistake!r}"


def accepted_are_right(exercise: Exercise, path: Path) -> Iterator[str]:
    """Right answers in another style are accepted."""
    if not exercise.accepts:
        yield "it lists no other style to accept"
    for other in exercise.accepts:
        verdict = _judge(other, exercise)
        if not verdict:
            yield f"the accepted {getattr(other, '__qualname__', other)} is {verdict.status}: {verdict.message}"


def reference_is_live(exercise: Exercise, path: Path) -> Iterator[str]:
    """Recorded inputs are what the cases make, up to rounding; recorded answers what the oracle says of them today."""
    recorded = {ref.case: ref for ref in references(exercise)}
    cases = recording.cases_of(exercise)
    if list(recorded) != [case.name for case in cases]:
        yield "its cases are not the recorded ones: run `course dev record`"
        return
    for case in cases:
        ref = recorded[case.name]
        if not recording.confirms_inputs(recording.inputs_of(exercise, case), ref.inputs):
            yield f"the inputs of {case.name!r} are not the recorded ones: run `course dev record`"
        elif not recording.confirms(recording.live_answer(exercise, case, ref.inputs), ref.values, exercise):
            yield f"the oracle no longer gives the recorded answer to {case.name!r}"


def near_miss_is_rejected(exercise: Exercise, path: Path) -> Iterator[str]:
    """Each returned value, off by a relative 1e-3, is rejected."""
    refs = references(exercise)
    outcomes = run.outcomes(solved(exercise, path), exercise, [ref.inputs for ref in refs])
    for name in refs[0].values:
        scaled = [replace(o, values=o.values | {name: _scaled(o.values[name])}) if o.values else o for o in outcomes]
        pairs = zip(scaled, outcomes, strict=True)
        changed = any(a.values and _visible(a.values[name], b.values[name], exercise) for a, b in pairs)
        if changed and judge.judge(exercise, scaled, refs):
            yield f"{name} times 1.001 passes"


def changing_inputs_is_told(exercise: Exercise, path: Path) -> Iterator[str]:
    """A right answer that writes into an argument is told so."""
    verdict = _judge(_vandal(solved(exercise, path)), exercise)
    has_arrays = any(
        isinstance(v, np.ndarray) and v.size and v.dtype.kind == "f"
        for ref in references(exercise)
        for v in ref.inputs.values()
    )
    if (has_arrays or isinstance(solved(exercise, path), type)) and (verdict or "changed" not in verdict.message):
        yield f"an answer that changes its inputs is {verdict.status}: {verdict.message}"


PROOFS: tuple[Callable[[Exercise, Path], Iterator[str]], ...] = (
    solution_is_right, blank_is_not_attempted, mistakes_are_named, accepted_are_right, reference_is_live,
    near_miss_is_rejected, changing_inputs_is_told, accidents.mistakes_die_of_what_they_do,
    arguments.defaults_decide, arguments.arguments_decide,
)  # fmt: skip


def _judge(function: Callable, exercise: Exercise) -> report.Report:
    refs = references(exercise)
    return judge.judge(exercise, run.outcomes(function, exercise, [ref.inputs for ref in refs]), refs)


def _scaled(value: Any) -> Any:
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return value * 1.001
    if isinstance(value, (list, tuple)):
        return type(value)(map(_scaled, value))
    return value


def _visible(a: Any, b: Any, exercise: Exercise) -> bool:
    """Do two values differ by more than the exercise's absolute tolerance? What is pure rounding noise cannot."""
    return not compare.same(a, b, 0.0, exercise.atol)


def _vandal(function: Callable) -> Callable:
    """The same answers, but every array argument is written into on the way."""
    if isinstance(function, type):
        return _vandal_class(function)

    def vandal(*args: Any) -> Any:
        result = function(*args)
        if hasattr(result, "forward"):  # a function that makes a module
            result.forward = _writing(result.forward)
        for array in (item for arg in args for item in (arg if isinstance(arg, (list, tuple)) else [arg])):
            if isinstance(array, np.ndarray) and array.dtype.kind in "fiu":
                array += 1
        return result

    vandal.__name__ = function.__name__
    return vandal


def _vandal_class(layer: type) -> type:
    class Vandal(layer):
        def forward(self, x: Any) -> Any:
            return _writing(super().forward)(x)

    return Vandal


def _writing(forward: Callable) -> Callable:
    def written(x: Any) -> Any:
        result = forward(x)
        result = result.copy() if isinstance(result, np.ndarray) else result.clone()
        values = x if isinstance(x, np.ndarray) else x.data
        values += 1
        return result

    return written
