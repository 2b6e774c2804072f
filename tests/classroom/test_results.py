"""The ledger of a class: the last rows of a file count, nothing that was written is lost, one run at a time writes."""

import signal
import subprocess
import sys

import pytest

from utils.classroom.results import LedgerError, Result, Results, history, read, totals

FACTS = dict(student="ada", file="ada/a.py", exercise="softmax", status="right", mistake=None, message="fine", line=None,
             passed=3, total=3, seconds=0.01, digest="d1", edition="e1", submitted="2026-01-01T00:00:00+00:00")  # fmt: skip


def row(**facts):
    return Result(**FACTS | facts)


def written(path, *files, edition="e1", limit=10.0):
    with Results(path, edition, limit) as ledger:
        for rows in files:
            ledger.write(rows)
    return path


def test_what_is_written_is_read(tmp_path):
    """All fields of a row come back, letters of any alphabet included."""
    rows = [row(student="Żółć 李", message="Got: π"), row(student="Żółć 李", exercise=None, mistake="sign", line=3)]

    assert rows == read(written(tmp_path / "out" / "results.jsonl", rows))
    assert [] == read(tmp_path / "nothing.jsonl")


def test_the_last_rows_of_a_file_count(tmp_path):
    """A changed file's rows replace all that its earlier text had, of exercises that are gone as well."""
    first = [row(), row(exercise="adam_step", status="wrong")]
    other = [row(student="bob", file="bob/a.py")]
    again = [row(digest="d2", status="wrong")]

    assert [*again, *other] == read(written(tmp_path / "r.jsonl", first, other, again))


def test_history_keeps_what_was_handed_in_before(tmp_path):
    """Every text of a file is an attempt; the same text graded again replaces its verdict."""
    first, changed, again = row(status="machine"), row(digest="d2", status="wrong"), row(edition="e2")
    path = written(tmp_path / "r.jsonl", [first], [changed], [again])

    assert [again, changed] == history(path)
    assert [again] == read(path)


def test_a_second_grading_replaces_all_rows_of_the_first(tmp_path):
    """The same text graded again, after a fault of the machine that left no exercise: the fault's row is history."""
    fault = [row(status="machine", exercise=None, graded="1")]
    both = [row(graded="2", rows=2), row(exercise="adam_step", graded="2", rows=2)]

    assert both == read(written(tmp_path / "r.jsonl", fault, both))


def test_half_a_grading_replaces_nothing(tmp_path):
    """A disk that was full in the middle of a file's rows: its earlier rows stand until it is graded again."""
    first = [row(graded="1", rows=2), row(exercise="adam_step", graded="1", rows=2)]
    path = written(tmp_path / "r.jsonl", first, [row(status="wrong", graded="2", rows=2)])

    assert first == read(path)
    with Results(path, "e1", 10.0) as ledger:
        assert not ledger.has("ada/a.py", "d1", "")


def test_totals_count_the_rows_that_count(tmp_path):
    """Those of every run, a changed file's last ones alone."""
    both = [row(rows=2), row(exercise="adam_step", status="wrong", rows=2)]
    path = written(
        tmp_path / "r.jsonl", both, [row(student="bob", file="bob/a.py")], [row(digest="d2", status="wrong")]
    )

    assert {"wrong": 1, "right": 1} == totals(path)


def test_torn_and_strange_lines_are_passed_over(tmp_path):
    """Half a row, a list, a row of another kind, bytes that are no text: the others stand."""
    path = written(tmp_path / "r.jsonl", [row()])
    with path.open("ab") as file:
        file.write(b'\n{"student": "ada", "fi\n[1]\n{"student": "ada"}\n\xff\xfe')
    written(path, [row(student="bob", file="bob/a.py")])

    assert ["ada", "bob"] == [one.student for one in read(path)]


@pytest.mark.parametrize(
    ("facts", "now", "finished"),
    [
        ({}, {}, True),
        ({"status": "wrong"}, {}, True),
        ({"status": "machine"}, {}, False),
        ({"rows": 2}, {}, False),  # the run was killed before it had all
        ({"digest": "d0"}, {}, False),
        ({"beside": "other"}, {}, False),
        ({"edition": "e0"}, {}, False),
        ({"status": "timeout", "limit": 10.0}, {"limit": 10.0}, True),
        ({"status": "timeout", "limit": 10.0}, {"limit": 20.0}, False),
        ({"status": "timeout", "limit": 10.0}, {"limit": 5.0}, False),  # its message names the limit
        ({"limit": 10.0, "seconds": 8.0}, {"limit": 5.0}, False),  # it may not be right within that
        ({"limit": 10.0, "seconds": 3.0}, {"limit": 5.0}, True),
        ({"limit": 5.0, "seconds": 8.0}, {"limit": 5.0}, True),  # by the clock: no third try
    ],
)
def test_what_is_finished_is_not_graded_again(tmp_path, facts, now, finished):
    """The same bytes, neighbours and edition, all rows there, none the machine's fault nor stopped by another limit."""
    path = written(tmp_path / "r.jsonl", [row(**facts)])
    with Results(path, "e1", now.get("limit", 10.0)) as ledger:
        assert finished == ledger.has("ada/a.py", "d1", "")


def test_a_file_that_changed_and_changed_back_is_graded_again(tmp_path):
    """Or the rows of its second text would count."""
    path = written(tmp_path / "r.jsonl", [row()], [row(digest="d2")])
    with Results(path, "e1", 10.0) as ledger:
        assert not ledger.has("ada/a.py", "d1", "")
        assert ledger.has("ada/a.py", "d2", "")


def test_two_runs_do_not_write_one_ledger(tmp_path):
    """The second one hears of it in one line; when the first has ended, however it ended, the ledger is free."""
    path = tmp_path / "r.jsonl"
    code = f"from utils.classroom.results import Results\nfrom pathlib import Path\nledger = Results(Path({str(path)!r}), 'e', 1.0)\nprint('mine', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE) as other:
        assert b"mine\n" == other.stdout.readline()
        with pytest.raises(LedgerError, match="another run"):
            Results(path, "e1", 10.0)
        other.send_signal(signal.SIGKILL)
        other.wait()
        written(path, [row()])

    assert [row()] == read(path)


def test_a_ledger_that_cannot_be_written_is_a_clear_error(tmp_path):
    """OUT below a file: one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="file"):
        Results(tmp_path / "file" / "results.jsonl", "e1", 10.0)
