"""An answer that needs more of its file than can be seen from outside has a second run, after all of the file."""

import pytest

from utils.grading import report
from utils.sandbox import source
from utils.sandbox.batch import grade_files

FORM = """
from __future__ import annotations
import numpy as np
import heapq
{before}
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    {inside}
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
{after}
"""
# form: (statements before, statements inside, statements after)
HIDDEN = {
    "a counter": ("count = 0", "global count; count += 1", ""),
    "NumPy writes into an argument": ("K = np.zeros((2, 2))\nnp.fill_diagonal(K, 1)", "assert K[0, 0]", ""),
    "np.add.at": ("w = np.zeros(2)\nnp.add.at(w, [0], 1)", "assert w[0]", ""),
    "an own function writes": ("W = [0]\ndef fill(a): a[:] = [1]\nfill(W)", "assert W[0]", ""),
    "another name": ("K = {}\nd = K\nd['k'] = 1", "assert K['k']", ""),
    "a bound method": ("L = []\npush = L.append\npush(1)", "assert L", ""),
    "a comprehension": ("L = []\n[L.append(k) for k in range(3)]", "assert L", ""),
    "a call with a result": ("S = {}\ndef init(): S['k'] = 1; return 2\nz = init()", "assert S", ""),
    "setattr": ("class A: pass\nsetattr(A, 'k', 1)", "assert A.k", ""),
    "heappush": ("L = []\nheapq.heappush(L, 1)", "assert L", ""),
    "globals()": ("globals()['n'] = 1", "assert n", ""),
    "an experiment fails": ("globals()['n'] = 1\n1 / 0\nraise SystemExit", "assert n", "undefined(n)"),
    "annotations that are texts": ("globals()['n'] = 1\ndef f(x: Nowhere): pass", "f(n)", ""),
}  # fmt: skip
WRONG = {
    "it is wrong with all of the file, too": ("globals()['n'] = 1", "return x, None", ""),
    "its last definition fails": ("n = [0]", "pass", "n[0] = 1 / 0\ndef batchnorm_forward(x, gamma, beta, eps=n[1]): 0"),
    "the course's own": (
        "globals()['n'] = 1", "return x, None", "globals()['batchnorm_forward'] = __import__('utils').check"),
}  # fmt: skip


def graded(tmp_path, before, inside, after):
    path = tmp_path / "answer.py"
    path.write_text(FORM.format(before=before, inside=inside, after=after))
    return grade_files([path], timeout=5)[0].report


@pytest.mark.parametrize("form", HIDDEN)
def test_a_right_answer_is_right_whatever_it_needs_of_its_file(tmp_path, form):
    verdict = graded(tmp_path, *HIDDEN[form])
    assert verdict.status == report.RIGHT, verdict.to_text()


@pytest.mark.parametrize("form", WRONG)
def test_the_second_run_makes_nothing_right_that_is_not(tmp_path, form):
    assert graded(tmp_path, *WRONG[form]).status in (report.WRONG, report.ERROR)


@pytest.mark.parametrize(("more", "second"), [
    ("", False), ("check(answer)\nprint(answer)\nanswer", False), ("import os\ndef g(): pass", False),
    ("n = 1", True), ("setup()", True), ("print(setup())", True),
])  # fmt: skip
def test_there_is_a_second_run_only_where_a_statement_was_left_out_that_may_matter(more, second):
    found = source.parts(f"def answer(): return 1\n{more}\n".encode(), ".py", ["answer"])
    assert (found["parts"]["answer"]["kept"] is not None) == second
