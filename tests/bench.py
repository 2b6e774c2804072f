"""`make bench`: the speeds that the course promises, each beside its bound. Measures, never fails."""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import peers
from measuring import Row, Spent, compiled, in_turns, memory_of, middle, of_call, of_command

from utils.grading import catalogue

ROOT = Path(__file__).parents[1]
COURSE = (sys.executable, "-m", "utils.cli")


def imports() -> Iterator[Row]:
    """What a notebook's first cell costs, in fresh processes."""
    codes = ("import numpy", "from utils import check")
    with compiled() as env:
        numpy, check = in_turns([lambda c=code: of_command([sys.executable, "-c", c], ROOT, env) for code in codes])
    yield "import numpy, fresh process", numpy.ms(), ""
    yield "from utils import check, fresh process", f"{check.ms()} = {check.cpu / numpy.cpu:.2f} × numpy", "≤ 1.5 ×"


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
            words = f"right {right.ms()}, wrong {middle(wrong).ms()}, slowest {slowest.ms()}"
            yield f"check({name})", words, ""
    for kind, spent in kinds.items():
        for what, all_of_them in (
            ("right", [right for right, _ in spent]), ("wrong, named", [one for _, wrong in spent for one in wrong]),
        ):  # fmt: skip
            cpu = sorted(1e3 * one.cpu for one in all_of_them)
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
        return of_call(lambda: judge.judge(exercise, run.outcomes(function, exercise, inputs), refs))

    right = proof.solved(exercise, ROOT / "solutions" / f"{stem}.py")
    some = exercise.mistakes[:: max(1, len(exercise.mistakes) // 8)]
    spent(right)  # what is loaded once
    return middle([spent(right) for _ in range(5)]), [min(spent(m.wrong) for _ in range(2)) for m in some]


def grading() -> Iterator[Row]:
    """Distinct files of NumPy questions in one command, isolation on; and the processes' memory."""
    with compiled() as env, tempfile.TemporaryDirectory() as folder:
        files = [str(path) for path in _answers(Path(folder), 320)]
        few, many = (of_command([*COURSE, "check", "--jobs", "1", *files[:n]], ROOT, env) for n in (20, 320))
        yield "course check, 20 files, all of it", str(few), "≤ 0.1 s a file"
        each = Spent(many.cpu - few.cpu, many.wall - few.wall).per(300)
        yield "course check, a file more, of 300", each.ms(), "≤ 15 ms"
        fresh = of_command([*COURSE, "check", "--jobs", "1", *files[:20]], ROOT, env | {"COURSE_FORK": "off"})
        yield "20 files without fork, as on Windows and macOS", str(fresh.per(20)), "≤ 0.4 s a file"
        most = memory_of([*COURSE, "check", "--jobs", "1", *files], ROOT, env)
        yield "memory of the largest of its processes, 320 files", f"{most:.0f} MB", "< 400 MB"
    yield "memory of a grading child, at its peak", f"{child_memory():.0f} MB", "< 400 MB"


def _answers(folder: Path, number: int) -> list[Path]:
    """Twenty solved exercises, one of every sixth, again and again, each file with a comment of its own."""
    from utils.sandbox import source

    texts = []
    for stem, entry in catalogue.entries().items():
        if not entry["torch"]:
            found = source.read(ROOT / "solutions" / f"{stem}.py", list(entry["exercises"]))
            texts += [found.needed_for(name) for name in entry["exercises"]]
    some, files = texts[:: len(texts) // 20][:20], [folder / f"answer{i:04}.py" for i in range(number)]
    for i, path in enumerate(files):
        path.write_text(f"{some[i % len(some)]}\n# number {i}\n", encoding="utf-8")
    return files


def practice() -> Iterator[Row]:
    """What a learner waits for: with no log, and with one of 100,000 rows, 31 months as they would be written."""
    with compiled() as env, tempfile.TemporaryDirectory() as home:
        env |= {"COURSE_HOME": home, "COURSE_NOW": "2027-01-01T09:00:00+00:00"}
        yield "course status", str(_course(["status"], env)), "≤ 0.3 s"
        (Path(home) / "progress.jsonl").write_text(long_log(100_000), encoding="utf-8")
        for verb in (["status"], ["next"], ["review", "--json"]):
            yield f"course {' '.join(verb)}, a log of 100,000 rows", str(_course(verb, env)), "≤ 0.5 s"


def _course(verb: list[str], env: dict[str, str]) -> Spent:
    return in_turns([lambda: of_command([*COURSE, *verb], ROOT, env)], 5)[0]


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
        yield f"notebook {path.stem}", str(of_command(command, ROOT)), "< 20 s"


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
        yield (
            "course dev lite --self-hosted",
            f"{of_call(lambda: lite.build_site(site / 'lite', True)).wall:.0f} s",
            "≤ 30 s",
        )
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

    parts = {part.__name__: part for part in (imports, verdicts, grading, practice, notebooks, browser)}
    parts |= {"peers": peers.rows, "class": bench_class.rows, "outcome": outcome.rows}
    wanted = sys.argv[1:] or [name for name in parts if name not in ("peers", "class")]
    for part in (part for name, part in parts.items() if name in wanted):
        for what, measured, promised in _rows(part):
            print(f"{what:<48} {measured:<44} {promised}", flush=True)


def _rows(part: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows of a part; where a program that it needs is missing or fails, a row that says so is its last."""
    try:
        yield from part()
    except (OSError, subprocess.CalledProcessError) as error:
        yield part.__name__, f"not measured: {str(error).splitlines()[0]}", ""


if __name__ == "__main__":
    main()
