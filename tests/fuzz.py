"""Malformed files through taking apart and grading, and damage to the ledger and the log: what may never happen.

`python tests/fuzz.py [--minutes 10] [--seed 1]` tries new files until the time is over, prints each fault with the
bytes that showed it, and a summary; exit code 1 when there was one. A fixed part stands in `make test`
(tests/sandbox/test_fuzz.py).
"""

import argparse
import ast
import collections
import importlib
import json
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from utils.authoring import recording
from utils.grading import catalogue, codec, judge, reference, report, run
from utils.practice.replay import replay
from utils.sandbox import child, source
from utils.sandbox.batch import expected_of, grade_files
from utils.sandbox.ledger import Ledger

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function

ROOT = Path(__file__).parents[1]
NAMES = ("batchnorm_forward", "batchnorm2d_forward", "cross_entropy", "conv2d", "receptive_field", "cosine_lr")
STATUSES = {report.RIGHT, report.WRONG, report.BLANK, report.ERROR, report.TIMEOUT, report.MEMORY}
MESSAGE = 10_000  # letters: a message that is longer helps nobody


# ---- what a file may hold -----------------------------------------------------------------------------------------


def solved(name: str) -> str:
    """The solution's own definition of an exercise."""
    stem = next(stem for stem, entry in catalogue.entries().items() if name in entry["exercises"])
    return source.read(ROOT / "solutions" / f"{stem}.py", [name]).needed_for(name)


RIGHT = {name: solved(name) for name in NAMES}
WRONG = {
    "batchnorm_forward": "def batchnorm_forward(x, gamma, beta, eps=1e-5):\n    return gamma * x + beta, None\n",
    "receptive_field": "def receptive_field(layers):\n    return sum(k for k, *_ in layers)\n",
    "cross_entropy": "def cross_entropy(logits, labels):\n    return logits.mean(), logits * 0\n",
}
NASTY = ("\0", "\ud800", "\ufeff", "\r", "\x0c", "\033[2J", "é", "批", "\U0001f600", "\u2028", "\u202e", "(", "[", "{", '"""', "'", "\\",
         "\\\n", "\t", "#", "%", "!", "?", "??", ";", ":", "=", "\n  ", "f'{", "{%", "->", ":=", "*", "await ", "yield ")  # fmt: skip
DEEP = {
    "parentheses": lambda n: f"x = {'(' * n}1{')' * n}",
    "open brackets": lambda n: "x = " + "[" * n,
    "minus signs": lambda n: f"x = {'-' * n}1",
    "a sum": lambda n: f"x = {'1+' * n}1",
    "attributes": lambda n: f"x = a{'.b' * n}",
    "calls": lambda n: f"x = f{'()' * n}",
    "lambdas": lambda n: f"x = {'lambda: ' * n}1",
    "blocks": lambda n: "".join(f"{' ' * i}if 1:\n" for i in range(n)) + " " * n + "pass",
    "elif": lambda n: "if 0: pass\n" + "elif 0: pass\n" * n,
    "a line of blanks": lambda n: " " * 20 * n,
    "a comment": lambda n: "# " + "x" * 20 * n,
    "a string": lambda n: f"x = '{'y' * 20 * n}'",
    "digits": lambda n: f"x = {'9' * n}",
    "a list": lambda n: f"x = [{'1,' * n}]",
    "decorators": lambda n: "@f\n" * n + "def g(): pass",
    "shell lines": lambda n: "!ls\n" * n,
    "functions": lambda n: "".join(f"def f{i}(): return f{i + 1}()\n" for i in range(n)),
}
MAGICS = ("%matplotlib inline", "%timeit 1", "%%time", "%%timeit\n1", "%%bash\nls", "%%writefile ../../up.py\nx = 1", "!ls -la",
          "%%writefile /etc/passwd\nx", "%%writefile a.py\nimport b", "%%capture out", "x = %time 1", "y = !ls", "?print", "print??",
          "get_ipython().run_line_magic('time', '')", "%load_ext x", "%%html\n<b>", "%%", "%", "!", "%%writefile", "%%time\\")  # fmt: skip
CODINGS = ("utf-8", "utf-16", "latin-1", "cp1252", "punycode", "undefined", "idna", "zlib", "hex", "rot13", "utf-7", "mbcs",
           "raw_unicode_escape", "unicode_escape", "utf-8-sig", "ascii", "no-such", "utf-32", "shift_jis", "\ud800")  # fmt: skip
ENCODED = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "gbk")
# What may stand in other cells without touching an answer: it binds no name that one uses, and runs nothing.
NEUTRAL = (
    "x = (",
    "%%bash\nrm",
    "!ls",
    "'\033[2J'",
    "# é",
    "def f(x, x): pass",
    "\0",
    "print(",
    "1/",
    "%time 1",
    "\ufeff",
    "",
)

texts = st.text(max_size=60)
words = st.sampled_from([*NASTY, *MAGICS]) | texts
sizes = st.sampled_from([1, 3, 20, 90, 150, 500, 3000, 30_000])
deep = st.builds(lambda kind, n: DEEP[kind](n), st.sampled_from(sorted(DEEP)), sizes)
codings = st.sampled_from(CODINGS).map(lambda name: f"# -*- coding: {name} -*-\n")
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["cells", "cell_type", "source", "input", "metadata", "worksheets", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def _lines(change: Callable) -> Callable:
    def changed(text: str, draw: Callable) -> str:
        lines = text.split("\n")
        change(lines, draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1)))
        return "\n".join(lines)

    return changed


def _drop(lines: list, a: int, _: int) -> None:
    del lines[a]


def _double(lines: list, a: int, _: int) -> None:
    lines.insert(a, lines[a])


def _swap(lines: list, a: int, b: int) -> None:
    lines[a], lines[b] = lines[b], lines[a]


def _indent(lines: list, a: int, b: int) -> None:
    lines[a] = " " * (b % 9) + lines[a].lstrip()


def _token(pattern: str, others: Callable) -> Callable:
    """Another one of `others(text)` in the place of one match."""

    def changed(text: str, draw: Callable) -> str:
        found = list(re.finditer(pattern, text))
        if not found:
            return text
        place = draw(st.sampled_from(found))
        return text[: place.start()] + draw(st.sampled_from(others(text))) + text[place.end() :]

    return changed


def _insert(text: str, draw: Callable) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(words) + text[at:]


def _cut(text: str, draw: Callable) -> str:
    return text[: draw(st.integers(0, len(text)))]


WORD = r"\b[a-z_]\w*\b"
SMALL = (
    _lines(_drop), _lines(_double), _lines(_swap), _lines(_indent),
    _token(r"\b\d+\.?\d*(e-?\d+)?\b", lambda _: ["0", "1", "2", "-1", "0.5", "1e-3", "1e400", "None", "1j", "9" * 5000]),
    _token(r"\*\*|//|[-+*/@]", lambda _: ["+", "-", "*", "/", "//", "**", "@", "%", "&", "", "=="]),
    _token(WORD, lambda text: sorted(set(re.findall(WORD, text)))),
    _token(r"\([^()]*\)", lambda _: ["()", "", "(0)", "(1, 2)", "(axis=1)", "(axis=0, keepdims=True)", "[0]"]),
)  # fmt: skip
MUTATIONS = (*SMALL, _insert, _insert, _cut)


@st.composite
def answers(draw: Callable) -> str:
    """A right or a wrong answer with a few changes."""
    text = draw(st.sampled_from([*RIGHT.values(), *WRONG.values()]))
    for mutation in draw(st.lists(st.sampled_from(MUTATIONS), max_size=3)):
        text = mutation(text, draw)
    return text


@st.composite
def near(draw: Callable) -> bytes:
    """A right answer with one small change: another number, operator, name, call, or a line less or elsewhere."""
    text = draw(st.sampled_from(list(RIGHT.values())))
    return encoded(draw(st.sampled_from(SMALL))(text, draw), "utf-8")


pieces = answers() | answers() | deep | st.sampled_from(MAGICS) | texts


def encoded(text: str, encoding: str) -> bytes:
    """Bytes of any text: what an encoding lacks becomes what a careless editor makes of it."""
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


@st.composite
def scripts(draw: Callable) -> bytes:
    """Pieces below one another, in some encoding that the first line may deny."""
    text = draw(st.sampled_from(["\n", "\n\n# %%\n", "\r\n", "\r"])).join(
        draw(st.lists(pieces, min_size=1, max_size=4))
    )
    head = draw(st.just("") | codings)
    return encoded(head + text, draw(st.sampled_from([*ENCODED, *["utf-8"] * 12])))


def cell(text: object) -> dict:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text}


sources = pieces | pieces.map(lambda text: text.splitlines(keepends=True)) | trees
cells = sources.map(cell) | st.builds(lambda one, key, value: {**one, key: value}, sources.map(cell),
                                      st.sampled_from(["cell_type", "source", "input"]), trees) | trees  # fmt: skip


@st.composite
def notebooks(draw: Callable) -> bytes:
    """Whole, of another version, with nonsense in the place of a part, cut off, or not JSON at all."""
    book: object = {"cells": draw(st.lists(cells, max_size=5)), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    form = draw(st.sampled_from(["whole"] * 6 + ["sheets", "changed", "tree", "cut", "deep", "bytes", "encoded"]))
    if form == "sheets":
        book = {
            "worksheets": draw(
                st.lists(st.builds(lambda found: {"cells": found}, st.lists(cells, max_size=3)) | trees, max_size=3)
            )
        }
    elif form == "changed":
        book |= {draw(st.sampled_from(["cells", "worksheets", "metadata", "nbformat"])): draw(trees)}
    elif form == "tree":
        book = draw(trees)
    elif form == "deep":
        depth = draw(sizes)
        return draw(
            st.sampled_from([b"[" * depth, b'{"cells":' * depth, b'{"cells": [' + b"[" * depth + b"]" * depth + b"]}"])
        )
    elif form == "bytes":
        return draw(st.binary(max_size=200))
    data = json.dumps(book, ensure_ascii=draw(st.booleans()))
    data = encoded(data, draw(st.sampled_from(ENCODED)) if form == "encoded" else "utf-8")
    return data[: draw(st.integers(0, len(data)))] if form == "cut" else data


KINDS = [(b".py", near())] * 3 + [(b".py", answers().map(lambda text: encoded(text, "utf-8")))] + [
    (b".py", scripts()), (b".ipynb", notebooks()), (b".ipynb", notebooks()), (b".py", st.binary(max_size=300))]  # fmt: skip
STEMS = sorted({stem for stem, entry in catalogue.entries().items() if set(entry["exercises"]) & set(NAMES)})


@st.composite
def files(draw: Callable) -> tuple[bytes, bytes]:
    """(name, content) of a script, of a notebook, or of bytes."""
    suffix, content = draw(st.sampled_from(KINDS))
    stem = draw(st.sampled_from([b"", *(name.encode() for name in STEMS)]) | st.binary(min_size=1, max_size=60))
    return stem.replace(b"/", b"_").replace(b"\0", b"_") + suffix, draw(content)


@st.composite
def fair(draw: Callable) -> tuple[str, bytes]:
    """A notebook whose answer is right whatever stands in its other cells: (exercise, content)."""
    name = draw(st.sampled_from(NAMES))
    around = st.lists(st.sampled_from(NEUTRAL), max_size=4)
    found = [*draw(around), RIGHT[name], *draw(around)]
    return name, encoded(
        json.dumps({"cells": [cell(text) for text in found]}), draw(st.sampled_from(["utf-8", "utf-8-sig"]))
    )


# ---- what may never happen ----------------------------------------------------------------------------------------


def reading(data: bytes, suffix: str) -> Iterator[str]:
    """Taking a file apart: an exception of ours, or what the child could not send or run."""
    names = list(catalogue.exercise_names())
    try:
        found = child.definitions({"suffix": suffix, "names": names}, data)
        assert found == codec.from_bytes(codec.to_bytes(found)), "what is sent is not what arrives"
    except Exception as error:
        yield f"{type(error).__name__}: {str(error)[:200]}"
        return
    if "parts" not in found:
        if not (found["status"] in report.BAD and found["message"]):
            yield f"no reason is given: {found}"
        return
    for name, part in found["parts"].items():
        if name not in names or set(part) not in ({"source", "kept"}, {"broken"}):
            yield f"a part that is none: {name!r}, {part}"
        if "source" in part and (words := _compiled(part["source"])):
            yield f"{name}: the definitions do not compile: {words}"


def _compiled(text: str) -> str:
    """Why a text does not compile, or ""."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a string is the learner's business
            compile(text, "<part>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return ""


def undeserved(name: str, text: str) -> bool:
    """Does an answer that was judged right differ from the oracle on other random numbers?"""
    exercise, module = catalogue.exercise(name), {"__name__": "answer"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "<answer>", "exec"), module)
    cases = [case for case in exercise.cases if not case.raises]
    for number in range(3):
        inputs = [case.inputs(np.random.default_rng(1000 + number)) for case in cases]
        refs = [
            reference.Reference(c.name, i, recording.live_answer(exercise, c, i))
            for c, i in zip(cases, inputs, strict=True)
        ]
        if not judge.judge(exercise, run.outcomes(module[name], exercise, inputs), refs):
            return True
    return False


def of_row(row: object) -> Iterator[str]:
    """One row: its status, and whether it can be shown anywhere."""
    plain = row.to_json()
    shown = row.report.to_text() + row.report.message
    if row.report.status not in STATUSES:
        yield f"status {row.report.status}: {row.report.message}"
    if not all(letter.isprintable() or letter == "\n" for letter in shown):
        yield f"not printable: {shown!r}"
    if len(shown) > MESSAGE:
        yield f"a message of {len(shown)} letters"
    if plain != json.loads(json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()):
        yield f"not the same as JSON: {plain}"


def grading(found: list[tuple[bytes, bytes]], folder: Path, seen: collections.Counter) -> Iterator[tuple[str, bytes]]:
    """Files graded together: (fault, content). `seen` counts the statuses."""
    contents = {}
    for number, (name, data) in enumerate(found):
        place = folder / str(number)
        place.mkdir()
        path = Path(os.fsdecode(os.fsencode(place) + b"/" + name))
        path.write_bytes(data)
        contents[path] = data
    finals: list = []
    rows = grade_files(list(contents), timeout=1.0, on_row=finals.append)
    by_file = collections.defaultdict(list)
    for row in rows:
        by_file[row.file].append(row.report.exercise)
        seen[row.report.status] += 1
        yield from ((fault, contents[Path(row.file)]) for fault in of_row(row))
        if row.report and undeserved(row.report.exercise, _source(contents[Path(row.file)], row)):
            yield f"{row.report.exercise} is right and differs from its oracle", contents[Path(row.file)]
    if sorted(map(repr, finals)) != sorted(map(repr, rows)):
        yield "what was told as final is not what came of it", b""
    for path, data in contents.items():
        names = by_file[str(path)]
        if not names or len(names) != len(set(names)):
            yield f"rows: {names}", data
        if set(expected_of(path)) - set(names) and expected_of(path):
            yield f"no row for {set(expected_of(path)) - set(names)}", data
    yield from ((fault, b"") for fault in of_ledger(rows, folder / "rows.jsonl"))


def _source(data: bytes, row: object) -> str:
    return source.parts(data, Path(row.file).suffix, [row.report.exercise])["parts"][row.report.exercise]["source"]


def of_ledger(rows: list, path: Path) -> Iterator[str]:
    """Rows in a file, the file torn, opened and gone on with: all but the torn row are there."""
    with Ledger(path) as ledger:
        for row in rows:
            ledger.write(row)
    whole = path.read_bytes()
    for part in (1, 2, 3):
        at = len(whole) * part // 4
        path.write_bytes(whole[:at])
        with Ledger(path) as ledger:
            for row in rows:
                ledger.write(row)
        kept = whole[:at].count(b"\n") - 1
        good = sum(
            1
            for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
            if line.startswith("{") and _is_json(line)
        )
        if not kept + len(rows) <= good <= kept + len(rows) + 1:
            yield f"{good} of {kept} + {len(rows)} rows after a torn line"
        with Ledger(path) as ledger:
            lost = [row for row in rows if not _found(ledger, row)]
        if lost:
            yield f"{len(lost)} rows are not found again"


def _found(ledger: Ledger, row: object) -> bool:
    """Is the last verdict of this file and exercise the ledger's?"""
    again = ledger.finished(row.file, row.digest, row.report.exercise)
    return again is not None and again.report.status == row.report.status


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def fairness(found: list[tuple[str, bytes]], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Right answers among nonsense that does not concern them: each is right."""
    for number, (_, data) in enumerate(found):
        (folder / f"{number}.ipynb").write_bytes(data)
    rows = grade_files([folder / f"{number}.ipynb" for number in range(len(found))], timeout=5.0)
    status = {(Path(row.file).stem, row.report.exercise): row.report for row in rows}
    for number, (name, data) in enumerate(found):
        verdict = status.get((str(number), name))
        if not verdict:
            yield f"{name} is not right: {verdict}", data


# ---- the log ------------------------------------------------------------------------------------------------------

entries = st.fixed_dictionaries(
    {"time": st.datetimes(min_value=datetime(2020, 1, 1)).map(lambda t: t.isoformat() + "+00:00") | texts},
    optional={"exercise": st.sampled_from(NAMES) | trees, "status": st.sampled_from(sorted(STATUSES)) | trees,
              "event": st.sampled_from(["opened", "hint", "gave up", "rated", "plan", "mock"]) | trees, "mistake": texts, "card": trees,
              "digest": texts, "rating": texts},
)  # fmt: skip
LOTS = st.lists(st.lists(entries, min_size=5, max_size=20), min_size=2, max_size=6)
damages = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 10**6), st.just(b"")),
    st.tuples(st.just("put"), st.integers(0, 10**6), st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("put"), st.integers(0, 10**6), st.sampled_from([b"[", b"]", b"},{", b"1,2", b"\n", b"\n\n{", b'"', b"\xff\xfe", b"\0" * 30, b"null\n", b"[[[[" * 9000])),
)  # fmt: skip


def log(before: list[dict], after: list[dict], damage: tuple[str, int, bytes], path: Path) -> Iterator[str]:
    """Entries, a damage to one place, more entries: every entry whose line was not touched is there, in order."""
    path.unlink(missing_ok=True)
    spans = []
    for entry in before:
        start = path.stat().st_size if path.exists() else 0
        assert progress.append([entry])
        spans.append((start, path.stat().st_size))
    whole = path.read_bytes() if before else b""
    kind, at, garbage = damage
    at %= len(whole) + 1
    path.write_bytes(whole[:at] + (garbage + whole[at:] if kind == "put" else b""))
    kept = [e for e, (start, end) in zip(before, spans, strict=True) if end < at or (kind == "put" and start >= at)]
    if after:
        assert progress.append(after)
    wanted = [json.dumps(entry) for entry in [*kept, *after]]
    found = iter([json.dumps(entry) for entry in progress.entries()])
    missing = [text for text in wanted if text not in found]  # `in` goes on from the last one: the order counts
    if missing:
        yield f"lost: {missing[0]} of {len(wanted)}"
    replay(progress.entries())
    progress.states()


def log_at_once(lots: list[list[dict]], path: Path) -> Iterator[str]:
    """Several writers at once: every entry is there, and those of one writer in their order."""
    path.unlink(missing_ok=True)
    with ThreadPoolExecutor(len(lots)) as pool:
        kept = pool.map(lambda lot: [progress.append([entry]) for entry in lot], lots)
        assert all(map(all, kept))
    found = [json.dumps(entry) for entry in progress.entries()]
    if len(found) != sum(map(len, lots)):
        yield f"{len(found)} entries of {sum(map(len, lots))}"
    for lot in lots:
        rest = iter(found)
        if not all(json.dumps(entry) in rest for entry in lot):
            yield "a writer's entries are not there in their order"


# ---- for minutes --------------------------------------------------------------------------------------------------


def drawn(strategy: st.SearchStrategy, number: int, start: int = 0) -> list:
    """So many values, the same ones for the same start."""
    found: list = []

    @seed(start)
    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: object) -> None:
        found.append(value)

    draw()
    return found


def round_of(start: int, seen: collections.Counter) -> Iterator[tuple[str, object]]:
    """One round of everything with one seed: (fault, what showed it)."""
    for name, data in drawn(files(), 300, start):
        suffix = ".ipynb" if name.endswith(b".ipynb") else ".py"
        seen["taken apart"] += 1
        yield from ((fault, data) for fault in reading(data, suffix))
    with tempfile.TemporaryDirectory() as folder:
        found = drawn(files(), 120, start + 1)
        seen["graded"] += len(found)
        yield from grading(found, Path(folder), seen)
    with tempfile.TemporaryDirectory() as folder:
        found = drawn(fair(), 20, start + 2)
        seen["fair"] += len(found)
        yield from fairness(found, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_HOME"] = folder
        for job in drawn(
            st.tuples(st.lists(entries, max_size=8), st.lists(entries, max_size=3), damages), 300, start + 3
        ):
            seen["logs"] += 1
            yield from ((fault, job) for fault in log(*job, progress.log_path()))
        for lots in drawn(LOTS, 30, start + 4):
            seen["logs"] += 1
            yield from ((fault, lots) for fault in log_at_once(lots, progress.log_path()))


def main() -> int:
    """Rounds until the time is over; how many faults there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given_ = parser.parse_args()
    numpy_only = [name for entry in catalogue.entries().values() if not entry["torch"] for name in entry["exercises"]]
    RIGHT.update((name, solved(name)) for name in numpy_only)
    end, start, faults = time.monotonic() + 60 * given_.minutes, given_.seed, collections.Counter()
    seen: collections.Counter = collections.Counter()
    while time.monotonic() < end:
        for fault, shown in round_of(start, seen):
            faults[fault.split(":")[0]] += 1
            print(f"seed {start}: {fault}\n  {shown!r:.2000}", flush=True)
        start += 10
        seen["rounds"] += 1
    print(f"seeds {given_.seed} to {start - 10}: " + ", ".join(f"{number} {name}" for name, number in seen.items()))
    print(f"{sum(faults.values())} faults" + "".join(f"\n  {number} × {name}" for name, number in faults.most_common()))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
