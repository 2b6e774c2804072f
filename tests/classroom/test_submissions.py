"""Whose file is whose, as folders, Canvas, Moodle and GitHub Classroom lay them out; and what cannot be graded says why."""

import io
import os
import shutil
import stat
import struct
import subprocess
import warnings
import zipfile

import pytest

from utils.classroom.submissions import SubmissionsError, beside, opened
from utils.sandbox.file import MOST, NoTextError

CODE = b"x = 1\n"


def zipped(path, *members):
    """A zip of (name or ZipInfo, bytes)."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # of two members with the same name, which is the point
        for name, data in members:
            archive.writestr(name, data)
    return path


def unpacked(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(CODE)
    return folder


def found(path):
    with opened(path) as source:
        return list(source.submissions())


def troubles(path):
    return {one.file: one.trouble for one in found(path) if one.trouble}


LAYOUTS = {
    "a folder for each student": {"ada/a.py": "ada", "ada/deep/er/b.ipynb": "ada", "bob/a.py": "bob"},
    "Canvas": {"doejane_4711_90210_a.py": "doejane_4711", "doejane_LATE_4711_90211_b.ipynb": "doejane_4711",
               "roejohn_LATE_12_13_a_1_2_b.py": "roejohn_12"},
    "Moodle": {"Jane Doe_4711_assignsubmission_file_/a.py": "Jane Doe_4711",
               "Jane Doe_4711_assignsubmission_file_/deep/b.py": "Jane Doe_4711",
               "Jane Doe_4712_assignsubmission_file_/a.py": "Jane Doe_4712"},
    "Moodle without folders": {"Jane Doe_4711_assignsubmission_file_a.py": "Jane Doe_4711"},
    "GitHub Classroom": {"hw-1-submissions/hw-1-janedoe/a.py": "janedoe", "hw-1-submissions/hw-1-jr-2/src/a.py": "jr-2"},
    "side by side": {"ada.py": "ada", "bob.ipynb": "bob"},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_every_file_finds_its_student(tmp_path, layout, form):
    """The same students in a zip and in the folder that it unpacks to; the path stays as it is there."""
    place = (
        unpacked(tmp_path / "all", *layout)
        if form == "folder"
        else zipped(tmp_path / "all.zip", *[(n, CODE) for n in layout])
    )

    assert layout == {one.file: one.owner.student for one in found(place)}


def test_canvas_tells_the_number_the_lateness_and_the_file_s_own_name(tmp_path):
    """A notebook that was handed in three times is still known by its question."""
    late, early = found(
        unpacked(
            tmp_path,
            "doejane_4711_90210_15_batchnorm_forward.py",
            "doejane_LATE_4711_90211_15_batchnorm_forward-2.ipynb",
        )
    )[::-1]

    assert ("doejane", "4711", True) == (late.owner.name, late.owner.number, late.owner.late)
    assert not early.owner.late
    assert ["15_batchnorm_forward"] * 2 == [early.question, late.question]


def test_the_folder_of_github_classroom_itself(tmp_path):
    """`gh classroom clone` makes hw-submissions/; given that folder, a student is called the same as from above."""
    folder = unpacked(tmp_path / "hw-submissions", "hw-janedoe/a.py")

    assert ["janedoe"] == [one.owner.student for one in found(folder)]


def test_a_zip_of_a_folder_is_what_is_in_the_folder(tmp_path):
    """class.zip that holds class/ alone: the students are below it."""
    wrapped = zipped(tmp_path / "class.zip", ("class/ada/a.py", CODE), ("class/doe_1_2_b.py", CODE))
    other = zipped(tmp_path / "class2.zip", ("ada/a.py", CODE), ("ada/x/b.py", CODE))

    assert ["ada", "doe_1"] == [one.owner.student for one in found(wrapped)]
    assert ["ada", "ada"] == [one.owner.student for one in found(other)]


AROUND = {
    "a folder of folders": {"top/ada/a.py": "ada", "top/bob/x/a.py": "bob", "README.md": None},
    "two folders around them": {"y/top/ada/a.py": "ada", "y/top/bob/a.py": "bob"},
    "Moodle's in a folder": {"top/Jane Doe_4711_assignsubmission_file_/a.py": "Jane Doe_4711",
                             "top/Jim Roe_4712_assignsubmission_file_/a.py": "Jim Roe_4712"},
    "GitHub Classroom's in a folder": {"top/hw-submissions/hw-ada/a.py": "ada", "top/hw-submissions/hw-bob/a.py": "bob"},
    "one student with folders": {"ada/a.py": "ada", "ada/x/a.py": "ada", "ada/y/b.py": "ada"},
    "one student with one folder": {"ada/src/a.py": "ada"},
    "a prefix": {"hw-1-ada/a.py": "ada", "hw-1-jr-2/a.py": "jr-2"},
    "a prefix in a folder": {"top/hw1-ada/a.py": "ada", "top/hw1-bob/a.py": "bob"},
    "a prefix that is not all folders'": {"hw1-ada/a.py": "hw1-ada", "bob/a.py": "bob"},
    "one folder alone": {"hw1-ada/a.py": "hw1-ada"},
    "numbered teams": {"team-1/a.py": "team-1", "team-12/a.py": "team-12"},
}  # fmt: skip


@pytest.mark.parametrize("names", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_lies_around_the_students(tmp_path, names, form):
    """Folders that hold everything are nobody's, and neither is a prefix that all folders share."""
    place = tmp_path / "all"
    if form == "folder":
        unpacked(place, *names)
    else:
        zipped(place, *[(name, CODE) for name in names])

    assert {file: who for file, who in names.items() if who} == {one.file: one.owner.student for one in found(place)}


def test_the_zip_in_a_folder(tmp_path):
    """A platform's download, put into a folder of its own, is what is graded; beside other files it is a row."""
    zipped(unpacked(tmp_path, "in/README.txt") / "in" / "download.zip", ("doe_1_2_a.py", CODE))
    assert ["doe_1"] == [one.owner.student for one in found(tmp_path / "in")]
    unpacked(tmp_path, "in/ada/a.py")
    assert ["download.zip"] == list(troubles(tmp_path / "in"))


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_other_files_are_counted_and_nobody_is_without_a_row(tmp_path, form):
    """Who handed in other files alone has one row; a text beside the students' folders makes no student."""
    names = ["ada/a.py", "ada/data.csv", "bob/photo.jpg", "bob/notes.txt", "README.md", "doe_1_2_work.pdf"]
    place = tmp_path / "all"
    unpacked(place, *names) if form == "folder" else zipped(place, *[(name, CODE) for name in names])
    with opened(place) as source:
        rows = {one.owner.student: (one.file, bool(one.trouble)) for one in source.submissions()}

    assert {"ada": ("ada/a.py", False), "bob": ("bob/notes.txt", True), "doe_1": ("doe_1_2_work.pdf", True)} == rows
    assert sorted(set(names) - {"ada/a.py"}) == sorted(source.others.some)
    assert str(source.others).startswith("5 other files were passed over: ")


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_copies_of_systems_and_editors_are_nobody_s_work(tmp_path, form):
    """__MACOSX, checkpoints, hidden files, environments: no rows."""
    names = ["__MACOSX/ada/._a.py", "ada/._a.py", "ada/.ipynb_checkpoints/a-checkpoint.ipynb", "ada/.git/a.py",
             "ada/__pycache__/a.py", "ada/notes.txt", "ada/a.py"]  # fmt: skip
    if form == "folder":
        place = unpacked(tmp_path / "all", *names, "ada/env/lib/a.py", "ada/env/pyvenv.cfg")
    else:
        place = zipped(tmp_path / "all.zip", *[(name, CODE) for name in names])

    assert ["ada/a.py"] == [one.file for one in found(place)]


def test_the_time_of_a_file(tmp_path):
    """UTC: a file's own, a zip member's extra field, and else the zip's clock; "" where a zip has none."""
    path = unpacked(tmp_path / "all", "ada/a.py") / "ada" / "a.py"
    os.utime(path, (86400, 86400))
    plain, unset, exact = (zipfile.ZipInfo(f"ada/{name}.py") for name in "bcd")
    plain.date_time = exact.date_time = (2026, 5, 6, 7, 8, 10)
    exact.extra = struct.pack("<HHBi", 0x5455, 5, 1, 86401)
    packed = zipped(tmp_path / "all.zip", *[(info, CODE) for info in (plain, unset, exact)])

    assert ["1970-01-02T00:00:00+00:00"] == [one.submitted for one in found(tmp_path / "all")]
    assert ["2026-05-06T07:08:10+00:00", "", "1970-01-02T00:00:01+00:00"] == [one.submitted for one in found(packed)]


def _git(folder, *words):
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_COMMITTER_DATE": "2026-03-04T05:06:07+02:00"}
    for kind in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{kind}_NAME": "ada", f"GIT_{kind}_EMAIL": "a@b"}
    subprocess.run(["git", *words], cwd=folder, env=os.environ | who, check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@pytest.mark.parametrize("packed", [False, True])
def test_the_time_of_a_clone_is_its_last_commit(tmp_path, packed):
    """Where names are GitHub Classroom's; and nothing that the repository's config names is run."""
    folder = unpacked(tmp_path / "all", "hw-ada/src/a.py", "hw-bob/a.py")
    ada, ran = folder / "hw-ada", tmp_path / "ran"
    _git(ada, "init", "-q")
    _git(ada, "add", ".")
    _git(ada, "commit", "-qm", "mine")
    if packed:
        _git(ada, "gc", "-q")
        _git(ada, "pack-refs", "--all")
    with (ada / ".git" / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "touch {ran}"\n\tpager = "touch {ran}"\n[log]\n\tshowSignature = true\n'
                     f'[gpg]\n\tprogram = "touch {ran}"\n[alias]\n\tcat-file = "!touch {ran}"\n')  # fmt: skip
    times = {one.owner.student: one.submitted for one in found(folder)}

    assert "2026-03-04T03:06:07+00:00" == times["ada"]
    assert times["bob"] not in ("", times["ada"])
    assert not ran.exists()
    shutil.move(folder / "hw-bob", folder / "bob")
    assert times["ada"] not in {one.submitted for one in found(folder)}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@pytest.mark.parametrize(
    "head", ["", "ref: refs/heads/../../secret", "ref: refs/heads/none", "f" * 40, "x" * 9, "pipe"]
)
def test_a_broken_repository_leaves_the_file_s_own_time(tmp_path, head):
    """No commit, a ref that leads out, a commit that is not there, a pipe: nobody waits, nothing is raised."""
    folder = unpacked(tmp_path / "all", "hw-ada/a.py", "hw-bob/a.py", "hw-ada/.git/objects/x")
    (tmp_path / "all" / "hw-ada" / "secret").write_text("f" * 40)
    if head == "pipe":
        os.mkfifo(folder / "hw-ada" / ".git" / "HEAD")
    else:
        (folder / "hw-ada" / ".git" / "HEAD").write_text(head)
    os.utime(folder / "hw-ada" / "a.py", (86400, 86400))

    assert "1970-01-02T00:00:00+00:00" == next(o.submitted for o in found(folder) if o.file == "hw-ada/a.py")


def test_folders_are_read_in_the_order_of_their_names(tmp_path):
    """However deep they lie, and however often the class is read."""
    names = [f"{'/'.join('d' * 300)}/a.py", "bob/a.py", "ada/y/a.py", "ada/b.py", "ada/x/a.py", "ada/a.py"]
    folder = unpacked(tmp_path / "all", *names)

    order = ["ada/a.py", "ada/b.py", "ada/x/a.py", "ada/y/a.py", "bob/a.py", names[0]]
    assert order == [one.file for one in found(folder)] == [one.file for one in found(folder)]


# ---- what a stranger may put there --------------------------------------------------------------------------------


def test_links_are_rows_and_not_followed(tmp_path):
    """A link to a file, to a folder, to itself: three rows with the reason, and nothing of what they point to."""
    secret = unpacked(tmp_path / "secret", "a.py")
    folder = unpacked(tmp_path / "all", "ada/a.py")
    (folder / "ada" / "b.py").symlink_to(secret / "a.py")
    (folder / "ada" / "c.py").symlink_to(folder / "ada" / "c.py")
    (folder / "eve").symlink_to(secret)

    assert {"ada/b.py", "ada/c.py", "eve"} == set(troubles(folder))
    with opened(folder) as source, pytest.raises(NoTextError, match="link"):
        source.content(next(one for one in source.submissions() if one.file == "ada/b.py"))


def test_members_that_lead_out_of_a_zip_are_nobody_s(tmp_path):
    """Absolute, with a drive, with "..", as a link, on another system's separators: none is read, none written.

    A row would need a student, and such a name tells none: they are counted and named.
    """
    link = zipfile.ZipInfo("ada/link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    names = ["/etc/a.py", "C:/a.py", "../a.py", "ada/../../a.py", "..\\b.py"]
    packed = zipped(
        tmp_path / "all.zip", (link, b"/etc/passwd"), *[(name, CODE) for name in names], ("ada\\c.py", CODE)
    )
    with opened(packed) as source:
        seen = {one.file: (one.owner.student, bool(one.trouble)) for one in source.submissions()}

    assert {"ada/c.py": ("ada", False), "ada/link.py": ("ada", True)} == seen
    outside = ["/etc/a.py", "C:/a.py", "../a.py", "ada/../../a.py", "../b.py"]
    assert [f"{name} (its name leads out of the zip)" for name in outside] == source.others.some
    assert ["all.zip"] == os.listdir(tmp_path)


def test_bombs_cost_no_memory(tmp_path):
    """What says that it is large is not read; what lies about it is read up to the limit; other packings are refused."""
    honest, repetitive = b"\0" * (MOST + 1), b"\0" * (8 << 20)
    other = zipfile.ZipInfo("ada/c.py")
    other.compress_type = zipfile.ZIP_BZIP2
    packed = zipped(
        tmp_path / "all.zip", ("ada/a.py", honest), ("ada/b.py", repetitive), (other, CODE), ("ada/d.py", CODE)
    )
    data = bytearray(packed.read_bytes())
    where = data.index(b"PK\1\2", data.index(b"PK\1\2", 0) + 1) + 24  # the second member's size in the directory
    data[where : where + 4] = struct.pack("<I", 10)
    packed.write_bytes(data)

    told = troubles(packed)
    assert {"ada/a.py", "ada/c.py"} == set(told)
    assert "larger" in told["ada/a.py"]
    with opened(packed) as source:
        liar = next(one for one in source.submissions() if one.file == "ada/b.py")
        with pytest.raises(NoTextError, match="damaged"):
            source.content(liar)


def test_a_member_that_unpacks_to_many_times_its_size_is_a_row(tmp_path):
    """Eight megabytes of nothing are no program."""
    packed = zipped(tmp_path / "all.zip", ("ada/b.py", b"\0" * (8 << 20)))

    assert "many times" in troubles(packed)["ada/b.py"]


def test_a_name_that_occurs_twice(tmp_path):
    """The last member of a name is graded, the one before it is a row under a name of its own."""
    packed = zipped(tmp_path / "all.zip", ("ada/a.py", b"first"), ("ada/a.py", b"second"), ("ada/a#1.py", CODE))
    with opened(packed) as source:
        texts = {one.file: source.content(one) for one in source.submissions()}

    assert {"ada/a.py": b"second", "ada/a#1.py": CODE, "ada/a#2.py": b"first"} == texts
    assert ["ada/a#2.py"] == list(troubles(packed))


def test_names_that_are_not_utf_8(tmp_path):
    """UTF-8 that the zip does not announce is read as such; any other bytes have a printable name, no two the same."""
    folder = tmp_path / "all"
    for name in (b"\xce\xd2", b"\xce\xd3", b"a\nb", b"a b"):
        unpacked(folder, os.fsdecode(name) + "/a.py")
    packed = zipped(tmp_path / "all.zip", ("j@se/a.py", CODE))
    packed.write_bytes(packed.read_bytes().replace(b"j@se", "jé".encode() + b"e"))
    names = [one.file for one in found(folder)]

    assert 4 == len(set(names))
    assert all(name.isprintable() and name.encode() for name in names)
    assert ["jée"] == [one.owner.student for one in found(packed)]


def test_an_archive_inside_is_a_row(tmp_path):
    """Students hand in zips; the teacher hears of it."""
    assert ["ada/work.zip"] == list(troubles(unpacked(tmp_path / "all", "ada/work.zip", "ada/a.py")))


@pytest.mark.parametrize("what", ["nothing", "text", "torn"])
def test_what_is_no_class_is_a_clear_error(tmp_path, what):
    """A path that is not there, a text, half a zip: one line."""
    path = tmp_path / "all.zip"
    if what != "nothing":
        path.write_bytes(CODE if what == "text" else zipped(path, ("ada/a.py", CODE)).read_bytes()[:40])
    with pytest.raises(SubmissionsError) as error:
        opened(path)

    assert "\n" not in str(error.value)


def test_a_damaged_member_is_its_own_trouble(tmp_path):
    """The others can be read."""
    packed = zipped(tmp_path / "all.zip", ("ada/a.py", CODE * 50), ("bob/a.py", CODE))
    packed.write_bytes(packed.read_bytes().replace(b"ada/a.py", b"axa/a.py", 1))
    with opened(packed) as source:
        first, second = source.submissions()
        with pytest.raises(NoTextError, match="damaged"):
            source.content(first)
        assert CODE == source.content(second)


# ---- the student's own modules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_modules_beside_a_file_travel_with_it(tmp_path, form):
    """What the file mentions, and what that mentions; never another student's, not even side by side."""
    texts = {"doe_1_1_main.py": b"import helper", "doe_1_2_helper.py": b"import deeper", "doe_1_3_deeper.py": CODE,
             "doe_1_4_unused.py": CODE, "roe_2_5_helper.py": b"stolen = 1"}  # fmt: skip
    place = zipped(tmp_path / "all.zip", *texts.items())
    if form == "folder":
        place = tmp_path / "all"
        zipfile.ZipFile(io.BytesIO((tmp_path / "all.zip").read_bytes())).extractall(place)
    with opened(place) as source:
        main = next(one for one in source.submissions() if one.owner.original == "main.py")
        modules = beside(source, main, source.content(main))

    assert {"helper.py": "import deeper", "deeper.py": CODE.decode()} == modules


def test_no_more_than_a_megabyte_travels(tmp_path):
    """A module that is larger stays."""
    folder = unpacked(tmp_path, "ada/main.py", "ada/large.py")
    (folder / "ada" / "main.py").write_bytes(b"import large")
    (folder / "ada" / "large.py").write_bytes(b"#" * (2 << 20))
    with opened(folder) as source:
        main = next(one for one in source.submissions() if one.file == "ada/main.py")

        assert {} == beside(source, main, source.content(main))
