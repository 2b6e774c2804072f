"""What the class gets wrong: the counts, and what a page without names must not tell."""

import json
import re
from collections import Counter

import pytest

from utils.classroom import cohort, cohort_report, example
from utils.classroom.cohort import Counts
from utils.classroom.results import Result

SWAPPED, FORGOTTEN = "gamma and beta swapped", "eps forgotten"


@pytest.fixture
def found(row):
    """A function from rows' facts to the statistics."""
    return lambda *rows: cohort.cohort(Result(**row(*facts, **more)) for *facts, more in rows)


def people(number, first=0):
    return [f"student{n}" for n in range(first, first + number)]


def test_each_student_counts_once_by_the_last_hand_in(found):
    """Wrong on Monday, right on Tuesday: right."""
    rows = [(who, "softmax", "wrong", 1, {"mistake": FORGOTTEN}) for who in people(6)]
    rows += [(who, "softmax", "right", 2, {}) for who in people(4)]
    rows += [
        ("x", "softmax", "not attempted", 1, {}),
        ("y", "softmax", "error", 1, {}),
        ("z", "softmax", "machine", 1, {}),
    ]
    (one,) = found(*rows).exercises

    assert (8, 4, 2, 1, 1, 2) == (one.students, one.right, one.named, one.other, one.blank, one.hand_ins)


def test_mistakes_are_counted_in_students_ever_and_now(found):
    """Six made it, four mended it; handing it in twice counts once."""
    rows = [(who, "softmax", "wrong", day, {"mistake": FORGOTTEN}) for who in people(6) for day in (1, 2)]
    rows += [(who, "softmax", "right", 3, {}) for who in people(4)]
    (one,) = found(*rows).mistakes

    assert (6, 2) == (one.ever, one.now)
    assert {"2026-11-01": 6, "2026-11-02": 6} == one.days


def test_standing_still_is_three_hand_ins_none_right_the_last_two_the_same(found):
    """Two hand-ins are too few, another mistake is movement, a right answer in between too."""
    still = [("a", "nms", "wrong", day, {"mistake": SWAPPED if day > 1 else FORGOTTEN}) for day in (1, 2, 3)]
    few = [("b", "nms", "wrong", day, {"mistake": SWAPPED}) for day in (1, 2)]
    moves = [("c", "nms", "wrong", day, {"mistake": str(day)}) for day in (1, 2, 3)]
    was_right = [("d", "nms", "right" if day == 2 else "wrong", day, {"mistake": None}) for day in (1, 2, 3, 4)]
    (one,) = found(*still, *few, *moves, *was_right).stuck

    assert ("nms", SWAPPED, 1, 3) == (one.exercise, one.mistake, one.students, one.hand_ins)


def test_long_times_are_shown_by_weeks():
    """A term of daily bars is unreadable."""
    days = {f"2026-{month:02d}-05": Counter(right=1, students=5) for month in (9, 10, 11)}

    assert ["2026-08-31", "2026-10-05", "2026-11-02"] == list(cohort.by_week(days))
    assert days == cohort.by_week(dict(list(days.items())[:1])) | dict(list(days.items())[1:])


@pytest.mark.parametrize(
    ("count", "of", "words"),
    [(0, 20, "0"), (1, 20, "fewer than 5"), (4, 20, "fewer than 5"), (5, 20, "5"), (15, 20, "15"), (16, 20, "16 or more"),
     (19, 20, "16 or more"), (20, 20, "20"), (3, 3, "some"), (1, 9, "some"), (8, 9, "some"), (5, 10, "5")],
)  # fmt: skip
def test_small_groups_and_all_but_a_small_group_are_not_told(count, of, words):
    """One of twenty is a person, and so is all but one."""
    assert words == Counts(5).words(count, of)


def test_no_hidden_count_follows_from_the_others():
    """For all small classes: whoever knows the total and what is shown cannot tell a hidden group of 1 to 4."""
    counts, kinds = Counts(5), ("right", "named", "other", "blank")  # an attacker knows the rules too
    every = [
        (a, b, c, total - a - b - c)
        for total in range(5, 17)
        for a in range(total + 1)
        for b in range(total + 1 - a)
        for c in range(total + 1 - a - b)
    ]
    shown: dict[tuple, set[tuple]] = {}
    for sizes in every:
        total = sum(sizes)
        groups = counts.joined(dict(zip(kinds, sizes, strict=True)), cohort_report.LEVELS)
        words = tuple(sorted((names, counts.words(n, total)) for names, n in groups))
        shown.setdefault((total, words), set()).add(sizes)
    for (total, words), possible in shown.items():
        for index, kind in enumerate(kinds):
            left = {sizes[index] for sizes in possible}
            told = left.pop() if len(left) == 1 else None
            assert told is None or told == 0 or told >= 5, (total, words, kind)


def test_bars_tell_no_more_than_words():
    """Equal words, equal lengths."""
    counts = Counts(5)
    for of in range(5, 30):
        lengths: dict[str, set[float]] = {}
        for count in range(of + 1):
            lengths.setdefault(counts.words(count, of), set()).add(counts.drawn(count, of))
        assert all(len(found) == 1 for found in lengths.values())


def test_a_day_with_few_students_is_joined_with_the_next():
    """The last days with those before them."""
    days = {f"2026-11-{n:02d}": Counter(right=n, students=size) for n, size in ((2, 2), (3, 9), (4, 8), (5, 1))}

    assert ["Mon 2 Nov – 3 Nov", "Wed 4 Nov – 5 Nov"] == list(cohort_report.merged(days, 5))


@pytest.fixture
def secretive(row):
    """A class whose ids, names, files and messages all hold what must not be told."""
    rows = [
        row(f"ID-{who}", "softmax", "wrong", day, mistake=FORGOTTEN, message=f"Got: SECRET-{who}.", name=f"NAME-{who}",
            number=f"77{who}", file=f"ID-{who}/FILE-{who}.py")
        for who in people(9) for day in (1, 2, 3)
    ]  # fmt: skip
    return [*rows, row("ID-lone", "softmax", "wrong", 2, mistake="SINGLE mistake")]


def test_no_students_name_id_file_or_text_is_in_the_report(course, out, secretive):
    """Nor the mistake that one student alone made; in the page and in JSON."""
    folder = out(*secretive)
    printed = course("class", "report", folder, "--json").output
    for text in ((folder / "report.html").read_text(encoding="utf-8"), printed):
        assert not re.search("ID-|NAME-|FILE-|SECRET|SINGLE|77student|out/results", text)
        assert FORGOTTEN in text
    assert {"exercise": "softmax", "mistake": FORGOTTEN, "students": 9} in json.loads(printed)["stuck"]


def test_the_made_up_classes_report_names_nobody(course, out, row):
    """All sixty ids, given and family names, and addresses of the roster."""
    lines = [line.split(",") for line in example.roster().split()[1:]]
    rows = [row(student, "nms", "wrong", 1 + hash_ % 5, mistake="≥ in place of >", file=file)
            for hash_, (student, file, _, _) in enumerate(example.hand_ins())]  # fmt: skip
    folder = out(*rows)
    assert 0 == course("class", "report", folder).exit_code
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert len(lines) > 50
    words = {line[0] for line in lines} | {*example._GIVEN, *example._FAMILY} | {"@uni.example", "guest"}
    assert not [word for word in words if re.search(rf"\b{re.escape(word)}\b", page)]


def test_a_page_of_its_own_with_drawings_and_advice(course, out, secretive):
    """No other host, no script; what to say stands beside what went wrong."""
    folder = out(*secretive)
    course("class", "report", folder)
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert not re.search(r"https?://|<script|<link|@import|url\(|src=", page)
    assert page.count("<svg") >= 4
    assert "Hints to give" in page
    assert "question 32" in page


def test_a_class_that_is_too_small_has_no_report(course, out, row):
    """Exit code 2, one line, and an earlier report stays."""
    folder = out(row("s1"), row("s2"))
    (folder / "report.html").write_text("before")
    done = course("class", "report", folder)

    assert 2 == done.exit_code
    assert "too few for a report without names" in done.output
    assert "before" == (folder / "report.html").read_text()
    assert 0 == course("class", "report", folder, "--least", 2).exit_code


def test_a_small_class_is_told_no_count_and_shown_no_colour(course, out, row):
    """Three who handed an exercise in, and nine of whom some are wrong: neither their number nor a green bar."""
    rows = [row(who, "softmax", "wrong" if who == "student0" else "right") for who in people(9)]
    rows += [row(who, "l1_loss", digest=f"l{who}") for who in people(3)]
    folder = out(*rows)
    printed = json.loads(course("class", "report", folder, "--json").output)
    page = (folder / "report.html").read_text(encoding="utf-8")
    part = page.split("By exercise")[1].split("<h2>")[0]

    assert "Fewer than 5 students; not shown." in part
    assert "3 students" not in page
    assert "9 students<br>" in part
    assert '<rect width="100"' not in part
    assert "% right" not in page
    assert "fewer than 20, not told apart" in page
    assert {"softmax": 9, "l1_loss": "fewer than 5"} == {
        one["exercise"]: one["students"] for one in printed["exercises"]
    }
    assert {} == next(one["groups"] for one in printed["exercises"] if one["exercise"] == "l1_loss")


def test_a_week_is_called_one():
    """Its Monday alone reads as a day."""
    weeks = {f"2026-{day}": Counter(right=9, students=size) for day, size in (("10-26", 9), ("11-02", 2), ("11-09", 9))}

    assert ["week of 26 Oct", "weeks of 2 Nov – 9 Nov"] == list(cohort_report.merged(weeks, 5, "week"))
