"""`course class gradebook`: the columns that Canvas and Moodle import, and a file that is whole or not there."""

import csv
import io
import json

import pytest

ROSTER = "id,name,email,section\ns1,Ada Byron,ada@uni.example,A\ns2,Emmy Noether,emmy@uni.example,B\n"
CANVAS = 'Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"Byron, Ada",101,s1,abyron,Lecture\n'


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER)
    return path


def table(folder):
    """The rows of gradebook.csv."""
    return list(csv.reader(io.StringIO((folder / "gradebook.csv").read_text(encoding="utf-8"))))


def test_canvas_gets_its_columns_and_the_points_possible(tmp_path, course, out, row):
    """What its export has, so that its import takes it."""
    path = tmp_path / "canvas.csv"
    path.write_text(CANVAS)
    folder = out(row("s1"))

    assert (
        0 == course("class", "gradebook", folder, "--roster", path, "--format", "canvas", "--points", "15=2").exit_code
    )
    assert [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "batchnorm_forward"],
        ["    Points Possible", "", "", "", "", "2"],
        ["Byron, Ada", "101", "s1", "abyron", "Lecture", "2"],
    ] == table(folder)


def test_moodle_gets_names_id_number_and_email(course, out, row, roster):
    """Its import maps a student by one of them."""
    folder = out(row("s1"), row("s2", status="wrong"))

    assert 0 == course("class", "gradebook", folder, "--roster", roster, "--format", "moodle").exit_code
    assert [
        ["First name", "Last name", "ID number", "Email address", "batchnorm_forward"],
        ["Ada", "Byron", "s1", "ada@uni.example", "1"],
        ["Emmy", "Noether", "s2", "emmy@uni.example", "0"],
    ] == table(folder)


def test_who_handed_nothing_in_has_a_row_and_strangers_are_named(course, out, row, roster):
    """0 or an empty cell, as the teacher says; the machine's fault is an empty cell and is told."""
    folder = out(row("s1", status="machine"), row("ghost"))
    done = course("class", "gradebook", folder, "--roster", roster, "--missing", "blank")

    assert ["", "s2"] == [table(folder)[1][4], table(folder)[2][0]]
    assert "" == table(folder)[2][4]
    assert "Handed nothing in: s2 Emmy Noether." in done.output
    assert "Not in the roster, so without a row: ghost." in done.output
    assert "grade again: s1 batchnorm_forward." in done.output
    assert 0 == course("class", "gradebook", folder, "--roster", roster).exit_code
    assert "0" == table(folder)[2][4]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x";"y")', "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_name_that_a_spreadsheet_would_run_is_defused(course, out, row, tmp_path, name):
    """Names come from students."""
    path = tmp_path / "roster.csv"
    path.write_text("id,name\n" + ",".join(['"=s1"', '"' + name.replace('"', '""') + '"']) + "\n")
    folder = out(row("=s1"))

    for form in ("canvas", "moodle", "plain"):
        assert 0 == course("class", "gradebook", folder, "--roster", path, "--format", form).exit_code
        cells = [cell for line in table(folder)[1:] for cell in line]
        assert not [cell for cell in cells if cell.lstrip(" ")[:1] in tuple("=+-@\t")], cells
        assert "'=s1" in cells


def test_json_has_every_mark(course, out, row, roster):
    """With what the points follow from."""
    folder = out(row("s1", status="wrong", mistake="eps forgotten"), row("s1", day=5))
    words = ("--deadline", "15=2026-11-02T12:00", "--late-days", 1, "--penalty", 0.25, "--json", "--roster", roster)
    found = json.loads(course("class", "gradebook", folder, *words).output)

    mark = found["rows"][0]["marks"]["batchnorm_forward"]
    assert {"points": 0.5, "days_late": 3, "days_charged": 2, "attempts": 2} == {
        key: mark[key] for key in ("points", "days_late", "days_charged", "attempts")
    }
    assert ["s2"] == found["nothing_handed_in"]


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--deadline", "tomorrow"), "is not a valid time"), (("--points", "nosuch=2"), "there is no question"),
     (("--points", "15=-1"), "is not a valid number of points"), (("--question", "99"), "there is no question"),
     (("--penalty", "2"), "not in the range"), (("--roster", "nosuch.csv"), "does not exist")],
)  # fmt: skip
def test_bad_input_is_told_and_loses_nothing(course, out, row, words, told):
    """Exit code 2, and the gradebook of before stands."""
    folder = out(row("s1"))
    (folder / "gradebook.csv").write_text("before")
    done = course("class", "gradebook", folder, *words)

    assert 2 == done.exit_code
    assert told in done.output
    assert "before" == (folder / "gradebook.csv").read_text()


def test_a_folder_without_a_ledger_says_how_to_get_one(course, tmp_path):
    """The command that makes it."""
    done = course("class", "gradebook", tmp_path)

    assert 2 == done.exit_code
    assert "course class grade" in done.output


def test_a_file_that_cannot_be_written_leaves_no_part(course, out, row):
    """A folder stands where the file belongs."""
    folder = out(row("s1"))
    (folder / "gradebook.csv").mkdir()
    done = course("class", "gradebook", folder)

    assert 2 == done.exit_code
    assert "cannot be written" in done.output
    assert ["gradebook.csv", "results.jsonl"] == sorted(path.name for path in folder.iterdir())


def test_no_name_of_a_stranger_reaches_the_terminal_as_it_is(course, out, row):
    """Escape codes in an id or in a folder's name are shown as blanks."""
    path = out() / "roster.csv"
    path.write_text("id,name\ns\x1b[2J,Ada\n", encoding="utf-8")
    done = course("class", "gradebook", out(row("evil\x1b[2J")), "--roster", path)

    assert 0 == done.exit_code
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    ("deadline", "day", "late", "shown"),
    [("2026-11-02", "2026-11-02T23:59:59+00:00", "0", "2026-11-02 23:59:59 UTC"),
     ("2026-11-02", "2026-11-03T00:00:00+00:00", "1", "2026-11-02 23:59:59 UTC"),
     ("15=2026-11-02T12:00+01:00", "2026-11-02T12:00:00+00:00", "1", "2026-11-02 12:00:00 UTC+01:00")],
)  # fmt: skip
def test_a_day_without_an_hour_is_its_end_and_the_deadline_is_printed(course, out, row, deadline, day, late, shown):
    """Nobody who writes a day means its first second."""
    folder = out(row("s1", submitted=day))
    done = course("class", "gradebook", folder, "--deadline", deadline)

    assert f"{shown}." in done.output
    assert late == table(folder)[1][-3]


def test_times_that_a_copy_changed_are_doubted_in_one_line(course, out, row):
    """All late, or all at one time: both are what a copy or a clone leaves."""
    late = out(*(row(f"s{n}", day=9 if n else 1) for n in range(10)))
    words = course("class", "gradebook", late, "--deadline", "2026-11-02").output
    assert "9 of 10 hand-ins are later than the deadline. The time is the file's own" in words
    assert "Warning" not in course("class", "gradebook", late).output

    copied = out(*(row(f"s{n}") for n in range(10)))
    words = course("class", "gradebook", copied, "--deadline", "2026-11-02").output
    assert "All 10 hand-ins have times within 5 minutes of each other." in words

    usual = out(*(row(f"s{n}", day=1 + n) for n in range(4)))
    assert "Warning" not in course("class", "gradebook", usual, "--deadline", "2026-11-02").output


def test_a_penalty_that_takes_all_is_shown(course, out, row):
    """The points come to 0, and the days that took them stand beside."""
    folder = out(row("s1", day=12))
    course("class", "gradebook", folder, "--deadline", "2026-11-02T12:00")

    assert ["0", "0", "1", "10", "0", "10"] == table(folder)[1][4:]


def test_late_days_are_a_sum_over_the_deadlines(course, out, row):
    """One day late in one question, three in another, two free ones: late = free + charged."""
    folder = out(row("s1", day=3), row("s1", "nms", day=5), row("s1", "iou_matrix", day=3, digest="x"))
    words = ("--deadline", "15=2026-11-02T12:00", "--deadline", "35=2026-11-02T12:01", "--late-days", 2)
    course("class", "gradebook", folder, *words)

    assert ["late days", "free late days used", "late days charged"] == table(folder)[0][-3:]
    assert ["4", "2", "2"] == table(folder)[1][-3:]


NO_NOTEBOOK = "Got: it is not a Jupyter notebook (no JSON with cells). Restore it with `course reset`."


def test_who_handed_in_an_unreadable_file_did_hand_in(course, out, row, roster):
    """Two lists, each student in one of them, and a line for the file."""
    folder = out(row("s1", None, "error", file="s1/broken.ipynb", message=NO_NOTEBOOK))
    done = course("class", "gradebook", folder, "--roster", roster, "--question", 15)

    assert "Handed nothing in: s2 Emmy Noether.\n" in done.output
    assert "Handed in, but no exercise was found: s1 Ada Byron.\n" in done.output
    file = "s1 Ada Byron: broken.ipynb: it is not a Jupyter notebook (no JSON with cells). Ask for the file again."
    assert file in done.output
    assert "reset" not in done.output


def test_a_file_at_which_the_machine_failed_is_no_zero(course, out, row, roster):
    """Nobody knows what it holds: the cells stay empty, and the student handed something in."""
    folder = out(row("s1", None, "machine"), row("s2"))
    done = course("class", "gradebook", folder, "--roster", roster)

    assert ["", "1"] == [line[4] for line in table(folder)[1:]]
    assert "grade again: s1 batchnorm_forward." in done.output
    assert "no exercise was found" not in done.output


def test_a_name_of_two_students_is_told_with_their_ids(course, out, row, tmp_path):
    """Neither a stranger nor somebody who handed nothing in."""
    path = tmp_path / "roster.csv"
    path.write_text("id,name\nd1,Bo Li\nd2,Bo Li\nd3,Ada Byron\n")
    done = course("class", "gradebook", out(row("Bo Li")), "--roster", path)

    assert "Bo Li's submission fits 2 ids: d1, d2; name its folder by the right id." in done.output
    assert "Handed nothing in: d3 Ada Byron." in done.output
    assert "Not in the roster" not in done.output


def test_moodles_number_of_a_participant_is_no_id_number(course, out, row, tmp_path):
    """Its import would look for a student of that number; the email finds them."""
    path = tmp_path / "roster.csv"
    path.write_text("Identifier,Full name,Email address\nParticipant 201,Ada Byron,ada@uni.example\n")
    folder = out(row("Ada Byron_201", name="Ada Byron", number="201"))
    course("class", "gradebook", folder, "--roster", path, "--format", "moodle")

    assert ["Ada", "Byron", "", "ada@uni.example", "1"] == table(folder)[1]


def test_canvas_goes_by_the_number_in_the_files_names_or_warns(course, out, row):
    """Without Canvas's own roster."""
    folder = out(row("byronada_101", file="byronada_101_5_answer.py", number="101"), row("s2"))
    done = course("class", "gradebook", folder, "--format", "canvas")

    assert ["101", ""] == [line[1] for line in table(folder)[2:]]
    assert "Warning: 1 of 2 students have no Canvas number" in done.output


def test_options_without_effect_are_told(course, out, row):
    """Points and a deadline of a question that nobody handed in; not points for all."""
    words = ("--points", "35=2", "--deadline", "35=2026-11-02", "--points", "15=3")
    said = course("class", "gradebook", out(row("s1")), *words).output

    assert "--points has no effect on iou_matrix, nms, batched_nms, soft_nms (question 35)" in said
    assert "--deadline has no effect on question 35" in said
    assert "question 15" not in said
    assert "no effect" not in course("class", "gradebook", out(row("s1")), "--points", 2).output
