"""A class is graded on real worker processes: every file has its rows, none costs another's, nothing is done twice."""

import json
import zipfile
from dataclasses import replace

import pytest

from utils.classroom import cluster, engine, flight, grader
from utils.classroom.engine import Engine
from utils.classroom.grader import EditionError, Job
from utils.classroom.results import Results, read
from utils.classroom.submissions import opened
from utils.grading import catalogue
from utils.sandbox import limits

NAME = "15_batchnorm_forward"
ANSWER = """
import numpy as np
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
"""
WRONG = ANSWER.replace("x.var(0)", "x.var(0, ddof=1)")
SLOW = ANSWER.replace("    return", "    import time; time.sleep(0.1)\n    return")


@pytest.fixture
def graded(tmp_path, local):
    """A function that grades a folder or zip into one ledger; returns the tally."""

    def run(submissions, timeout=10.0):
        with opened(submissions) as source, Results(tmp_path / "results.jsonl", catalogue.edition(), timeout) as ledger:
            return Engine(source, ledger, local, timeout).run()

    run.rows = lambda: read(tmp_path / "results.jsonl")
    return run


def test_every_file_has_its_rows(tmp_path, write, graded):
    """Right, wrong with its name, what is missing, what is no answer: each a row with what a gradebook needs."""
    folder = write(tmp_path / "all", {"ada/a.py": ANSWER, "bob/x/y/b.py": WRONG, f"eve/{NAME}.py": ANSWER,
                                      "fay/notes.py": "x = 1", "gus/a.ipynb": "{"})  # fmt: skip
    tally = graded(folder)
    rows = {(row.student, row.exercise): row for row in graded.rows()}

    assert {("ada", "batchnorm_forward"): "right", ("bob", "batchnorm_forward"): "wrong",
            ("eve", "batchnorm_forward"): "right", ("eve", "batchnorm2d_forward"): "not attempted",
            ("fay", None): "error", ("gus", None): "error"} == {key: row.status for key, row in rows.items()}  # fmt: skip
    bob = rows["bob", "batchnorm_forward"]
    assert ("bob/x/y/b.py", "unbiased variance (ddof=1)", catalogue.edition()) == (bob.file, bob.mistake, bob.edition)
    assert bob.seconds > 0
    assert bob.submitted
    assert 16 == len(bob.digest)
    assert (5, 5, 0) == (tally.files, tally.graded, tally.kept)


def test_names_in_capitals_and_students_without_code(tmp_path, write, graded):
    """A.PY is a script; who handed in a picture alone has a row that says so, and no exercise."""
    graded(write(tmp_path / "all", {"ada/A.PY": ANSWER, "bob/photo.jpg": "", "bob/notes.txt": ""}))
    ada, bob = sorted(graded.rows(), key=lambda row: row.student)

    assert ("batchnorm_forward", "right") == (ada.exercise, ada.status)
    assert ("bob", "bob/notes.txt", None, "error") == (bob.student, bob.file, bob.exercise, bob.status)
    assert "neither a .py nor an .ipynb" in bob.message


def test_a_second_run_grades_what_is_new_or_changed(tmp_path, write, graded):
    """Nothing for what is finished; a changed file, a changed module beside one, and a new file."""
    folder = write(tmp_path / "all", {"ada/a.py": ANSWER, "bob/b.py": WRONG, "eve/a.py": "from helper import *\n" + WRONG,
                                      "eve/helper.py": "eps = 1"})  # fmt: skip
    assert 4 == graded(folder).graded
    assert (0, 4) == ((again := graded(folder)).graded, again.kept)
    write(folder, {"bob/b.py": ANSWER, "eve/helper.py": "eps = 2", "fay/f.py": ANSWER})

    assert (4, 1) == ((again := graded(folder)).graded, again.kept)
    assert ["right", "right", "right", "wrong"] == sorted(row.status for row in graded.rows() if row.exercise)


def test_data_beside_an_answer_is_out_of_its_reach(tmp_path, write, graded):
    """It does not travel, so a row need not be stale when it changes: the answer cannot read it, by any path."""
    reading = "from pathlib import Path\nnear = {}\n" + ANSWER.replace("    return", "    near.read_text()\n    return")
    folder = write(tmp_path / "all", {"ada/scale.txt": "2"})
    places = ["Path('scale.txt')", "Path(__file__).parent / 'scale.txt'"]
    if limits.shared_rules() is not None:  # Landlock
        places.append(f"Path({str(folder / 'ada/scale.txt')!r})")
    write(folder, {f"ada/a{i}.py": reading.format(place) for i, place in enumerate(places)})
    graded(folder)
    rows = [row for row in graded.rows() if row.exercise]

    assert ["error"] * len(places) == [row.status for row in rows]
    assert all("No such file" in row.message or "PermissionError" in row.message for row in rows)


def test_a_zip_is_graded_without_unpacking(tmp_path, graded):
    """Canvas' zip: the question by the file's own name, modules beside it, and the others' files are not there."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(f"doe_LATE_1_2_{NAME}-1.py", "from mine import *\n")
        archive.writestr("doe_LATE_1_3_mine.py", ANSWER)
        archive.writestr(
            f"roe_4_5_{NAME}.py",
            "import mine\n" + ANSWER.replace("    return", "    mine.batchnorm_forward\n    return"),
        )
        archive.writestr("../sly_6_7_a.py", ANSWER)
    graded(tmp_path / "all.zip")
    rows = {
        (row.student, row.file.split("_")[-1]): row for row in graded.rows() if row.exercise != "batchnorm2d_forward"
    }

    assert rows["doe_1", "mine.py"].status == "right"
    assert "No module named 'mine'" in rows["roe_4", "forward.py"].message
    assert {"doe_1", "roe_4"} == {student for student, _ in rows}
    assert rows["doe_1", "mine.py"].late


def test_a_limit_is_tried_again_alone_and_marked(tmp_path, write, graded):
    """A loop without end and a huge array, among others: two tries, marked; the others have theirs at the first."""
    loop = "def softmax(x):\n    while True: pass\n"
    huge = "import numpy as np\ndef softmax(x):\n    return np.ones(10**10)\n"
    folder = write(tmp_path / "all", {"eve/a.py": loop, "fay/a.py": huge} | {f"s{i}/a.py": ANSWER for i in range(6)})
    tally = graded(folder, timeout=0.5)
    rows = {row.student: row for row in graded.rows()}

    assert ("timeout", "memory") == (rows["eve"].status, rows["fay"].status)
    assert {"eve", "fay"} == {row.student for row in rows.values() if row.retried}
    assert {"right"} == {row.status for row in rows.values() if row.student not in ("eve", "fay")}
    assert (2, 8) == (tally.retried, tally.graded)


def test_walls_stand_on_a_worker(tmp_path, write, graded):
    """A file on a cluster reads no answers, starts no process, and writes nothing where others could find it."""
    texts = {
        "answers": "import utils, os\nopen(os.path.join(os.path.dirname(utils.__file__), 'references', 'softmax.npz'))",
        "process": "import subprocess\nsubprocess.run(['true'])",
        "fork": "import os\nwhile True: os.fork()",
        "writing": f"open({str(tmp_path / 'mine')!r}, 'w').write('1')",
        "network": "import socket\nsocket.create_connection(('127.0.0.1', 9))",
    }
    body = "def batchnorm_forward(x, gamma, beta, eps=1e-5):\n{}\n"
    folder = {f"{name}/a.py": body.format("    " + text.replace("\n", "\n    ")) for name, text in texts.items()}
    graded(write(tmp_path / "all", folder))

    assert {"error"} == {row.status for row in graded.rows()}
    assert len(texts) == sum("PermissionError" in row.message for row in graded.rows())
    assert not (tmp_path / "mine").exists()


def test_no_more_is_read_than_is_on_its_way(tmp_path, write, graded, monkeypatch):
    """The class is read as it is graded: memory does not grow with it."""
    monkeypatch.setattr(engine, "BATCH", 4)
    folder = write(tmp_path / "all", {f"s{i:03d}/a.py": f"x = {i}" for i in range(120)})
    read_, written, ahead = [], [], []
    honest = Engine._ticket
    monkeypatch.setattr(Engine, "_ticket", lambda self, one: (read_.append(one), honest(self, one))[1])
    count = Engine._count
    monkeypatch.setattr(
        Engine, "_count", lambda self: (ahead.append(len(read_) - len(written)), written.append(1), count(self))[-1]
    )
    graded(folder)

    assert 120 == len(written)
    assert max(ahead) <= 4 * (2 * 2 + 1)


def test_a_long_batch_is_cut(monkeypatch):
    """A worker sends back what it has when the time of a batch is up, one file at least."""
    monkeypatch.setattr(grader, "SECONDS", 0.0)
    jobs = [Job("a.py", ANSWER.encode(), {})] * 3
    try:
        assert ["right"] == [row["status"] for rows in grader.grade(jobs, 10.0, catalogue.edition()) for row in rows]
    finally:
        grader.close()


def test_slow_files_share_no_batch_s_fate(tmp_path, write, graded, monkeypatch):
    """Files that a cut batch had no time for are sent again, and every one is graded once."""
    monkeypatch.setattr(engine, "BATCH", 8)
    folder = write(tmp_path / "all", {f"s{i}/a.py": f"{SLOW}# {i}" for i in range(8)})

    assert 8 == graded(folder).graded
    assert 8 == len((folder.parent / "results.jsonl").read_text().split()) // len(
        (folder.parent / "results.jsonl").read_text().split("\n")[1].split()
    )


def test_a_notebook_with_pictures_is_graded(tmp_path, write, graded):
    """Twelve megabytes of outputs travel as any file does."""
    picture = {"output_type": "display_data", "data": {"image/png": "A" * (12 << 20)}, "metadata": {}}
    cell = {"cell_type": "code", "source": ANSWER, "outputs": [picture], "metadata": {}, "execution_count": 1}
    graded(write(tmp_path / "all", {"ada/a.ipynb": json.dumps({"cells": [cell]})}))

    assert ["right"] == [row.status for row in graded.rows()]


def test_bytes_on_their_way_have_a_bound(local, monkeypatch):
    """However large the files are, only so many of their bytes are in memory at a time, and one batch at least goes."""
    monkeypatch.setattr(flight, "LOAD", 1000)
    one = flight.Flight(local, 10.0, catalogue.edition())
    assert one.has_room(False)
    one.send(["a"], [Job("a.py", b"#" * 2000, {})])
    assert not one.has_room(False)
    batch, rows, fault = one.landed()

    assert (["a"], "", ["error"]) == (batch, fault, [row["status"] for row in rows[0]])
    assert one.has_room(False)


def test_a_cluster_without_a_worker_is_given_up(processes, monkeypatch):
    """After a while, in one line; nobody waits for ever."""
    monkeypatch.setattr(flight, "PATIENCE", 0.5)
    monkeypatch.setattr(flight, "LOOK", 0.1)
    processes.scheduler()
    with cluster.connected(processes.address, 0) as client:
        one = flight.Flight(client, 10.0, catalogue.edition())
        assert one.has_room(False)
        one.send(["a"], [])
        with pytest.raises(cluster.ClusterError, match="no worker for"):
            one.landed()


def test_another_edition_is_refused():
    """A worker never judges by other references than the client's."""
    with pytest.raises(EditionError, match="a worker has edition"):
        grader.grade([Job("a.py", b"", {})], 10.0, "another")


def test_a_worker_that_fails_in_our_own_code_is_a_machine_s_fault(tmp_path, write, graded, monkeypatch):
    """Never the student's error, and the next run tries again."""
    honest = engine.Ticket
    monkeypatch.setattr(engine, "Ticket", lambda s, job, *rest: honest(s, replace(job, name=None), *rest))
    folder = write(tmp_path / "all", {"ada/a.py": ANSWER})
    graded(folder)

    assert ["machine"] == [row.status for row in graded.rows()]
    monkeypatch.undo()
    graded(folder)
    assert ["right"] == [row.status for row in graded.rows()]
