"""`make bench ARGS=class`: a class of 20, 300 and 3,000 files by `course check` and by `course class grade`.

Twenty answers, right and wrong ones of five NumPy exercises, repeated, each with a comment of its own. Seconds on the
clock, and seconds of processor time of all processes together, which a busy machine changes least; start-up taken out by
the difference of two sizes. Then a cluster of separate processes, the costs of Dask's own parts, and with them the
simulation of a hundred workers.
"""

import itertools
import json
import os
import random
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from utils.classroom import simulation

ROOT = Path(__file__).parents[1]
SIZES = tuple(map(int, os.environ.get("COURSE_BENCH_FILES", "20,300,3000").split(",")))
Row = tuple[str, str, str]


def answers() -> list[str]:
    """Twenty texts: ten right, ten with a slip."""
    from utils.classroom import example_answers as made

    forms = [form for form in vars(made).values() if isinstance(form, made.Form)]
    rng, texts = random.Random(0), []
    for form in itertools.islice(itertools.cycle(forms), 20):
        slots = {slot: rng.choice(texts_) for slot, texts_ in form.slots.items()}
        if len(texts) % 2 and form.slips:
            slots |= rng.choice(list(form.slips.values()))
        texts.append("import numpy as np\n" + string.Template(form.text).substitute(slots))
    return texts


def lay(folder: Path, files: int) -> Path:
    """A folder for each student with one file; no two files are the same."""
    texts = answers()
    for number in range(files):
        place = folder / f"s{number:05d}"
        place.mkdir(parents=True)
        (place / "answer.py").write_text(f"{texts[number % len(texts)]}\n# {number}\n", encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Spent:
    """Of one command."""

    clock: float  # seconds
    cpu: float  # seconds, of all processes
    memory: dict[str, float]  # most megabytes: of the first process, and of the largest other one


def spent(command: list[str]) -> Spent:
    """Run it to its end and measure it."""
    before, start = os.times(), time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    memory = {"client": 0.0, "others": 0.0}
    watch = threading.Thread(target=_watch, args=(process, memory))
    watch.start()
    process.wait()
    clock, after = time.perf_counter() - start, os.times()
    watch.join()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(clock, used, memory)


def _watch(process: subprocess.Popen, most: dict[str, float]) -> None:
    while process.poll() is None:
        try:
            first = psutil.Process(process.pid)
            most["client"] = max(most["client"], first.memory_info().rss / 2**20)
            for one in first.children(recursive=True):
                most["others"] = max(most["others"], one.memory_info().rss / 2**20)
        except psutil.Error:
            pass
        time.sleep(0.3)


def check(folder: Path, out: Path, jobs: int) -> list[str]:
    files = map(str, sorted(folder.rglob("*.py")))
    return [sys.executable, "-m", "utils.cli", "check", "--jobs", str(jobs), "--jsonl", str(out / "rows.jsonl"), *files]


def grade(folder: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "utils.cli", "class", "grade", str(folder), "--out", str(out), "--json", *options]


def rows() -> Iterator[Row]:
    """The table."""
    ways = {
        "course check, 1 job": lambda f, o: check(f, o, 1),
        "course check, 2 jobs": lambda f, o: check(f, o, 2),
        "course class grade, 1 worker": lambda f, o: grade(f, o, "--workers", "1"),
        "course class grade, 2 workers": lambda f, o: grade(f, o, "--workers", "2"),
    }
    seen: dict[str, dict[int, Spent]] = {}
    with tempfile.TemporaryDirectory() as place, cluster(Path(place), 2) as address:
        ways["two dask workers of their own"] = lambda f, o: grade(f, o, "--scheduler", address)
        folders = {size: lay(Path(place) / str(size), size) for size in SIZES}
        for way, command in ways.items():
            seen[way] = {}
            for size in SIZES:
                out = Path(tempfile.mkdtemp(dir=place))
                seen[way][size] = made = spent(command(folders[size], out))
                yield f"{way}, {size:,} files", _words(made, size), ""
            yield from _beside_start_up(way, seen[way])
        yield from _efficiency(seen)
    costs = measured(seen)
    yield "costs", f"{costs}", ""
    yield from simulation.rows(costs)


def _words(made: Spent, size: int) -> str:
    memory = f"most MB: first process {made.memory['client']:.0f}, others {made.memory['others']:.0f}"
    cpu = f"{1e3 * made.cpu / size:.1f} ms CPU" if made.cpu else ""
    return f"{1e3 * made.clock / size:.1f} ms a file, {cpu}; load {os.getloadavg()[0]:.1f}; {memory}"


def _marginal(sizes: dict[int, Spent], what: str) -> float:
    """Milliseconds for one more file."""
    few, many = sorted(sizes)[-2:]
    return 1e3 * (getattr(sizes[many], what) - getattr(sizes[few], what)) / (many - few)


def _beside_start_up(way: str, sizes: dict[int, Spent]) -> Iterator[Row]:
    clock, cpu = _marginal(sizes, "clock"), _marginal(sizes, "cpu")
    outside = "" if "their own" in way else f", {cpu:.1f} ms CPU"  # a cluster's processes are not this command's
    yield f"  {way}, beside start-up", f"{clock:.1f} ms a file{outside}", "≤ 15 ms a file and core"


def _efficiency(seen: dict[str, dict[int, Spent]]) -> Iterator[Row]:
    one = seen["course class grade, 1 worker"]
    for way in ("course class grade, 2 workers", "two dask workers of their own"):
        clock = _marginal(one, "clock") / (2 * _marginal(seen[way], "clock"))
        yield f"scaling from 1 to 2 workers: {way}", f"{clock:.0%} by the clock", "≥ 85 %"
    cpu = _marginal(one, "cpu") / _marginal(seen["course class grade, 2 workers"], "cpu")
    yield "processor time a file, 1 worker to 2", f"{cpu:.0%}", "≥ 85 %"


# ---- a cluster of processes, and what Dask itself costs -----------------------------------------------------------


@contextmanager
def cluster(place: Path, workers: int) -> Iterator[str]:
    """A scheduler and workers on loopback, each a process of its own."""
    file = place / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    commands = [["scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", *common]]
    commands += [["worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(place), *common]] * workers
    started = []
    try:
        for command in commands:
            with (place / "dask.log").open("a") as log:
                started.append(subprocess.Popen([sys.executable, "-m", "dask", *command], stdout=log, stderr=log))
            while not (file.exists() and file.stat().st_size):
                time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def measured(seen: dict[str, dict[int, Spent]]) -> simulation.Costs:
    """The simulation's costs: of empty batches through a real scheduler and worker, of a client without a cluster, and
    of a file as the runs above had it."""
    client, scheduler, worker = _empty_batches(400)
    file, judged = _client_file(), _judging()
    total = _marginal(seen["course class grade, 1 worker"], "cpu") / 1e3
    return simulation.Costs(
        client_file=round(file, 6), client_batch=round(client, 6), scheduler_batch=round(scheduler, 6),
        worker_batch=round(worker, 6), worker_file=round(total - file - judged, 6), judge_file=round(judged, 6),
    )  # fmt: skip


def _empty_batches(number: int) -> tuple[float, float, float]:
    """Seconds of processor time for a batch without files: client, scheduler, worker."""
    from distributed import Client

    from utils.classroom.flight import Flight
    from utils.grading import catalogue

    with tempfile.TemporaryDirectory() as place, cluster(Path(place), 1) as address, Client(address) as client:
        client.wait_for_workers(1)
        others = [client.run_on_scheduler(os.getpid), *client.run(os.getpid).values()]
        flight, sent = Flight(client, 10.0, catalogue.edition()), 0
        before = _processor(others)
        while sent < number or flight:
            while sent < number and flight.has_room(False):
                flight.send([], [])
                sent += 1
            flight.landed()
        after = _processor(others)
    return tuple((b - a) / number for a, b in zip(before, after, strict=True))


def _processor(pids: list[int]) -> list[float]:
    return [time.process_time(), *(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)]


def _client_file(files: int = 2000) -> float:
    """Seconds of the client for a file: found, read, digested, its row written; a cluster that answers at once."""
    from utils.classroom import engine
    from utils.classroom.results import Results
    from utils.classroom.submissions import opened

    row = {"exercise": "softmax", "status": "right", "passed": 5, "total": 5, "mistake": None, "line": None,
           "message": "", "seconds": 0.01}  # fmt: skip

    class Instant(list):
        threads = 100

        def has_room(self, alone: bool) -> bool:
            return len(self) < 200

        def send(self, batch: list, jobs: list) -> None:
            self.append(batch)

        def landed(self) -> tuple:
            batch = self.pop()
            return batch, [[row] for _ in batch], ""

    with tempfile.TemporaryDirectory() as place:
        folder, ledger = lay(Path(place) / "all", files), Path(place) / "rows.jsonl"
        with opened(folder) as source, Results(ledger, "e", 10.0) as results:
            one = engine.Engine(source, results, None, 10.0, flight=Instant())
            start = time.process_time()
            one.run()
            return (time.process_time() - start) / files


def _judging(times: int = 100) -> float:
    """Seconds of the process that judges, for a file; its child's own time is not in it."""
    from utils.classroom import grader
    from utils.grading import catalogue

    jobs = [grader.Job("a.py", f"{text}\n# {n}".encode(), {}) for n in range(times // 20) for text in answers()]
    try:
        grader.grade(jobs[:20], 10.0, catalogue.edition())
        start, done = time.process_time(), 0
        while done < len(jobs):
            done += len(grader.grade(jobs[done:], 10.0, catalogue.edition()))
        return (time.process_time() - start) / len(jobs)
    finally:
        grader.close()
