"""The small detector of chapter 5: it finds digits, many times each, and depends on nothing but its scenes."""

import numpy as np
import pytest

from utils import data, detector


@pytest.fixture(scope="module")
def trained():
    """A detector of a hundred scenes."""
    return detector.train(*data.digit_scenes(100)[:2])


def test_places_are_centres_of_cells():
    """Every second pixel, row by row, x first."""
    points = detector.places(6)

    assert [[1, 1], [3, 1], [5, 1], [1, 3]] == points[:4].tolist()
    assert (9, 2) == points.shape


def test_the_middle_of_a_box_answers_for_it():
    """One to many: all points of the middle half, none outside it, the nearer box where two compete."""
    boxes = np.array([[0.0, 0, 8, 8], [4, 0, 12, 8]])
    points = np.array([[4.0, 4], [5.5, 4], [1, 4], [6.5, 5], [4, 7]])

    assert [0, 0, -1, 1, -1] == detector.central(points, boxes).tolist()


def test_it_finds_most_digits_more_than_once(trained):
    """On scenes of other handwriting most digits are under some box, and boxes are several for a digit."""
    images, boxes, _ = data.digit_scenes(30, seed=5, part="test")
    found, raw = 0, 0
    for image, truths in zip(images, boxes, strict=True):
        given, scores = trained(image)
        raw += len(given)
        assert (len(given), 4) == given.shape
        assert len(given) == len(scores)
        assert (scores > 0.3).all()
        found += sum(bool(len(given)) and data._ious(truth, given).max() > 0.5 for truth in truths)
    n = sum(map(len, boxes))

    assert found > 0.8 * n
    assert raw > 3 * n


def test_training_is_a_function_of_its_arguments(trained):
    """The same scenes give the same heads; another assignment gives others."""
    scenes = data.digit_scenes(100)[:2]
    again = detector.train(*scenes)
    first_only = detector.train(*scenes, assign=lambda p, b: np.where(detector.central(p, b) == 0, 0, -1))

    assert np.array_equal(trained.score, again.score)
    assert not np.array_equal(trained.score, first_only.score)


def test_results_are_judged_as_question_36_judges_them():
    """One hit of two truths at once, a duplicate, and the other truth at last: precision 1 up to ½, then ⅔."""
    truths = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    boxes = np.array([[0.0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 9]])
    scores = np.array([0.9, 0.8, 0.7])

    assert [[0.9, 0.0], [1.0, 0.0], [0.0, 0.9]] == detector.shared(boxes, truths).tolist()
    assert [0, 2] == detector.suppressed(boxes, scores).tolist()
    assert 1.0 == detector.recall([boxes], [truths])
    assert 0.5 == detector.recall([boxes[:2]], [truths])
    assert pytest.approx(0.5 + 0.5 * 2 / 3) == detector.precision_area([boxes], [scores], [truths])
    assert 0 == detector.precision_area([boxes[:0]], [scores[:0]], [truths])
