"""What a teacher is told beside a gradebook: who is missing, files without an exercise, options without effect."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from utils.classroom.marks import Gradebook, Policy
from utils.classroom.results import Result
from utils.classroom.roster import Student
from utils.grading import catalogue

_RESTORE = "Restore it with `course reset`."  # a learner's next step, not a teacher's


def who(student: Student) -> str:
    """ "s012 Hana Sato"; the id alone where there is no other name."""
    return f"{student.id} {student.name}" if student.name not in ("", student.id) else student.id


def trouble(result: Result) -> str:
    """ "broken.ipynb: it is not a Jupyter notebook (no JSON with cells)." for a file without an exercise."""
    said = result.message.removeprefix("Got: ").replace(_RESTORE, "").strip()
    return f"{PurePosixPath(result.file).name}: {said}"


def people(book: Gradebook) -> Iterator[str]:
    """Who handed nothing in, whose files have no exercise, and who cannot be told."""
    nothing, without = book.missing()
    if nothing:
        yield f"Handed nothing in: {', '.join(map(who, nothing))}."
    if without:
        yield f"Handed in, but no exercise was found: {', '.join(map(who, without))}."
    for name, ids in book.several.items():
        yield f"{name}'s submission fits {len(ids)} ids: {', '.join(ids)}; name its folder by the right id."
    if book.unknown:
        yield f"Not in the roster, so without a row: {', '.join(book.unknown)}."


def files(book: Gradebook) -> Iterator[str]:
    """Each file without an exercise, with its owner."""
    owners = {id(result): student for student, _ in book.rows for result in book.tried.get(student.id, ())}
    for result in book.unread:
        owner = owners.get(id(result))
        yield f"{who(owner) if owner else result.student}: {trouble(result)} Ask for the file again."


def without_effect(book: Gradebook, policy: Policy, everything: bool) -> Iterator[str]:
    """Points and deadlines of what nobody handed in. `everything`: one number for all, which cannot miss."""
    why = "nobody handed it in, or --question leaves it out."
    seen = set(book.exercises)
    stems = {catalogue.stem_of(name) for name in seen}
    named = {} if everything else policy.points
    for stem in sorted({catalogue.stem_of(name) for name in named} - stems):
        names = [name for name in catalogue.entries()[stem]["exercises"] if name in named]
        yield f"--points has no effect on {', '.join(names)} (question {stem[:2]}): {why}"
    for stem in sorted(set(policy.deadlines) - stems - {""}):
        yield f"--deadline has no effect on question {stem[:2]}: {why}"
