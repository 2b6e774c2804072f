"""`make bench`: the speeds that the course promises, each beside its bound. Measures, never fails."""

import functools
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from utils.grading import catalogue

ROOT = Path(__file__).parents[1]
REPEATS = 15
Row = tuple[str, str, str]  # what, measured, promised


@dataclass(frozen=True, order=True)
class Spent:
    """Milliseconds of processor time, and by the clock."""

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{self.cpu:.2f} ({self.wall:.2f}) ms"


def _median(spent: list[Spent]) -> Spent:
    return sorted(spent)[len(spent) // 2]


def fresh(*codes: str) -> list[Spent]:
    """The median of fresh interpreters running each code, in turns; compiled before, as an installed course is."""
    with tempfile.TemporaryDirectory() as folder:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = folder
        rounds = [[_fresh(code, env) for code in codes] for _ in range(REPEATS + 1)][1:]
    return [_median(list(column)) for column in zip(*rounds, strict=True)]


def _fresh(code: str, env: dict[str, str]) -> Spent:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = timed(lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=env))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(1e3 * cpu, 1e3 * wall)


def median(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median wall-clock seconds of a call."""
    return statistics.median(timed(work) for _ in range(repeats))


def timed(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def imports() -> Iterator[Row]:
    """What a notebook's first cell costs."""
    numpy, check = fresh("import numpy", "from utils import check")
    yield "import numpy, fresh process", str(numpy), ""
    yield "from utils import check, fresh process", f"{check} = {check.cpu / numpy.cpu:.2f} × numpy", "≤ 1.5 ×"


def verdicts() -> Iterator[Row]:
    """Every exercise in a live process: a right answer, and wrong ones with their names; processor time and clock."""
    from utils.grading import catalogue

    kinds: dict[str, list[tuple[Spent, list[Spent]]]] = {}
    for stem, entry in catalogue.entries().items():
        for name in entry["exercises"]:
            right, wrong = _verdict(stem, name)
            kind = "torch: whole networks" if name in ("AlexNet", "vgg") else "torch" if entry["torch"] else "NumPy"
            kinds.setdefault(kind, []).append((right, wrong))
            slowest = max(wrong)
            yield f"check({name})", f"right {right}, wrong {_median(wrong)}, slowest {slowest}", ""
    for kind, spent in kinds.items():
        for what, all_of_them in (
            ("right", [right for right, _ in spent]), ("wrong, named", [one for _, wrong in spent for one in wrong]),
        ):  # fmt: skip
            cpu = sorted(one.cpu for one in all_of_them)
            late = cpu[int(0.95 * (len(cpu) - 1))]
            figures = f"CPU ms: median {statistics.median(cpu):.2f}, 95 % {late:.1f}, worst {cpu[-1]:.0f}"
            yield f"{kind}, {what}, {len(cpu)} answers", figures, PROMISED[kind][what]


PROMISED = {
    "NumPy": {"right": "≤ 2 ms", "wrong, named": "≤ 10 ms, none over 30"},
    "torch": {"right": "≤ 40 ms", "wrong, named": "≤ 80 ms"},
    "torch: whole networks": {"right": "≤ 400 ms", "wrong, named": "≤ 1,000 ms"},
}


def _verdict(stem: str, name: str) -> tuple[Spent, list[Spent]]:
    """Of a right answer, and of up to eight of the listed mistakes."""
    from utils.authoring import proof
    from utils.grading import catalogue, judge, reference, run

    exercise = catalogue.exercise(name)
    refs = reference.load(catalogue.slug(stem))[name]
    inputs = [ref.inputs for ref in refs]

    def spent(function: Callable) -> Spent:
        wall, cpu = time.perf_counter(), time.process_time()
        judge.judge(exercise, run.outcomes(function, exercise, inputs), refs)
        return Spent(1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall))

    right = proof.solved(exercise, ROOT / "solutions" / f"{stem}.py")
    some = exercise.mistakes[:: max(1, len(exercise.mistakes) // 8)]
    spent(right)  # what is loaded once
    return _median([spent(right) for _ in range(5)]), [min(spent(m.wrong) for _ in range(2)) for m in some]


def grading() -> Iterator[Row]:
    """Twenty files in one command, isolation on; and the children's memory."""
    with tempfile.TemporaryDirectory() as folder:
        for i in range(20):
            shutil.copy(ROOT / "solutions" / "15_batchnorm_forward.py", Path(folder) / f"answer{i}.py")
        command = [sys.executable, "-m", "utils.cli", "check", *map(str, sorted(Path(folder).iterdir()))]

        def spent(fork: str, repeats: int) -> float:
            env = os.environ | {"COURSE_FORK": fork}
            work = functools.partial(subprocess.run, command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env=env)
            return median(work, repeats) / 20

        forked, fresh_ones = spent("on", 5), spent("off", 1)
    yield "course check, 20 files of one NumPy question", f"{forked:.3f} s a file", "≤ 0.10 s a file"
    yield "the same without fork, as on Windows and macOS", f"{fresh_ones:.3f} s a file", "≤ 0.40 s a file"
    status = median(
        lambda: subprocess.run(
            [sys.executable, "-m", "utils.cli", "status"], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
        )
    )
    yield "course status", f"{status:.2f} s", "≤ 0.4 s"
    yield "memory of a grading child, at its peak", f"{child_memory():.0f} MB", "< 400 MB"


def practice() -> Iterator[Row]:
    """What a learner waits for with a log of 100,000 rows: 31 months, 141 exercises, as they would be written."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "progress.jsonl").write_text(long_log(100_000), encoding="utf-8")
        env = os.environ | {"COURSE_HOME": home, "COURSE_NOW": "2027-01-01T09:00:00+00:00"}
        for verb in (["status"], ["next"], ["review", "--json"]):
            found = _median([_process([sys.executable, "-m", "utils.cli", *verb], env) for _ in range(5)])
            yield f"course {' '.join(verb)}, a log of 100,000 rows", str(found), "≤ 500 ms"


def _process(command: list[str], env: dict[str, str]) -> Spent:
    """A command's processor time and its time by the clock, which on a busy machine is longer."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return Spent(1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), 1e3 * wall)


def long_log(rows: int) -> str:
    """Openings, wrong verdicts with their mistakes, hints, right answers and rated cards, over the months before 2027."""
    rng, names, lines = random.Random(0), catalogue.exercise_names(), []
    cards = [f"{catalogue.slug(stem)}/30-seconds" for stem in catalogue.entries()]
    moment = datetime(2024, 6, 1, 8, tzinfo=UTC)
    while len(lines) < rows:
        name = rng.choice(names)
        happened = [{"event": "opened"}, *[{"status": "wrong", "mistake": "unbiased variance (ddof=1)"}] * rng.randint(0, 4),
                    *[{"event": "hint", "step": 1}] * rng.randint(0, 1), {"status": "right", "digest": f"{rng.getrandbits(48):012x}"}]  # fmt: skip
        entries = [{"exercise": name} | facts for facts in happened]
        if rng.random() < 0.2:
            entries.append(
                {"event": "rated", "card": rng.choice(cards), "rating": rng.choice(["again", "good", "good", "easy"])}
            )
        for entry in entries:
            moment += timedelta(minutes=rng.randint(1, 26))
            lines.append(json.dumps({"time": moment.isoformat(timespec="seconds")} | entry))
    return "\n" + "\n".join(lines[:rows])


def child_memory() -> float:
    """Peak resident megabytes of a child that grades the last NumPy question, seen from inside."""
    from utils.sandbox.worker import Answer, Worker

    spy = "\nimport resource\ndef batchnorm_forward(*a):\n    raise ValueError(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    with Worker() as worker:
        message = worker.grade(Answer("batchnorm_forward", spy)).message
    return int(message.split("ValueError: ")[1].split(",")[0]) / 1024


def notebooks() -> Iterator[Row]:
    """Each solution from top to bottom in a fresh kernel."""
    for path in sorted((ROOT / "solutions").glob("*.ipynb")):
        command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout", str(path)]
        seconds = timed(
            lambda c=command: subprocess.run(
                c, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        yield f"notebook {path.stem}", f"{seconds:.1f} s", "< 20 s"


def browser() -> Iterator[Row]:
    """A first visit to the course in the browser, all of it from this machine, and what it weighs with gzip."""
    from utils.authoring import proof
    from utils.publishing import lite, lite_assets

    stem, name = "15_batchnorm_forward", "batchnorm_forward"
    if not shutil.which("chromium"):
        yield "browser", "not measured: chromium is missing", ""
        return
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        yield "course dev lite --self-hosted", f"{timed(lambda: lite.build_site(site / 'lite', True)):.0f} s", "≤ 30 s"
        right = proof.source.read(ROOT / "solutions" / f"{stem}.py", [name]).needed_for(name).split("\n\n")[-1]
        job = {"site": folder, "path": lite.notebook_name(stem), "name": name, "right": right}
        modules = lite_assets.node_modules(ROOT / "tests" / "browser" / "package.json")
        env = os.environ | {"COURSE_CHROMIUM": shutil.which("chromium") or "", "COURSE_NODE_MODULES": str(modules)}
        command = ["node", str(ROOT / "tests" / "browser" / "bench.mjs"), json.dumps(job)]
        seen = json.loads(subprocess.run(command, check=True, capture_output=True, env=env).stdout)
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    seconds = seen["seconds"]
    yield "browser: page open to first verdict, cold", f"{seconds['first']:.1f} s", "≤ 25 s"
    yield "browser: page open to first verdict, again", f"{seconds['second']:.1f} s", "≤ 20 s"
    yield "browser: a verdict after that", f"{seconds['warm'] * 1e3:.0f} ms", "≤ 300 ms"
    largest = ", ".join(f"{file.split('-')[0]} {size / 1e6:.1f}" for file, size in seen["files"][:3])
    yield "browser: bytes of a first visit, gzipped", f"{seen['bytes'] / 1e6:.1f} MB ({largest})", "≤ 16 MB"
    yield "browser: the self-hosted site without the book", f"{size / 1e6:.0f} MB", "≤ 50 MB"


def main() -> None:
    """Print the table row by row as it is measured."""
    os.environ["COURSE_PROGRESS"] = "off"
    import bench_class
    import outcome
    import peers

    parts = {part.__name__: part for part in (imports, verdicts, grading, practice, notebooks, browser)}
    parts |= {"peers": peers.rows, "class": bench_class.rows, "outcome": outcome.rows}
    wanted = sys.argv[1:] or [name for name in parts if name not in ("peers", "class")]
    for part in (part for name, part in parts.items() if name in wanted):
        for what, measured, promised in part():
            print(f"{what:<48} {measured:<44} {promised}", flush=True)


if __name__ == "__main__":
    main()
