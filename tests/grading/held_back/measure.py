"""What share of the held-back wrong answers a verdict explains: `python tests/grading/held_back/measure.py`."""

import ast
import sys
import time
from pathlib import Path

import numpy as np

from utils.grading import catalogue, judge
from utils.sandbox import source

ROOT = Path(__file__).parents[3]


def rows():
    """(number, exercise, edits, what is wrong) of each line of wrong.txt."""
    lines = (Path(__file__).parent / "wrong.txt").read_text().splitlines()
    for number, line in enumerate(line for line in lines if line.strip() and not line.startswith("#")):
        head, _, words = line.rpartition("|")
        exercise, _, edits = head.partition("|")
        exercise, words = exercise.strip(), words.strip()
        yield number, exercise, [edit.split("=>") for edit in edits.split(" ;; ")], words


def answer(exercise, edits):
    """The wrong answer, with its source where `inspect` finds it; None where an edit no longer fits."""
    stem = next(stem for stem, entry in catalogue.entries().items() if exercise in entry["exercises"])
    text = ast.unparse(ast.parse(source.read(ROOT / "solutions" / f"{stem}.py", [exercise]).needed_for(exercise)))
    for old, new in edits:
        if old.strip() not in text:
            return None
        text = text.replace(old.strip(), new.strip())
    return text


def define(text, name):
    import linecache

    file = f"<held back {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    scope = {"np": np, "__name__": "answer", "__file__": file}
    exec(compile(text, file, "exec"), scope)
    return scope[name]


def main():
    counts = {0: [0, 0, 0], 1: [0, 0, 0]}
    for number, exercise, edits, words in rows():
        text = answer(exercise, edits)
        try:
            function = define(text, exercise)
        except Exception as error:
            print(number, exercise, "UNUSABLE", error)
            continue
        start = time.perf_counter()
        report = judge.check(function)
        line = None
        if not report and hasattr(judge, "explain") and not report.mistake:
            line = (f := judge.explain(function)) and f.words
        took = time.perf_counter() - start
        half = counts[number % 2]
        if report:
            print(number, exercise, "ACCEPTED", words)
            half[2] += 1
            continue
        half[0] += 1
        known = report.mistake or getattr(report, "note", None)
        half[1] += bool(known or line)
        if number % 2 == 0 or "--all" in sys.argv:
            print(f"{number} {exercise} [{words}] {took:.2f}s: {known!r} {line or ''}")
    print("looked at / held back: [wrong, explained, accepted]", counts)


if __name__ == "__main__":
    main()
