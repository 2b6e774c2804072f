"""The data: documented shapes and ranges, the same arrays for the same seed, bad arguments refused."""

import numpy as np
import pytest

from utils import data

EVERYTHING = {
    "digits": lambda seed: data.digits(seed=seed),
    "digits_32": lambda seed: data.digits_32(seed=seed),
    "quadratic": lambda seed: data.quadratic(10.0, 3, seed)[:1],
    "sparse_features": lambda seed: data.sparse_features(500, seed=seed),
    "two_digits": lambda seed: data.two_digits(20, seed),
    "digit_boxes": lambda seed: data.digit_boxes(20, seed=seed),
    "digit_windows": lambda seed: data.digit_windows(20, seed=seed),
    "digit_masks": lambda seed: data.digit_masks(20, seed=seed),
    "digit_scenes": lambda seed: data.digit_scenes(20, seed=seed)[:1],
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_seed_fixes_the_data(name):
    """The same seed gives the same arrays, another seed others."""
    first, again, other = (EVERYTHING[name](seed) for seed in (1, 1, 2))

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(("flat", "shape"), [(True, (64,)), (False, (1, 8, 8))])
def test_digits_are_split_once(flat, shape):
    """Training and test digits together are all 1797, in [0, 1], every class in both parts."""
    x_train, y_train, x_test, y_test = data.digits(flat)

    assert ((1348, *shape), (449, *shape)) == (x_train.shape, x_test.shape)
    assert ((1348,), (449,)) == (y_train.shape, y_test.shape)
    assert (np.float64, 0.0, 1.0) == (x_train.dtype, x_train.min(), x_train.max())
    assert set(range(10)) == set(y_train) == set(y_test)
    assert [178, 182, 177, 183, 181, 182, 181, 179, 174, 180] == np.bincount(np.append(y_train, y_test)).tolist()


def test_flat_digits_are_the_images():
    """Flat or not, the same seed gives the same digits in the same order, labels too."""
    flat, images = data.digits(True, 0.1, 3), data.digits(False, 0.1, 3)

    assert 180 == len(flat[3])
    assert all(np.array_equal(a.ravel(), b.ravel()) for a, b in zip(flat, images, strict=True))


def test_large_digits_are_the_small_ones():
    """Within the margin of 4 every pixel of the original fills 3 by 3; the margin is black."""
    small, large = data.digits(flat=False)[0], data.digits_32()[0]

    assert (1348, 1, 32, 32) == large.shape
    assert all(np.array_equal(small, large[:, :, i:28:3, j:28:3]) for i in (4, 5, 6) for j in (4, 5, 6))
    assert large.sum() == pytest.approx(9 * small.sum())


def test_tables_are_standardised():
    """Columns have mean 0 and variance 1; labels are 0.0 or 1.0; names go with columns."""
    x, y, names = data.breast_cancer()
    features, target = data.diabetes()

    assert ((569, 30), (569,), 30) == (x.shape, y.shape, len(set(names)))
    assert {0.0, 1.0} == set(y)
    assert "mean radius" == names[0]
    assert ((442, 10), (442,)) == (features.shape, target.shape)
    for column in (*x.T, *features.T, target):
        assert (pytest.approx(0, abs=1e-12), pytest.approx(1)) == (column.mean(), column.std())


def test_benign_tumours_are_the_ones():
    """y = 1 means benign, the more frequent and the smaller kind."""
    x, y, _ = data.breast_cancer()

    assert 357 == y.sum()
    assert x[y == 1, 0].mean() < x[y == 0, 0].mean()


def test_the_diabetes_problem_has_its_known_curvature():
    """L = 4.024 and a condition number of 470, on which the experiments of chapter 1 rely."""
    x, _ = data.diabetes()
    eigenvalues = np.linalg.eigvalsh(x.T @ x / len(x))

    assert eigenvalues[-1] == pytest.approx(4.024, abs=1e-3)
    assert eigenvalues[-1] / eigenvalues[0] == pytest.approx(470, abs=1)


def test_photos_are_in_colour():
    """Two photographs, red, green and blue in [0, 1]; the flower is redder than the temple."""
    china, flower = data.photos()

    assert ((427, 640, 3), (427, 640, 3), np.float64) == (china.shape, flower.shape, china.dtype)
    assert 0 <= china.min() < china.max() <= 1
    assert china[..., 2].mean() > flower[..., 2].mean()


@pytest.mark.parametrize("rotation", [True, False])
@pytest.mark.parametrize(("kappa", "d"), [(1, 1), (1, 3), (50.0, 2), (1e4, 10)])
def test_a_quadratic_has_its_condition(kappa, d, rotation):
    """A is symmetric, with eigenvalues from 1/kappa to 1, and diagonal unless rotated; f and grad belong to it."""
    a, f, grad = data.quadratic(kappa, d, rotation=rotation)
    theta = np.random.default_rng(0).standard_normal((4, d))

    assert np.array_equal(a, a.T)
    np.testing.assert_allclose(np.linalg.eigvalsh(a), np.geomspace(1 / kappa, 1, d), rtol=1e-9)
    assert rotation or np.array_equal(a, np.diag(np.diag(a)))
    np.testing.assert_allclose(f(theta), [0.5 * t @ a @ t for t in theta])
    np.testing.assert_allclose(grad(theta), [a @ t for t in theta])
    assert (0.0, (d,)) == (f(np.zeros(d)), grad(theta[0]).shape)


def test_rosenbrock_agrees_with_scipy():
    """Value, gradient and Hessian are SciPy's, for one point and for a stack; the minimum is at (1, 1)."""
    from scipy.optimize import rosen, rosen_der, rosen_hess

    f, grad, hess = data.rosenbrock()
    points = np.random.default_rng(0).uniform(-2, 2, (5, 2))

    for ours, theirs in (f, rosen), (grad, rosen_der), (hess, rosen_hess):
        np.testing.assert_allclose(ours(points), [theirs(p) for p in points])
        np.testing.assert_allclose(ours(points[0]), theirs(points[0]))
    assert (0.0, [0.0, 0.0]) == (f([1, 1]), grad([1, 1]).tolist())


def test_sparse_features_are_as_frequent_as_asked():
    """The first feature is present half of the time, the second once in a hundred, and both raise the odds alike."""
    x, y = data.sparse_features(200_000)

    assert {0.0, 1.0} == set(np.unique(x)) == set(np.unique(y))
    np.testing.assert_allclose(x.mean(axis=0), [0.5, 0.01], rtol=0.05)
    for column in (0, 1):
        alone = (x[:, column] == 1) & (x.sum(axis=1) == 1)
        assert y[alone].mean() == pytest.approx(1 / (1 + np.exp(-1)), abs=0.03)
    assert y[x.sum(axis=1) == 0].mean() == pytest.approx(0.5, abs=0.01)


def test_two_digits_have_two_labels():
    """Each half of an image is a digit of its part of the data, and exactly the labels of the halves are set."""
    images, targets = data.two_digits(200, seed=4, part="test")
    _, _, known, labels = data.digits(flat=False)
    label_of = {image.tobytes(): label for image, label in zip(known, labels, strict=True)}

    assert ((200, 1, 8, 16), (200, 10)) == (images.shape, targets.shape)
    for image, target in zip(images, targets, strict=True):
        halves = {label_of[np.ascontiguousarray(half).tobytes()] for half in (image[..., :8], image[..., 8:])}
        assert halves == set(np.flatnonzero(target))
        assert 2 == target.sum()


@pytest.mark.parametrize("size", [16, 32, 33])
def test_a_box_holds_all_ink(size):
    """Boxes are tight: nothing outside, ink on each of the four sides; two sizes of digits, all over the canvas."""
    images, boxes = data.digit_boxes(100, size)

    assert ((100, 1, size, size), (100, 4)) == (images.shape, boxes.shape)
    for (image,), (x0, y0, x1, y1) in zip(images, boxes.astype(int), strict=True):
        inside = image[y0:y1, x0:x1]
        assert inside.sum() == pytest.approx(image.sum())
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
    heights = boxes[:, 3] - boxes[:, 1]
    assert {8.0, 16.0} == set(heights)
    assert np.ptp(boxes[heights == 8, 1]) > size / 4


@pytest.mark.parametrize("overlap", [0.0, 0.4])
def test_scenes_hold_what_their_boxes_say(overlap):
    """Boxes are whole pixels tight about ink, inside the canvas, and overlap no more than was asked; crowds do."""
    images, boxes, labels = data.digit_scenes(60, overlap=overlap)

    assert (60, 1, 48, 48) == images.shape
    assert all(1 <= len(b) == len(k) <= 6 for b, k in zip(boxes, labels, strict=True))
    largest = []
    for (image,), truths in zip(images, boxes, strict=True):
        outside = image.copy()
        for x1, y1, x2, y2 in truths.astype(int):
            assert 0 <= x1 < x2 <= 48
            assert 0 <= y1 < y2 <= 48
            assert all(side.any() for side in (image[y1, x1:x2], image[y2 - 1, x1:x2], image[y1:y2, x1]))
            outside[y1:y2, x1:x2] = 0
        assert 0 == outside.sum()
        largest += [
            data._ious(box, np.delete(truths, i, axis=0)).max() for i, box in enumerate(truths) if len(truths) > 1
        ]
    assert max(largest) <= overlap
    assert (overlap > 0) == (max(largest) > overlap / 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.digits(test_share=1.0), "test_share must lie between 0 and 1, not 1.0"),
        (lambda: data.digits_32(test_share=0), "test_share must lie between 0 and 1, not 0"),
        (lambda: data.quadratic(0.5), "a condition number is at least 1, not 0.5"),
        (lambda: data.quadratic(10, d=1), "no 1 × 1 matrix has the condition number 10"),
        (lambda: data.sparse_features(0), "n=0"),
        (lambda: data.sparse_features(10, p_rare=2), "p_rare=2"),
        (lambda: data.two_digits(0), "n=0"),
        (lambda: data.two_digits(5, part="all"), "part='all'"),
        (lambda: data.digit_boxes(5, size=15), "size must be at least 16"),
        (lambda: data.digit_boxes(-1), "n=-1"),
        (lambda: data.digit_scenes(3, size=8), "need size >= 16"),
        (lambda: data.digit_scenes(3, overlap=2), "not 48, 6, 2"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    """A senseless argument raises a ValueError that quotes it."""
    with pytest.raises(ValueError, match=message):
        call()


def test_callers_cannot_spoil_the_data():
    """What a caller writes into an array does not show in the next one."""
    data.digits()[0][:] = -1

    assert 0.0 == data.digits()[0].min()


def test_digit_windows_are_few_hits_among_many():
    """A window for each even place, the hits few and inked, the parts apart, odd sizes refused."""
    windows, labels = data.digit_windows(50, target=3, size=20)

    assert ((50, 49, 64), (50, 49)) == (windows.shape, labels.shape)
    assert {0.0, 1.0} == set(labels.flat)
    assert 0.001 < labels.mean() < 0.02
    assert windows[labels == 1].sum(axis=1).min() > 5
    assert not np.array_equal(windows, data.digit_windows(50, target=3, size=20, part="test")[0])
    with pytest.raises(ValueError, match="even"):
        data.digit_windows(5, size=21)


def test_ridge_logistic_has_its_minimum_and_its_curvatures():
    """The gradient vanishes at the minimum given, and its slope along any direction lies between ridge and L."""
    grad, minimum, largest = data.ridge_logistic(0.1)
    step = 1e-5 * np.random.default_rng(0).normal(size=30)

    assert np.abs(grad(minimum)).max() < 1e-12
    assert 0.1 < (grad(minimum + step) - grad(minimum)) @ step / (step @ step) < largest
    with pytest.raises(ValueError, match="ridge"):
        data.ridge_logistic(0)


def test_lessards_slope_is_continuous_and_steep_outside():
    """It passes through the minimum at 0, joins at 1 and 2, and has curvature 25, 1, 25."""
    x = np.array([-1.0, 0.0, 1.0, 1.5, 2.0, 3.0])

    assert [-25.0, 0.0, 25.0, 25.5, 26.0, 51.0] == list(data.lessard_slope(x))


def test_digit_masks_are_the_ink():
    """Without noise a mask is where the image is above one half; its share falls with the canvas."""
    images, masks = data.digit_masks(50, size=10, noise=0)

    assert (50, 10, 10) == images.shape == masks.shape
    assert np.array_equal(images > 0.5, masks == 1)
    assert 0.1 < masks.mean() < 0.25
    assert data.digit_masks(50, size=40)[1].mean() < 0.02
    with pytest.raises(ValueError, match="size >= 8"):
        data.digit_masks(5, size=7)
