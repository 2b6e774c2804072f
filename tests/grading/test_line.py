"""The line of a slip: where one edit of the learner's own text makes every case right, and never a false one."""

import json
import time

import numpy as np
import pytest
from click.testing import CliRunner

import utils
from utils.cli import main
from utils.grading import edits, judge, line
from utils.sandbox.batch import grade_files


def layernorm_forward(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(axis=-1, keepdims=True)
    var = np.mean(centred**2, axis=-1, keepdims=True) ** 0.5
    return gamma * centred / np.sqrt(var + eps) + beta


def f_score(labels, predictions, beta=1.0):
    tp = np.sum((labels == 1) & (predictions == 1))
    missed, false = np.sum((labels == 1) & (predictions == 0)), np.sum((labels == 0) & (predictions == 1))
    if not tp:
        return 0.0
    return float((1 + beta**2) * tp / ((1 + beta**2) * tp + beta * missed + false))


def mixup(x, y, lam, order):
    return x + np.sin(x[order]), y * y[order]


def early_stopping(losses, patience, min_delta=0.0):
    best = epoch = 0
    while epoch < len(losses) - 1:
        epoch += 1
        if losses[epoch] < losses[best] - min_delta:
            best = 1
        elif epoch - best >= patience:
            break
    return best, epoch


@pytest.mark.parametrize(("function", "number"), [(layernorm_forward, 3), (f_score, 6), (early_stopping, 6)])
def test_the_line_of_a_single_slip_is_found(function, number):
    """One edit in that line makes every case right; the line is named, and the edit is not."""
    found = judge.explain(function)

    assert found is not None
    assert number == found.line
    assert line.source_of(function).split("\n")[number - 1].strip() in found.words


def iterations_per_epoch(n, batch_size, drop_last=False):
    if drop_last:
        return n // batch_size + 1
    return n // batch_size - 1 if n % batch_size else n // batch_size


def test_two_lines_where_one_does_not_do():
    """Two slips that no list has, in two lines: both lines are named, and neither edit."""
    found = judge.explain(iterations_per_epoch)

    assert found is not None
    assert "line 3" in found.words.lower()
    assert "line 4" in found.words.lower()
    assert "one edit in each" in found.words


def test_no_line_is_named_where_no_edit_is_right():
    """An answer that is wrong throughout gets none, and within its time."""
    start = time.process_time()

    assert judge.explain(mixup) is None
    assert time.process_time() - start < 5


def weight_average(path, decay):
    average, rows = np.zeros(path.shape[1]), []
    for row in path:
        average = (1 - decay) * average + decay * row
        rows.append(average)
    return np.stack(rows)


def test_no_edit_puts_a_list_into_itself():
    """np.stack of a list that holds itself takes minutes and gigabytes."""
    made = [edit.text for edit in edits.edits(line.source_of(weight_average))]

    assert any("rows.append((row))" in text for text in made)
    assert not [text for text in made if "append((rows" in text]


def test_every_edit_compiles_or_is_dropped_and_loops_can_be_stopped():
    """Texts are whole functions; each loop calls the clock."""
    made = list(edits.edits(line.source_of(early_stopping)))

    assert len(made) > 100
    assert all(edits.TICK in edit.text for edit in made if "while" in edit.text)
    assert {1 <= edit.line <= 9 for edit in made} == {True}


def test_a_text_that_is_no_python_has_no_edits():
    """Nothing is searched where nothing can be read."""
    assert [] == list(edits.edits("def f(:"))
    assert line.within("def f(:", "f") is None


def test_hint_names_the_line_once():
    """After an unnamed wrong verdict the next hint begins with the line; the one after it does not."""
    utils.check(f_score)

    assert utils.hint(f_score).startswith("Line 6 of your answer")
    assert utils.hint(f_score).startswith("**Hint")


SOURCE = """import numpy as np

def f_score(labels, predictions, beta=1.0):
    tp = np.sum((labels == 1) & (predictions == 1))
    missed, false = np.sum((labels == 1) & (predictions == 0)), np.sum((labels == 0) & (predictions == 1))
    if not tp:
        return 0.0
    return float((1 + beta**2) * tp / ((1 + beta**2) * tp + beta * missed + false))
"""


def test_files_are_explained_in_a_child(tmp_path):
    """`course check --explain` gives the line, in the text and in JSON; without it, none."""
    path = tmp_path / "answer.py"
    path.write_text(SOURCE)

    plain = grade_files([path])[0].report
    result = CliRunner().invoke(main, ["check", str(path), "--explain", "--json"])
    row = json.loads(result.stdout)[0]

    assert plain.line is None
    assert ("wrong", None, 6) == (row["status"], row["mistake"], row["line"])
    assert "Line 6 of your answer" in row["message"]
