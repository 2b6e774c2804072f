"""`course class similar`: what stands out over several exercises, and what must not count."""

import json
import re

import pytest

from utils import editions
from utils.classroom import example, similar
from utils.grading import catalogue

NAMES = [name for names in example.FILES.values() for name in names]


def answers(texts):
    """{exercise: {student: code}} of {student: text}."""
    found = {}
    for who, text in texts.items():
        for name, code in similar.own_code(text.encode(), ".py", NAMES).items():
            found.setdefault(name, {})[who] = code
    return found


@pytest.fixture(scope="module")
def whole_class():
    """The made-up class's last hand-ins, the guest's broken file left out."""
    last = {(who, file.split("-")[0]): text for who, file, text, _ in example.hand_ins() if who != "guest"}
    texts = {}
    for (who, _), text in last.items():
        texts[who] = texts.get(who, "") + text
    return answers(texts)


def test_copies_of_the_made_up_class_are_found_and_nobody_else(whole_class):
    """In three exercises or more, in other names and with other comments: two copied pairs, and no pair that is none."""
    copied = {(example.id_of(source), example.id_of(who)) for who, (source, _) in example.COPIES.items()} | {
        ("s033", "s041")
    }
    found = similar.compared(whole_class)

    assert {("s004", "s017"), ("s033", "s041")} == {pair.students for pair in found.pairs}
    assert {pair.students for pair in found.pairs} <= copied
    assert found.by_chance < 0.5, "chance alone would find hardly any"
    two = similar.compared(whole_class, least=2)
    assert len(two.pairs) < 3 * two.by_chance, "in two exercises chance finds as many, as the help says"


def test_what_everybody_writes_tells_nothing():
    """Identical short answers: the exercise is left out, and no pair is told."""
    same = "def softmax(logits):\n    e = np.exp(logits - logits.max(axis=1, keepdims=True))\n    return e / e.sum(axis=1, keepdims=True)\n"
    found = similar.compared(answers({f"s{n}": same for n in range(20)}), least=1)

    assert [None] == [one.threshold for one in found.baselines]
    assert not found.pairs


def test_names_comments_layout_and_given_code_do_not_count():
    """The same code in other words is 100 %; two blanks, and two answers that share the given parts alone, are nothing."""
    (form,) = example.FORMS["iou_matrix"]
    filled = {slot: others[0] for slot, others in form.slots.items()}
    one = example.Answer(form, filled, {}).text()
    other = re.sub(r"\binter\b", "common", one).replace("    low =", "    # the lower corner\n    low =")
    values = similar.similarities("iou_matrix", {"a": similar_code(one), "b": similar_code(other)})
    blank = "def iou_matrix(a, b):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"

    assert {("a", "b"): 1.0} == values
    assert {} == similar.own_code(blank.encode(), ".py", NAMES)


def similar_code(text):
    return similar.own_code(text.encode(), ".py", NAMES)["iou_matrix"]


@pytest.mark.parametrize("name", ["batchnorm_forward", "iou_matrix", "make_anchors", "attention", "nms"])
def test_what_the_blank_holds_does_not_count(name):
    """Two blanks with one line filled in are the same text, and are not even compared."""
    cells = [
        editions.text(cell) for cell in editions.blank(catalogue.stem_of(name))["cells"] if cell["cell_type"] == "code"
    ]
    code = next(cell for cell in cells if re.search(rf"^(def|class) {name}\b", cell, re.MULTILINE))
    filled = code.replace("raise NotImplementedError()", "return None")

    assert filled != code
    assert {} == similar.similarities(name, {"a": filled, "b": filled})


def test_the_courses_own_styles_are_the_baseline(whole_class):
    """For every exercise of the class independent right answers are compared, and none is a copy of another."""
    for one in similar.compared(whole_class).baselines:
        if len(similar.course_answers(one.exercise)) > 1:
            assert one.independent or one.exercise == "softmax"
            assert all(value < 0.6 for value in one.independent), one


def test_the_command_says_that_it_is_a_question(course, tmp_path):
    """In words and in JSON; the same pairs; a broken file and a blank stop nothing."""
    for who, file, text, _ in example.hand_ins(students=18):
        path = tmp_path / "in" / who / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = course("class", "similar", tmp_path / "in")
    found = json.loads(course("class", "similar", tmp_path / "in", "--json").output)

    assert 0 == done.exit_code, done.output
    assert "a question and not a verdict" in done.output
    assert "such pairs would appear by chance" in done.output
    assert [["s004", "s017"]] == [pair["students"] for pair in found["pairs"]]
    assert set(NAMES) == {one["exercise"] for one in found["exercises"]}


@pytest.mark.parametrize("where", ["nothing", "empty"])
def test_nothing_to_compare_is_told(course, tmp_path, where):
    """Exit code 2 and one line."""
    (tmp_path / "empty").mkdir()
    done = course("class", "similar", tmp_path / where)

    assert 2 == done.exit_code
    assert {"nothing": "does not exist", "empty": "no submission was found"}[where] in done.output
