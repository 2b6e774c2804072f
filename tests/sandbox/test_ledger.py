"""What an earlier run finished is not graded again, unless it would come out otherwise."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from utils.cli import grade
from utils.sandbox import ledger
from utils.sandbox.batch import grade_files
from utils.sandbox.ledger import Ledger

USER = "from helper import var\n{more}\ndef batchnorm_forward(x, gamma, beta, eps=1e-5):\n" \
    "    return gamma * (x - x.mean(0)) / (var(x) + eps) ** 0.5 + beta, None\n"  # fmt: skip
WRONG_HELPER, HELPER = "def var(x): return 2 * x.var(0)\n", "def var(x): return x.var(0)\n"
ROOT = Path(__file__).parents[2]


def graded(file, path, **how):
    """(statuses, how many rows were graded anew)."""
    ledger.helpers.cache_clear(), ledger._data_files.cache_clear()  # each run is a process of its own
    new = []
    with Ledger(path, **how) as book:
        rows = grade_files([file], **how, finished=book.finished, on_row=lambda row: (book.write(row), new.append(row)))
    return [row.report.status for row in rows], len(new)


def check(*words, **more):
    command = [sys.executable, "-m", "utils.cli", "check", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, text=True, timeout=60, **({"capture_output": True} | more))


@pytest.fixture
def answer(tmp_path):
    (tmp_path / "helper.py").write_text(WRONG_HELPER)
    (tmp_path / "answer.py").write_text(USER.format(more=""))
    return tmp_path / "answer.py"


@pytest.mark.parametrize("through", ["", "package", "module"])
def test_a_mended_helper_is_seen(tmp_path, answer, through):
    helper = tmp_path / "helper.py"
    if through == "package":
        (tmp_path / "inner").mkdir()
        helper = tmp_path / "inner" / "deep.py"
        (tmp_path / "helper.py").write_text("from inner.deep import var\n")
    if through == "module":
        helper = tmp_path / "deep.py"
        (tmp_path / "helper.py").write_text("import importlib\nvar = importlib.import_module('deep').var\n")
    helper.write_text(WRONG_HELPER)
    assert (["wrong"], 1) == graded(answer, tmp_path / "rows")
    assert (["wrong"], 0) == graded(answer, tmp_path / "rows")
    helper.write_text(HELPER)
    assert (["right"], 1) == graded(answer, tmp_path / "rows")
    assert (["right"], 0) == graded(answer, tmp_path / "rows")


@pytest.mark.parametrize("through", ["answer", "helper"])
def test_changed_data_is_seen(tmp_path, answer, through):
    """A data file that the answer or its helper reads by its path; another file in the folder plays no part."""
    data, read = tmp_path / "factor.txt", "float((pathlib.Path(__file__).parent / 'factor.txt').read_text())"
    data.write_text("2")
    if through == "helper":
        (tmp_path / "helper.py").write_text(f"import pathlib\ndef var(x): return {read} * x.var(0)\n")
    else:
        (tmp_path / "helper.py").write_text(HELPER)
        answer.write_text(USER.format(more="import pathlib").replace("(var(x)", f"({read} * var(x)"))
    assert (["wrong"], 1) == graded(answer, tmp_path / "rows.jsonl")
    (tmp_path / "notes.txt").write_text("not named")
    assert (["wrong"], 0) == graded(answer, tmp_path / "rows.jsonl")
    data.write_text("1")
    assert (["right"], 1) == graded(answer, tmp_path / "rows.jsonl")
    assert (["right"], 0) == graded(answer, tmp_path / "rows.jsonl")


def test_another_timeout_tries_again_who_ran_out_of_time(tmp_path, answer):
    answer.write_text("def batchnorm_forward(x, gamma, beta, eps=1e-5):\n    while True: pass\n")
    assert (["timeout"], 1) == graded(answer, tmp_path / "rows", timeout=0.3)
    assert (["timeout"], 0) == graded(answer, tmp_path / "rows", timeout=0.3)
    assert (["timeout"], 1) == graded(answer, tmp_path / "rows", timeout=0.4)


def test_an_explanation_is_looked_for_once(tmp_path, answer):
    assert [1, 1, 0, 0] == [graded(answer, tmp_path / "rows", explain=e)[1] for e in (False, True, True, False)]


def test_rows_of_earlier_versions_count_and_those_of_wrong_types_do_not(tmp_path, answer):
    (tmp_path / "helper.py").unlink()
    answer.write_text("def batchnorm_forward(x): return x\n")
    rows = tmp_path / "rows"
    graded(answer, rows)
    row = json.loads(rows.read_text())
    old = {name: value for name, value in row.items() if name not in ("helpers", "timeout", "explain")}
    rows.write_text(json.dumps(old))
    assert 0 == graded(answer, rows)[1]
    for name in ("file", "exercise", "status", "passed", "total", "mistake", "message", "line", "digest"):
        rows.write_text(json.dumps(row | {name: [{}]}) + "\n" + "[" * 100_000)
        assert 1 == graded(answer, rows)[1], name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_or_a_folder_is_no_ledger(tmp_path, answer):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        done = check(answer, "--jsonl", tmp_path / name)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_full_disk_costs_no_verdict(tmp_path, answer, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ledger.disk, "append", full)
    done = CliRunner().invoke(grade.check, [str(answer), "--jsonl", str(tmp_path / "rows")])
    assert done.exit_code == 2
    assert "batchnorm_forward · wrong" in done.output
    assert "No space left on device" in done.output


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX closes the output")
@pytest.mark.parametrize("more", ["", "--json"])
def test_a_closed_output_is_no_fault(answer, more):
    words = f"exec {sys.executable} -m utils.cli check {answer} {more} >&-"
    done = subprocess.run(["sh", "-c", words], cwd=ROOT, text=True, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seconds", ["1e19", "86401"])
def test_a_timeout_of_more_than_a_day_is_refused(answer, seconds):
    done = check(answer, "--timeout", seconds)
    assert done.returncode == 2
    assert "at most 86,400 seconds" in " ".join(done.stderr.split())


def test_an_answer_sees_the_absolute_path_of_its_file(tmp_path, answer, monkeypatch):
    (tmp_path / "helper.py").write_text(HELPER)
    answer.write_text(USER.format(more="import os\nassert os.path.isfile(__file__) and os.path.isabs(__file__)\nF = __file__")
                      .replace("return", "assert os.path.isfile(__file__); assert os.path.isabs(F)\n    return"))  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert grade_files([Path("answer.py")])[0].report.status == "right"
