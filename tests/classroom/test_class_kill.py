"""SIGKILL anywhere: no finished row is lost, the same command completes, and nothing is left running."""

import contextlib
import json
import os
import signal
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from utils.classroom.results import read

ANSWER = """
import numpy as np
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
"""
SLOW = ANSWER.replace("    return", "    import time; time.sleep(0.02)\n    return")
LEFT = ANSWER.replace("    return", "    import time; open('here', 'w').close(); time.sleep({})\n    return")
FILES = 40


@pytest.fixture
def place(tmp_path, write):
    """(submissions, OUT, the ledger) of a class of forty."""
    write(tmp_path / "all", {f"s{i:02d}/a.py": f"{SLOW}# {i}" for i in range(FILES)})
    return tmp_path / "all", tmp_path / "out", tmp_path / "out" / "results.jsonl"


def written(ledger):
    return ledger.read_text().count('"right"') if ledger.exists() else 0


def complete(kit, ledger, kept, done):
    """The rerun went well, did no finished file again, and every file is right, once."""
    assert 0 == done.returncode, done.stderr
    summary = json.loads(done.stdout)
    assert (FILES, FILES) == (summary["files"], summary["graded"] + summary["kept"])
    assert summary["kept"] >= kept
    rows = read(ledger)
    assert (FILES, {"right"}) == (len(rows), {row.status for row in rows})
    assert FILES == written(ledger)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_client_is_stopped(kit, place, how):
    """With its scheduler and its workers: finished rows stand, no process stays, and the same command completes."""
    submissions, out, ledger = place
    with kit.started("grade", submissions, "--out", out, "--workers", 2) as process:
        kit.until(lambda: written(ledger) >= 3)
        all_of_them = kit.family(process.pid)
        process.send_signal(how)
        words = process.communicate(timeout=60)[1]
        kept = written(ledger)
        kit.until(lambda: kit.ended(all_of_them))

    assert kept < FILES
    if how == signal.SIGINT:
        assert (130, 1) == (process.returncode, words.strip().count("\n") + 1)
    complete(kit, ledger, kept, kit.course("grade", submissions, "--out", out, "--workers", 2, "--json"))


def test_ctrl_c_reaches_every_process(kit, place):
    """As a terminal sends it, to the workers too, and to one that has only begun to start: one line, none stays."""
    submissions, out, _ = place
    with kit.started("grade", submissions, "--out", out, "--workers", 1) as process:
        kit.until(lambda: any("spawn_main" in line for _, line in below(process.pid)))
        all_of_them = kit.family(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        printed, words = process.communicate(timeout=60)
        kit.until(lambda: kit.ended(all_of_them))

    assert (130, "", "Stopped. Nothing was graded.\n") == (process.returncode, printed, words)


def test_a_worker_is_killed(kit, place):
    """Its files are graded by others, and the run ends well without a second command."""
    submissions, out, ledger = place
    with kit.started("grade", submissions, "--out", out, "--workers", 2, "--json") as process:
        kit.until(lambda: written(ledger) >= 3)
        workers(process.pid)[0].kill()
        out_, err = process.communicate(timeout=120)

    assert (0, "") == (process.returncode, err)
    assert FILES == json.loads(out_)["graded"]
    assert {"right"} == {row.status for row in read(ledger)}


def workers(pid):
    """Dask's worker processes below a client: those with a grader below them."""
    found = {}
    for one, line in below(pid):
        with contextlib.suppress(psutil.Error):
            if "utils.sandbox.server" in line:
                found[one.ppid()] = one.parent()
    return list(found.values())


def below(pid):
    """The processes below one, each with its command line; one that ends meanwhile is left out."""
    found = []
    for one in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found.append((one, " ".join(one.cmdline())))
    return found


def test_a_file_that_kills_its_workers_is_tried_alone_and_marked(kit, tmp_path, write):
    """Whatever takes a worker down, as often as it is tried: its row says so, and the others are right."""
    poison, scratch = LEFT.format(300), tmp_path / "tmp"
    scratch.mkdir()
    folder = write(tmp_path / "all", {"eve/a.py": poison} | {f"s{i}/a.py": f"{SLOW}# {i}" for i in range(8)})
    with kit.started("grade", folder, "--out", tmp_path, "--workers", 2, "--json", TMPDIR=str(scratch)) as process:
        deaths = 0
        while process.poll() is None:
            found = kit.until(lambda: process.poll() is not None or list(scratch.rglob("here")), 120)
            if process.poll() is None and killed(process.pid, {str(path.parent) for path in found}):
                deaths += 1
                kit.until(lambda found=found: not any(path.exists() for path in found))  # the next may be there already
        err = process.communicate()[1]
    rows = {row.student: row for row in read(tmp_path / "results.jsonl")}

    assert (1, "") == (process.returncode, err)
    assert 4 == deaths  # twice among others, twice alone
    assert ("machine", True) == (rows["eve"].status, rows["eve"].retried)
    assert "worker process died" in rows["eve"].message
    assert {"right"} == {row.status for name, row in rows.items() if name != "eve"}
    assert 9 == len(rows)


def killed(pid, folders):
    """Kill the Dask worker whose child works in one of these folders: child, its server, Dask's worker."""
    for one in psutil.Process(pid).children(recursive=True):
        try:
            if one.cwd() in folders:
                one.parent().parent().kill()
                return True
        except (psutil.Error, AttributeError):
            continue
    return False


# ---- a scheduler and workers of their own -------------------------------------------------------------------------


def test_a_scheduler_with_two_workers(kit, place, processes):
    """The same command with an address; workers and scheduler live on, without any grader left in them."""
    submissions, out, ledger = place
    processes.scheduler()
    both = [processes.worker(), processes.worker("--no-nanny")]
    done = kit.course("grade", submissions, "--out", out, "--scheduler", processes.address, "--json")

    complete(kit, ledger, 0, done)
    assert [None, None] == [one.poll() for one in both]
    kit.until(lambda: not any("sandbox" in line for one in both for _, line in below(one.pid)))


def test_the_scheduler_is_killed(kit, place, processes):
    """One line, exit code 2, all finished rows there; with a new scheduler the same command completes."""
    submissions, out, ledger = place
    scheduler = processes.scheduler()
    processes.worker()
    command = ("grade", submissions, "--out", out, "--json", "--scheduler")
    with kit.started(*command, processes.address) as process:
        kit.until(lambda: written(ledger) >= 3)
        scheduler.kill()
        out_, err = process.communicate(timeout=60)
    kept = written(ledger)

    assert (2, "") == (process.returncode, out_)
    assert err.startswith("Error: the connection to the scheduler is lost.")
    assert 1 == len(err.strip().split("\n"))
    processes.scheduler()
    processes.worker()
    complete(kit, ledger, kept, kit.course(*command, processes.address))


def test_the_only_worker_is_killed_and_another_comes(kit, place, processes):
    """A run waits for a worker and goes on with it."""
    submissions, out, ledger = place
    processes.scheduler()
    first = processes.worker("--no-nanny")
    with kit.started("grade", submissions, "--out", out, "--json", "--scheduler", processes.address) as process:
        kit.until(lambda: written(ledger) >= 3)
        first.kill()
        processes.worker("--no-nanny")
        out_, err = process.communicate(timeout=120)

    assert (0, "") == (process.returncode, err)
    assert FILES == json.loads(out_)["graded"]
    assert {"right"} == {row.status for row in read(ledger)}


@pytest.mark.parametrize(
    ("preload", "words"),
    [
        (
            "from utils.grading import catalogue\ncatalogue.edition = lambda: 'older'\n",
            "has edition older of the course",
        ),
        ("import sys\nsys.modules['utils'] = None\nsys.modules['utils.grading'] = None\n", "install it there"),
    ],
)
def test_a_worker_with_another_course_or_none(kit, place, processes, tmp_path, preload, words):
    """Nothing is graded; one line says which worker it is."""
    submissions, out, ledger = place
    (tmp_path / "preload.py").write_text(preload)
    processes.scheduler()
    made = processes.worker("--no-nanny", "--preload", tmp_path / "preload.py")
    kit.until(lambda: "Starting established connection" in (processes.folder / "worker1.log").read_text())
    done = kit.course("grade", submissions, "--out", out, "--scheduler", processes.address)

    assert made.poll() is None
    assert (2, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert "the worker tcp://127.0.0.1:" in done.stderr
    assert 1 == len(done.stderr.strip().split("\n"))
    assert 0 == written(ledger)


# ---- one-line errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "no address", "smtp://127.0.0.1:1"])
def test_no_scheduler_there(kit, place, address):
    """One line, exit code 2."""
    submissions, out, _ = place
    done = kit.course(
        "grade", submissions, "--out", out, "--scheduler", address, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="3s"
    )

    assert 2 == done.returncode
    assert "no Dask scheduler answers at" in done.stderr
    assert 1 == len(done.stderr.strip().split("\n"))


def test_nothing_to_grade(kit, tmp_path):
    """A path that is not there: one line, exit code 2, and no OUT that looks like a result."""
    done = kit.course("grade", tmp_path / "nowhere", "--out", tmp_path / "out")

    assert 2 == done.returncode
    assert "does not exist" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["nothing", "hidden files", "a zip of nothing"])
def test_an_empty_class(kit, tmp_path, write, what):
    """One line, exit code 2, and no cluster is started for it, nor OUT made."""
    place = tmp_path / "all"
    if what == "a zip of nothing":
        zipfile.ZipFile(place, "w").close()
    else:
        place.mkdir()
        write(place, {".git/a.py": ANSWER} if what == "hidden files" else {})
    done = kit.course("grade", place, "--out", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1")

    assert (2, f"Error: no submission was found in {place}.") == (done.returncode, done.stderr.strip().split("\n")[-1])
    assert not (tmp_path / "out").exists()


def test_the_summary_tells_the_class_and_what_is_new(kit, tmp_path, write):
    """After a second run that graded one of two files: both students' totals, and the one that is new."""
    folder = write(tmp_path / "all", {"ada/a.py": ANSWER})
    command = ("grade", folder, "--out", tmp_path / "out", "--workers", 1)
    first = kit.course(*command).stdout
    write(folder, {"bob/a.py": ANSWER.replace("x.var(0)", "x.var(0, ddof=1)")})
    second = kit.course(*command).stdout

    assert "1 file of 1 student: 1 file graded now (" in first
    assert "\nExercises: 1 right.\nRows are in" in first
    assert "2 files of 2 students: 1 file graded now (" in second
    assert " s), 1 was already graded.\nExercises: 1 right, 1 wrong.\nNew in this run: 1 wrong.\n" in second


def test_results_among_the_submissions(kit, place):
    """OUT below SUBMISSIONS would be graded at the next run: one line, exit code 2."""
    submissions, _, _ = place
    done = kit.course("grade", submissions, "--out", submissions / "out")

    assert 2 == done.returncode
    assert "OUT is inside SUBMISSIONS" in done.stderr
    assert not (submissions / "out").exists()


def test_without_the_extra(tmp_path):
    """Where Dask is not installed, one line says what to install; the rest of `course` does not need it."""
    import subprocess

    probe = ("import sys\nsys.modules['distributed'] = sys.modules['dask'] = None\nfrom utils.cli import main\n"
             f"main(['class', 'grade', {str(tmp_path)!r}, '--out', {str(tmp_path / 'out')!r}])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=Path(__file__).parents[2])

    assert 2 == done.returncode
    assert 'pip install ".[class]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []
