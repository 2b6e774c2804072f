"""The held-back answers are what `measure.py` takes them for, and it counts rightly."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest

from utils.grading import catalogue

HERE = Path(__file__).parent
ANSWERS = sorted(path for half in ("open", "closed") for path in (HERE / half).glob("*.py"))
spec = importlib.util.spec_from_file_location("held_back_measure", HERE / "measure.py")
measure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(measure)


def test_every_answer_says_what_is_wrong_and_defines_its_exercise():
    exercises = {name for entry in catalogue.entries().values() for name in entry["exercises"]}
    assert 110 == len(ANSWERS)
    for file in ANSWERS:
        name = file.stem.partition("_")[2]
        defined = {node.name for node in ast.parse(file.read_text()).body if hasattr(node, "name")}
        assert name in exercises & defined, file.name
        head = measure.heading(file)
        assert head["wrong"], file.name
        assert head["kind"] in {"concept", "two", "convention", "guard", "slip"}, file.name


@pytest.mark.parametrize(("words", "false"), [("sign", True), ("another name", None)])
def test_a_judgement_is_kept_only_for_the_same_explanation(tmp_path, words, false):
    row = {"number": "000", "exercise": "nms", "status": "wrong", "how": "name"}
    (tmp_path / "rows.json").write_text(json.dumps([{**row, "words": "sign", "false": True}]))
    [new] = measure.kept([{**row, "words": words, "false": None}], tmp_path / "rows.json")
    assert false is new["false"]


def test_a_right_answer_counts_as_accepted_and_a_line_only_with_hint():
    hows = ("accepted", "name", "line", "nothing")
    text = "\n".join(measure.totals([{"how": how, "kind": "two", "false": None} for how in hows]))
    assert "4 wrong answers, 3 rejected" in text
    assert "by check 1, with hint 2" in text


def test_one_answer_is_graded_with_its_source(tmp_path):
    file = tmp_path / "000_l2_loss.py"
    file.write_text("# wrong: a half\n# kind: convention\n\ndef l2_loss(pred, target):\n    return 0.0, pred * 0\n")
    row = measure.row(file)
    assert ("000", "l2_loss", "a half", "wrong") == tuple(row[k] for k in ("number", "exercise", "wrong", "status"))
