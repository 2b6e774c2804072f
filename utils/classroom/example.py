"""A made-up class: sixty students, three questions, six days. To try the commands on, and for the teacher's page.

Seeded: the same class each time. Nobody in it exists.
"""

import os
import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from utils.classroom.example_answers import FORMS, Form
from utils.classroom.writing import as_csv, write

FIRST_DAY = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday
DEADLINE = "2026-11-06T23:59+00:00"
FILES = {
    "batchnorm": ("batchnorm_forward", "batchnorm2d_forward"),
    "losses": ("softmax", "cross_entropy"),
    "boxes": ("iou_matrix", "nms"),
}
STUDENTS, MOST = 60, 5  # hand-ins of one file by one student
# Who copies from whom, by number: one pair everything, three students the boxes and the losses.
COPIES = {17: (4, ("batchnorm", "losses", "boxes")), 33: (25, ("losses", "boxes")), 41: (25, ("losses", "boxes"))}
NOTHING = (12, 38, 56)  # hand nothing in
_STUBBORN = {"statistics for each image alone (instance norm)", "gradient not divided by N", "NaN for empty boxes"}
_GIVEN = (
    "Ada",
    "Bo",
    "Chen",
    "Dana",
    "Emre",
    "Farah",
    "Goran",
    "Hana",
    "Ivo",
    "Jun",
    "Kofi",
    "Lena",
    "Mina",
    "Noor",
    "Omar",
    "Pia",
    "Quim",
    "Rosa",
    "Sami",
    "Tara",
)
_FAMILY = (
    "Abara",
    "Brandt",
    "Costa",
    "Dvorak",
    "Eriksen",
    "Fontaine",
    "Garcia",
    "Haddad",
    "Ivanov",
    "Jansen",
    "Kimura",
    "Lindqvist",
    "Moreau",
)  # as many as share no divisor with the given names: no two students share both
_WORDS = {
    "mean": ("mean", "mu", "m", "avg"), "var": ("var", "variance", "sigma2", "v"), "std": ("std", "sigma", "s"),
    "centred": ("centred", "xc", "diff", "d0"), "xhat": ("xhat", "x_norm", "normed", "z"),
    "shifted": ("shifted", "stable", "z", "safe"), "weights": ("weights", "e", "exps"),
    "log_p": ("log_p", "logp", "lp"),
    "inter": ("inter", "overlap", "common"), "union": ("union", "together", "u"), "low": ("low", "lt", "top_left"),
    "high": ("high", "rb", "bottom_right"), "kept": ("kept", "keep", "chosen"), "rest": ("rest", "others", "tail"),
    "best": ("best", "first", "top"), "column": ("column", "col", "feature"), "grad": ("grad", "g", "dz"),
}  # fmt: skip
_COMMENTS = ("# one step after the other", "# see the lecture", "# shapes checked on paper", "# TODO: tidy up", "")


@dataclass
class Answer:
    """One exercise of one student: a form with its slots filled, perhaps with a slip, perhaps not begun."""

    form: Form
    filled: dict[str, str]
    words: dict[str, str]
    slip: str = ""
    begun: bool = True

    def text(self) -> str:
        """The function, in the student's own names."""
        code = string.Template(self.form.text).substitute(self.filled | self.form.slips.get(self.slip, {}))
        if not self.begun:
            head = next(line for line in code.split("\n") if line.startswith("def "))
            return f"\n{head}\n    raise NotImplementedError()\n"
        return re.sub(r"(?<![.\w'\"])([a-z_]+)(?![\w(=])", lambda word: self.words.get(word[1], word[1]), code)


@dataclass
class Student:
    """A student with a talent, and the answers as they stand."""

    number: int
    rng: random.Random
    answers: dict[str, Answer] = field(default_factory=dict)

    def begin(self, exercise: str) -> None:
        """Choose a form and fill it in; the weaker, the more likely a slip or nothing yet."""
        form = self.rng.choices(FORMS[exercise], [3, 1][: len(FORMS[exercise])])[0]
        filled = {slot: self.rng.choice(others) for slot, others in form.slots.items()}
        words = {word: self.rng.choice(others) for word, others in _WORDS.items()}
        slips = list(form.slips)
        slip = self.rng.choices(slips, range(len(slips), 0, -1))[0] if self.rng.random() > self.talent else ""
        self.answers[exercise] = Answer(form, filled, words, slip, self.rng.random() < 0.7 + 0.3 * self.talent)

    @property
    def talent(self) -> float:
        """Between 0.25 and 0.8."""
        return 0.25 + 0.55 * random.Random(f"talent {self.number}").random()

    def improve(self, exercise: str) -> None:
        """A day later: begun, mended, or mended into another slip."""
        answer = self.answers[exercise]
        answer.begun = answer.begun or self.rng.random() < 0.8
        mends = 0.12 if answer.slip in _STUBBORN else 0.45 + 0.3 * self.talent
        if answer.slip and self.rng.random() < mends:
            answer.slip = self.rng.choice(list(answer.form.slips)) if self.rng.random() < 0.15 else ""

    def done(self, exercises: tuple[str, ...]) -> bool:
        """Nothing left to mend."""
        return all(self.answers[name].begun and not self.answers[name].slip for name in exercises)


def hand_ins(seed: int = 0, students: int = STUDENTS) -> Iterator[tuple[str, str, str, datetime]]:
    """(student's id, file, text, time) of every hand-in of the class, and of one guest who is not in the roster."""
    everybody = {number: Student(number, random.Random(f"{seed} {number}")) for number in range(1, students + 1)}
    for number, student in everybody.items():
        for name in FILES if number not in NOTHING else ():
            source, files = COPIES.get(number, (0, ()))
            copied = everybody.get(source) if name in files else None
            yield from _of_file(student, name, copied)
    yield "guest", "boxes-1.py", "def nms(boxes, scores, threshold)\n    return []\n", FIRST_DAY + timedelta(hours=9)


def _of_file(student: Student, name: str, copied: Student | None) -> Iterator[tuple[str, str, str, datetime]]:
    rng, exercises = student.rng, FILES[name]
    day = rng.choices(range(7), [4, 4, 3, 3, 3, 1, 1])[0]
    for exercise in exercises:
        student.begin(exercise)
        if copied:  # in other words
            student.answers[exercise] = Answer(
                copied.answers[exercise].form, copied.answers[exercise].filled, student.answers[exercise].words
            )
    for attempt in range(1, MOST + 1):
        time = FIRST_DAY + timedelta(days=day, minutes=rng.randrange(8 * 60, 23 * 60))
        text = "import numpy as np\n\n" + rng.choice(_COMMENTS) + "\n"
        text += "\n".join(student.answers[exercise].text() for exercise in exercises)
        yield id_of(student.number), f"{name}-{attempt}.py", text, time
        if student.done(exercises) or rng.random() < 0.15:
            return
        day = min(day + 1, 7)
        for exercise in exercises:
            student.improve(exercise)


def id_of(number: int) -> str:
    """ "s007"."""
    return f"s{number:03d}"


def roster(students: int = STUDENTS) -> str:
    """The class's roster as CSV."""
    rows = [("id", "name", "email", "section")]
    for number in range(1, students + 1):
        name = f"{_GIVEN[number % len(_GIVEN)]} {_FAMILY[number % len(_FAMILY)]}"
        email = name.lower().replace(" ", ".") + "@uni.example"
        rows.append((id_of(number), name, email, "AB"[number % 2]))
    return as_csv(rows)


def make(folder: Path, seed: int = 0, students: int = STUDENTS) -> tuple[Path, Path]:
    """Write the class below a folder: submissions/ID/FILE-N.py with their times, and roster.csv. Gives both paths."""
    submissions = folder / "submissions"
    for student, file, text, time in hand_ins(seed, students):
        path = write(submissions / student / file, text)
        os.utime(path, (time.timestamp(), time.timestamp()))
    return submissions, write(folder / "roster.csv", roster(students))
