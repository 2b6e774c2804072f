"""Rosters as teachers have them, and the student that a folder of submissions belongs to."""

import pytest

from utils.classroom import roster, submissions

PLAIN = "id,name,email,section\ns1,Ada Byron,ada@uni.example,A\ns2,Emmy Noether,emmy@uni.example,B\n"
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Essay (99)
    Points Possible,,,,,10
"Byron, Ada",101,s1,abyron,Lecture,7
"Noether, Emmy",102,s2,enoether,Lecture,8
"""
MOODLE = """"First name",Surname,"ID number","Email address","Course total (Real)"
Ada,Byron,s1,ada@uni.example,7.00
Emmy,Noether,s2,emmy@uni.example,-
"""
WORKSHEET = """Identifier,"Full name","Email address",Status,Grade,"Maximum Grade"
"Participant 77","Ada Byron",ada@uni.example,Submitted,,100
"""
GITHUB = "identifier,github_username,github_id,name\ns1,ada-b,1,Ada Byron\ns2,emmy-n,2,Emmy Noether\n"
CLASSROOM50 = "username,first_name,last_name,email,section,github_id\nada-b,Ada,Byron,,A,1\nemmy-n,Emmy,Noether,,B,2\n"


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return roster.read(path)


@pytest.mark.parametrize(
    ("text", "ids"),
    [(PLAIN, ["s1", "s2"]), (CANVAS, ["s1", "s2"]), (MOODLE, ["s1", "s2"]), (WORKSHEET, ["Participant 77"]), (CLASSROOM50, ["ada-b", "emmy-n"]), (GITHUB, ["s1", "s2"])],
)  # fmt: skip
def test_an_export_of_each_system_is_a_roster(tmp_path, text, ids):
    """The id that the system itself goes by, the name, and no line for "Points Possible"."""
    found = read(tmp_path, text)

    assert ids == [student.id for student in found]
    assert ("Ada", "Byron") == found[0].names


def test_canvas_keeps_its_own_number(tmp_path):
    """Canvas's import goes by its own ID, which is not the student's."""
    (ada, _) = read(tmp_path, CANVAS)

    assert ("101", "s1", "abyron", "Lecture") == (ada.canvas, ada.id, ada.login, ada.section)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_excels_encodings_are_read(tmp_path, encoding):
    """A mark of byte order, UTF-16, and Windows' letters; semicolons and tabs in the place of commas."""
    (student,) = read(tmp_path, "ID;Name\ns1;Zoë Müller\n", encoding)

    assert "Zoë Müller" == student.name
    assert "s1" == read(tmp_path, "id\tname\ns1\tAda\n")[0].id


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no id column in the first line"), ("colour,size\nred,3\n", "no id column in the first line"), ("id,name\n", "no students"),
     ("id,name\ns1,Ada\ns1,Emmy\n", "the id s1 appears 2 times")],
)  # fmt: skip
def test_an_unusable_roster_says_why_in_one_line(tmp_path, text, words):
    """Nothing to go by, nobody in it, or two students of one id."""
    with pytest.raises(roster.RosterError, match=words) as caught:
        read(tmp_path, text)

    assert "\n" not in str(caught.value)


def test_folders_are_matched_as_people_and_systems_name_them(tmp_path):
    """Id, email and its first part, login, name in both orders, Canvas's lastnamefirstname_…, Moodle's Full name_…"""
    find = roster.Matcher(read(tmp_path, CANVAS.replace("abyron", "ada@uni.example"))).find

    for folder in ("s1", "S1", "101", "ada@uni.example", "ada", "Ada Byron", "Byron, Ada", "byronada_101_55_answer",
                   "Ada Byron_4711_assignsubmission_file_"):  # fmt: skip
        assert "s1" == find(folder).id, folder
    assert find("somebody") is None


def test_a_name_that_two_have_matches_nobody(tmp_path):
    """Better unknown than booked on the wrong student; the id still tells them apart."""
    find = roster.Matcher(read(tmp_path, "id,name\na1,Ada Byron\na2,Ada Byron\n")).find

    assert find("Ada Byron") is None
    assert ("a1", "a2") == (find("a1").id, find("a2").id)


@pytest.mark.parametrize(
    ("text", "path"),
    [(CANVAS, "byronada_101_555_answer.py"), (CANVAS, "byronada_LATE_101_555_answer-1.py"),
     (MOODLE, "Ada Byron_4711_assignsubmission_file_/answer.py"), (WORKSHEET, "A. B._77_assignsubmission_file_/answer.py"),
     (GITHUB, "homework-submissions/homework-ada-b/answer.py"), (CLASSROOM50, "ada-b/answer.py"), (PLAIN, "s1.py")],
)  # fmt: skip
def test_each_systems_files_find_their_student_in_its_roster(tmp_path, text, path):
    """As the platforms name what they give, and as `course class grade` reads it."""
    target = tmp_path / "in" / path
    target.parent.mkdir(parents=True)
    target.write_text("x = 1")
    with submissions.opened(tmp_path / "in") as source:
        (owner,) = [one.owner for one in source.submissions()]
    ada = read(tmp_path, text)[0]

    assert ada == roster.Matcher(read(tmp_path, text)).find(owner.student, owner.name, owner.number)


def test_a_platforms_number_is_no_students_number(tmp_path):
    """Canvas's user 4711 is not the student whose own id is 4711."""
    find = roster.Matcher(read(tmp_path, "id,name\n4711,Emmy Noether\n")).find

    assert find("byronada_4711", "byronada", "4711") is None
