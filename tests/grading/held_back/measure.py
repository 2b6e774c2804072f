"""What share of held-back wrong answers a verdict explains: `python tests/grading/held_back/measure.py FOLDER`.

FOLDER holds answers `NNN_exercise.py`, written without a look at the lists of known mistakes; their first lines say what
is wrong (`# wrong: …`) and of which kind it is (`# kind: …`). Whether an explanation is false, only a reader can tell:
with `--json FILE` each row has "false": null, to be set to true or false by hand. A later run into the same file keeps
that judgement where status and explanation are still the same.

`open/` was in the sight of those who worked on the verdicts; `closed/` was measured once, when they had finished.
"""

import argparse
import json
import linecache
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from utils.grading import judge


def define(file):
    """The answer of a file, in a namespace of its own, with its source where `inspect` finds it."""
    text, name = file.read_text(), file.stem.partition("_")[2]
    place = f"<held back {file.name}>"
    linecache.cache[place] = (len(text), None, text.splitlines(True), place)
    scope = {"__name__": file.stem, "__file__": place}
    exec(compile(text, place, "exec"), scope)
    return scope[name]


def explained(function, report):
    """(how, words): by a "name" of the exercise's list, a general "slip", a "guard" or a "line"; ("nothing", "")."""
    known = {mistake.name for mistake in judge.exercise_for(function).mistakes}
    values = dict(report.facts).get("Values", "")
    if report.mistake:
        how = "guard" if values else "name" if report.mistake in known else "slip"
        return how, report.mistake
    if values:
        return "guard", values
    found = judge.explain(function)  # what `hint` says after a wrong verdict without a name
    return ("line", found.words) if found else ("nothing", "")


def heading(file):
    """{"wrong": …, "kind": …} from the comments at the top."""
    lines = [line for line in file.read_text().splitlines()[:2] if line.startswith("# ")]
    return {key: words.strip() for key, _, words in (line[2:].partition(":") for line in lines)}


def row(file):
    """One answer's verdict beside its true fault."""
    start, function = time.perf_counter(), define(file)
    report = judge.check(function)
    how, words = ("accepted", "") if report else explained(function, report)
    number, _, exercise = file.stem.partition("_")
    taken = round(time.perf_counter() - start, 2)
    said = {"status": report.status, "how": how, "words": words}
    return {"number": number, "exercise": exercise, **heading(file), **said, "seconds": taken, "false": None}


def kept(rows, file):
    """The rows, with the judgements that an earlier run's file already holds for the same explanation."""
    old = {r["number"]: r for r in json.loads(file.read_text())} if file.exists() else {}
    for new in rows:
        before = old.get(new["number"], {})
        if all(new[key] == before.get(key) for key in ("exercise", "status", "how", "words")):
            new["false"] = before["false"]
    return rows


def totals(rows):
    """The lines under the table."""
    rejected = [r for r in rows if r["how"] != "accepted"]
    by_hint = [r for r in rejected if r["how"] != "nothing"]
    by_check = [r for r in by_hint if r["how"] != "line"]
    judged = Counter(r["false"] for r in by_hint)
    yield f"{len(rows)} wrong answers, {len(rejected)} rejected"
    yield f"explained by check {len(by_check)}, with hint {len(by_hint)}: {dict(Counter(r['how'] for r in rejected))}"
    yield f"falsely explained {judged[True]}, rightly {judged[False]}, not judged yet {judged[None]}"
    for kind in sorted({r["kind"] for r in rows}):
        of_kind = Counter(r["how"] for r in rows if r["kind"] == kind)
        yield f"  {kind:<11}{sum(of_kind.values()):>3}: {dict(of_kind)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of answers NNN_exercise.py")
    parser.add_argument("--json", type=Path, help="write the rows there too, and keep the judgements it holds")
    options = parser.parse_args()
    files = sorted(options.folder.glob("[0-9][0-9][0-9]_*.py"))
    if not files:
        parser.error(f"no answers NNN_exercise.py in {options.folder}")
    warnings.simplefilter("ignore")  # a wrong answer may overflow: the verdict speaks of it
    np.seterr(all="ignore")
    rows = [row(file) for file in files]
    if options.json:
        rows = kept(rows, options.json)
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    for r in rows:
        judged = {None: "?", True: "FALSE", False: "right"}[r["false"]] if r["words"] else "-"
        print(f"{r['number']} {r['exercise']:<28} {r['status']:<9} {r['how']:<8} {judged:<5} {r['words']}")
        print(f"    true fault ({r['kind']}): {r['wrong']}")
    print(*totals(rows), sep="\n")


if __name__ == "__main__":
    main()
