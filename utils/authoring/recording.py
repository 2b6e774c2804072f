"""How references and fingerprints are recorded: the oracles' answers, and what every listed mistake gives."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from utils.grading import catalogue, codec, fingerprint, recognise, reference, run
from utils.grading.compare import same
from utils.grading.fingerprint import Prints
from utils.grading.reference import Reference
from utils.grading.spec import Case, Exercise, Question

# Processors differ in the last bits of exp, log, powers and matrix products; what is recorded then stands.
INPUT_RTOL, INPUT_ATOL = 1e-9, 1e-12
NUDGE = 1e-10


def record(slug: str, folder: Path = reference.FOLDER, prior: Path = reference.FOLDER) -> Path:
    """Run the oracles of a question and write its reference file into `folder`.

    Inputs of `prior` that the case makes again, and answers that the live oracle confirms, are kept to the bit, so
    that the file changes only when the course does, not with the processor.
    """
    question = catalogue.question(slug)
    known = _known(slug, prior)
    arrays: dict[str, np.ndarray] = {}
    trees = {
        item.name: [_record_case(item, case, known.get((item.name, case.name)), arrays) for case in cases_of(item)]
        for item in question.exercises
    }
    meta = {"trees": trees, "versions": _versions(question), "digest": _digest(trees, arrays)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug}.npz"
    path.write_bytes(_npz({"meta": np.array(json.dumps(meta)), **arrays}))
    reference.load.cache_clear()
    return path


def cases_of(exercise: Exercise) -> list[Case]:
    """The cases of an exercise, and the first with random numbers once more with others: an answer that was kept by
    the shapes of its arguments is found out."""
    for case in exercise.cases:
        twin = replace(case, name=f"{case.name}, other numbers")
        mine, other = inputs_of(exercise, case), inputs_of(exercise, twin)
        if not case.raises and _shapes(mine) == _shapes(other) and not confirms_inputs(mine, other):
            return [*exercise.cases, twin]
    return list(exercise.cases)


def _shapes(inputs: dict[str, Any]) -> list:
    return [getattr(value, "shape", type(value)) for value in inputs.values()]


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    """What np.load reads; unlike np.savez the same bytes from every Python, whose zip headers differ."""
    import zipfile  # late: whoever only checks need not wait for it

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            np.lib.format.write_array(entry := io.BytesIO(), np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())
    return buffer.getvalue()


def inputs_of(exercise: Exercise, case: Case) -> dict[str, Any]:
    """The inputs of a case, from a generator that depends on the two names only: a new case disturbs no other."""
    seed = hashlib.sha256(f"{exercise.name}/{case.name}".encode()).digest()[:8]
    return case.inputs(np.random.default_rng(int.from_bytes(seed, "little")))


def live_answer(exercise: Exercise, case: Case, inputs: dict[str, Any]) -> dict[str, Any]:
    """What the oracle says now. Raises when it cannot answer, for that is the author's mistake.

    An exception that the contract asks for is a fact of the case, not of the oracle.
    """
    if case.raises:
        return {reference.RAISES: case.raises}
    try:
        values = run.by_name(exercise.oracle(**run.copied(inputs)), exercise.returns)
    except Exception as error:
        error.add_note(f"This was the oracle of {exercise.name}, in the case {case.name!r}.")
        raise
    if isinstance(values, run.Failure):
        raise ValueError(f"the oracle of {exercise.name}: {values.message}")
    arrays: dict[str, np.ndarray] = {}
    return codec.decode(codec.encode(values, arrays), arrays)


def confirms(live: dict, recorded: dict, exercise: Exercise) -> bool:
    """Is the oracle's answer of today the recorded one, within the exercise's tolerance?"""
    names = live.keys() == recorded.keys()
    return names and all(same(live[name], recorded[name], exercise.rtol, exercise.atol) for name in recorded)


def confirms_inputs(made: dict, recorded: dict) -> bool:
    """Are the inputs that a case makes today the recorded ones, up to rounding?"""
    return list(made) == list(recorded) and all(map(_nearly, made.values(), recorded.values()))


def _nearly(made: Any, recorded: Any) -> bool:
    if isinstance(made, np.ndarray) and made.dtype.kind == "f":
        alike = isinstance(recorded, np.ndarray) and (made.dtype, made.shape) == (recorded.dtype, recorded.shape)
        return alike and np.allclose(made, recorded, INPUT_RTOL, INPUT_ATOL, equal_nan=True)
    if isinstance(made, (list, tuple)):
        return type(made) is type(recorded) and len(made) == len(recorded) and all(map(_nearly, made, recorded))
    if isinstance(made, float) and isinstance(recorded, float):
        return bool(np.isclose(made, recorded, INPUT_RTOL, INPUT_ATOL, equal_nan=True))
    return codec.to_bytes({"": made}) == codec.to_bytes({"": recorded})


def _known(slug: str, prior: Path) -> dict[tuple[str, str], Reference]:
    if not (prior / f"{slug}.npz").exists():
        return {}
    return {(name, ref.case): ref for name, refs in reference.load(slug, prior).items() for ref in refs}


def _record_case(exercise: Exercise, case: Case, known: Reference | None, arrays: dict) -> list:
    inputs = inputs_of(exercise, case)
    known = known if known and confirms_inputs(inputs, known.inputs) else None
    inputs = known.inputs if known else inputs
    values = live_answer(exercise, case, inputs)
    if known and confirms(values, known.values, exercise):
        values = known.values
    key = f"{exercise.name}/{case.name}"
    return [case.name, codec.encode(inputs, arrays, f"{key}/in"), codec.encode(values, arrays, f"{key}/out")]


def _versions(question: Question) -> dict[str, str]:
    from importlib.metadata import version  # 20 ms that a check need not pay

    return {name: version(name).split("+")[0] for name in question.versions}


def _digest(trees: dict, arrays: dict[str, np.ndarray]) -> str:
    """Names, inputs and answers in one hash: a reader of two files sees at a glance whether they agree."""
    digest = hashlib.sha256(json.dumps(trees).encode())
    for name in sorted(arrays):
        digest.update(name.encode() + str(arrays[name].dtype).encode() + arrays[name].tobytes())
    return digest.hexdigest()[:16]


# ---- fingerprints -------------------------------------------------------------------------------------------------


def record_fingerprints(
    slug: str, folder: Path = fingerprint.FOLDER, prior: Path = fingerprint.FOLDER, references: Path = reference.FOLDER
) -> Path:
    """Run every listed mistake of a question on its recorded cases and write the fingerprints into `folder`.

    Those of `prior` that come out again, up to rounding, are kept to the bit.
    """
    known, arrays = fingerprint.load(slug, prior), {}
    recorded = reference.load(slug, references)
    for exercise in catalogue.question(slug).exercises:
        inputs = [ref.inputs for ref in recorded[exercise.name]]
        prints, again = _prints(exercise, inputs), _prints(exercise, [_nudged(given) for given in inputs])
        sure = fingerprint.steady(prints, again, exercise.rtol, exercise.atol)
        prints = _kept(sure, prints, known.get(exercise.name), exercise)
        arrays |= {f"{exercise.name}/forms": prints.forms, f"{exercise.name}/sums": prints.sums}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug}.npz"
    path.write_bytes(_npz(arrays))
    fingerprint.load.cache_clear()
    return path


def _prints(exercise: Exercise, inputs: list[dict[str, Any]]) -> Prints:
    """The fingerprints of all listed mistakes, made by running them."""
    names = recognise.value_names(exercise)
    given = ([run.outcome(m.wrong, exercise, case, watch=False) for case in inputs] for m in exercise.mistakes)
    return fingerprint.stacked([fingerprint.of(outcomes, names) for outcomes in given])


def _nudged(value: Any) -> Any:
    """The same inputs, each number up or down by a tiny part: what comes out otherwise then is no evidence.

    Masks and labels, all of them 0 or 1, stay: a mistake that asks `target == 1` hangs on no rounding.
    """
    if isinstance(value, dict):
        return {key: _nudged(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_nudged, value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isin(value, (0, 1)).all():
        return value * (1 + NUDGE * np.random.default_rng(value.size).choice([-1.0, 1.0], value.shape))
    return value


def _kept(new: Prints, raw: Prints, old: Prints | None, exercise: Exercise) -> Prints:
    """`old` where what came now (`raw`) is still that: an ANY in `new` would agree with whatever was recorded."""
    if old is None or old.forms.shape != new.forms.shape:
        return new
    same_case = fingerprint.agreeing(raw, old, exercise.rtol, exercise.atol)[:, :, None]
    return Prints(np.where(same_case, old.forms, new.forms), np.where(same_case, old.sums, new.sums))
