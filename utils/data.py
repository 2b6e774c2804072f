"""The data of the course: scikit-learn's bundled sets and small synthetic problems. Nothing is downloaded.

Everything is float64 (labels are integers where they name a class) and a pure function of its arguments: the same seed
gives the same arrays. Images are (n, 1, H, W) in [0, 1]. ValueError, with what is possible, for arguments of which no
such data can be made. scikit-learn is imported late, for it takes a second.
"""

from collections.abc import Callable

import numpy as np


def digits(
    flat: bool = True, test_share: float = 0.25, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(X_train, y_train, X_test, y_test): 1797 handwritten digits, 8 × 8 pixels in [0, 1], labels 0 to 9.

    X is (n, 64), or (n, 1, 8, 8) when not `flat`. Shuffled by `seed`, then cut: the test set is `test_share` of all.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share must lie between 0 and 1, not {test_share}")
    images, labels = _all_digits()
    order = np.random.default_rng(seed).permutation(len(labels))
    images, labels = images[order].reshape(-1, 64) if flat else images[order], labels[order]
    n_test = round(len(labels) * test_share)
    return images[n_test:], labels[n_test:], images[:n_test], labels[:n_test]


def digits_32(test_share: float = 0.25, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`digits` as LeNet takes them: every pixel three times as large, then padded with 4 zeros: X (n, 1, 32, 32)."""
    x_train, y_train, x_test, y_test = digits(False, test_share, seed)
    return _enlarged(x_train), y_train, _enlarged(x_test), y_test


def breast_cancer() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(X, y, names): 569 tumours, 30 standardised features (n, 30), y (n,) with 1.0 for benign; the features' names."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return _standardised(bunch.data), bunch.target.astype(np.float64), [str(name) for name in bunch.feature_names]


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """(X, y): 442 patients, 10 features (n, 10), and how far the disease went in a year (n,); all of them standardised.

    Standardised, y too, so that a linear model needs no intercept; a loss of J = 1/2 is that of predicting nothing.
    """
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return _standardised(x), _standardised(y)


def photos() -> tuple[np.ndarray, np.ndarray]:
    """(china, flower): two photographs, each (427, 640, 3), red, green and blue in [0, 1]."""
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    return china / 255.0, flower / 255.0


def quadratic(
    kappa: float, d: int = 2, seed: int = 0, rotation: bool = True
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """(A, f, grad) of f(θ) = θᵀAθ / 2 with its minimum 0 at 0; A (d, d) is positive definite of condition `kappa`.

    Eigenvalues are evenly spaced on a log scale from 1/kappa to 1, so L = 1 and μ = 1/kappa. Without `rotation` A is
    diagonal, smallest first. f and grad take θ (d,) or any stack of them (..., d).
    """
    if kappa < 1:
        raise ValueError(f"a condition number is at least 1, not {kappa}")
    if d < 1 or (d == 1 and kappa != 1):
        raise ValueError(f"no {d} × {d} matrix has the condition number {kappa}; take d >= 2")
    eigenvalues = np.geomspace(1 / kappa, 1, d)
    basis = np.eye(d)
    if rotation:
        basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))
    a = (basis * eigenvalues) @ basis.T
    a = (a + a.T) / 2  # symmetric to the last bit
    return a, lambda theta: 0.5 * np.sum(theta @ a * theta, axis=-1), lambda theta: theta @ a


def rosenbrock() -> tuple[Callable, Callable, Callable]:
    """(f, grad, hess) of f(x, y) = (1 - x)² + 100 (y - x²)² (Rosenbrock 1960), minimum 0 at (1, 1).

    Each takes θ (2,) or a stack (..., 2) and returns (...), (..., 2), (..., 2, 2).
    """

    def f(theta):
        x, y = np.moveaxis(np.asarray(theta, dtype=np.float64), -1, 0)
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    def grad(theta):
        x, y = np.moveaxis(np.asarray(theta, dtype=np.float64), -1, 0)
        return np.stack([2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)], axis=-1)

    def hess(theta):
        x, y = np.moveaxis(np.asarray(theta, dtype=np.float64), -1, 0)
        rows = [[2 - 400 * y + 1200 * x**2, -400 * x], [-400 * x, np.full_like(x, 200)]]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    return f, grad, hess


def lessard_slope(x: np.ndarray) -> np.ndarray:
    """f′ of the strongly convex function of one variable, curvature 25 or 1, on which the tuned heavy ball circles.

    x of any shape; the minimum is at 0 (Lessard, Recht & Packard 2016).
    """
    return np.where(x < 1, 25 * x, np.where(x < 2, x + 24, 25 * x - 24))


def ridge_logistic(ridge: float) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray, float]:
    """(grad, minimum, L) of logistic regression on `breast_cancer` plus ridge/2 ‖w‖², without intercept.

    grad takes w (30,); the minimum (30,) is Newton's, to rounding; all curvatures lie in [ridge, L].
    """
    if ridge <= 0:
        raise ValueError(f"ridge must be positive, or there may be no minimum, not {ridge}")
    x, y, _ = breast_cancer()
    probability = lambda w: 1 / (1 + np.exp(-x @ w))  # noqa: E731
    grad = lambda w: x.T @ (probability(w) - y) / len(y) + ridge * w  # noqa: E731
    w = np.zeros(x.shape[1])
    for _ in range(25):
        p = probability(w)
        w = w - np.linalg.solve((x.T * (p * (1 - p))) @ x / len(y) + ridge * np.eye(len(w)), grad(w))
    return grad, w, float(np.linalg.eigvalsh(x.T @ x / len(y))[-1] / 4 + ridge)


def sparse_features(
    n: int, p_frequent: float = 0.5, p_rare: float = 0.01, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(X, y) for logistic regression: X (n, 2) holds 1.0 for each feature present, the first often, the second rarely.

    y (n,) is 1.0 with probability σ(x₁ + x₂): both features are worth the same, only their frequencies differ.
    """
    if n < 1 or not (0 <= p_frequent <= 1 and 0 <= p_rare <= 1):
        raise ValueError(f"need n >= 1 and probabilities, not n={n}, p_frequent={p_frequent}, p_rare={p_rare}")
    rng = np.random.default_rng(seed)
    x = (rng.random((n, 2)) < (p_frequent, p_rare)).astype(np.float64)
    y = rng.random(n) < 1 / (1 + np.exp(-x.sum(axis=1)))
    return x, y.astype(np.float64)


def two_digits(n: int, seed: int = 0, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """(images (n, 1, 8, 16), targets (n, 10)): two different digits side by side, 1.0 for each of the two labels.

    The digits come from the training or the test part of `digits()`, so that the two parts share no handwriting.
    """
    rng, images, labels = np.random.default_rng(seed), *_pool(n, part)
    left = rng.integers(len(labels), size=n)
    right = np.array([rng.choice(np.flatnonzero(labels != labels[i])) for i in left])
    targets = np.zeros((n, 10))
    targets[np.arange(n), labels[left]] = targets[np.arange(n), labels[right]] = 1
    return np.concatenate([images[left], images[right]], axis=-1), targets


def digit_boxes(n: int, size: int = 32, seed: int = 0, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """(images (n, 1, size, size), boxes (n, 4)): a digit somewhere on a black canvas, at its own or at twice its size.

    A box is (x0, y0, x1, y1) in pixels, x to the right, y down, tight about the ink: it covers rows y0 to y1 - 1.
    """
    if size < 16:
        raise ValueError(f"size must be at least 16, to hold a digit at twice its size, not {size}")
    rng, images, _ = np.random.default_rng(seed), *_pool(n, part)
    canvases, boxes = np.zeros((n, 1, size, size)), np.zeros((n, 4))
    for canvas, box, image in zip(canvases, boxes, images[rng.integers(len(images), size=n)], strict=True):
        digit = np.kron(image[0], np.ones((2, 2))) if rng.random() < 0.5 else image[0]
        top, left = rng.integers(size - len(digit) + 1, size=2)
        canvas[0, top : top + len(digit), left : left + len(digit)] = digit
        rows, columns = np.nonzero(canvas[0])
        box[:] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return canvases, boxes


def digit_windows(
    n: int, target: int = 8, size: int = 32, seed: int = 0, part: str = "train"
) -> tuple[np.ndarray, np.ndarray]:
    """(windows (n, k, 64), labels (n, k)): what a dense detector of one digit sees in n canvases of size × size pixels.

    Four digits lie on each canvas, at even places, and may overlap. The k windows of 8 × 8 pixels stand at every even
    place; a label is 1.0 where the window holds exactly a `target` digit: few of them, and most windows are easy.
    """
    if size < 8 or size % 2:
        raise ValueError(f"size must be even and at least 8, not {size}")
    rng, images, labels = np.random.default_rng(seed), *_pool(n, part)
    side = (size - 8) // 2 + 1
    canvases, hits = np.zeros((n, size, size)), np.zeros((n, side, side))
    for canvas, hit in zip(canvases, hits, strict=True):
        for k in rng.integers(len(images), size=4):
            i, j = rng.integers(side, size=2)
            place = canvas[2 * i : 2 * i + 8, 2 * j : 2 * j + 8]
            place[:] = np.maximum(place, images[k, 0])
            hit[i, j] = labels[k] == target
    windows = np.lib.stride_tricks.sliding_window_view(canvases, (8, 8), axis=(1, 2))[:, ::2, ::2]
    return windows.reshape(n, -1, 64), hits.reshape(n, -1)


def digit_scenes(
    n: int, size: int = 48, most: int = 6, overlap: float = 0.0, seed: int = 0, part: str = "train"
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """(images (n, 1, size, size), boxes, labels): scenes of 1 to `most` digits, each at its own or at twice its size.

    boxes[i] (k, 4) are x1, y1, x2, y2 in pixels, tight about the ink, labels[i] (k,) from 0 to 9. No two boxes have a
    larger IoU than `overlap`; with overlap > 0 half of the digits are put next to or upon another one. Where ink meets
    ink the brighter wins. A digit for which no place was found in 30 tries is left out.
    """
    if size < 16 or most < 1 or not 0 <= overlap <= 1:
        raise ValueError(f"need size >= 16, most >= 1, 0 <= overlap <= 1, not {size}, {most}, {overlap}")
    rng, images, labels = np.random.default_rng(seed), *_pool(n, part)
    canvases, all_boxes, all_labels = np.zeros((n, 1, size, size)), [], []
    for canvas in canvases:
        boxes, kept = [], []
        for k in rng.integers(len(images), size=rng.integers(1, most + 1)):
            ink = _cropped(np.kron(images[k, 0], np.ones((2, 2))) if rng.random() < 0.5 else images[k, 0])
            box = _place(rng, ink.shape, size, np.array(boxes).reshape(-1, 4), overlap)
            if box is not None:
                x1, y1, x2, y2 = box
                canvas[0, y1:y2, x1:x2] = np.maximum(canvas[0, y1:y2, x1:x2], ink)
                boxes.append(box)
                kept.append(labels[k])
        all_boxes.append(np.array(boxes, dtype=np.float64))
        all_labels.append(np.array(kept))
    return canvases, all_boxes, all_labels


def _cropped(image):
    rows, columns = np.nonzero(image)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _place(rng, shape, size, others, overlap):
    """(x1, y1, x2, y2), whole numbers, for ink of this shape (height, width); None when 30 tries found nothing."""
    room = np.array([size - shape[1], size - shape[0]])
    for _ in range(30):
        corner = rng.integers(room + 1)
        if overlap > 0 and len(others) and rng.random() < 0.5:
            x1, y1, x2, y2 = others[rng.integers(len(others))]
            corner = np.clip(rng.integers([x1 - shape[1], y1 - shape[0]], [x2 + 1, y2 + 1]), 0, room)
        box = np.concatenate([corner, corner + shape[::-1]])
        if not len(others) or _ious(box, others).max() <= overlap:
            return box
    return None


def _ious(box, others):
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared)


def digit_masks(
    n: int, size: int = 20, noise: float = 0.5, seed: int = 0, part: str = "train"
) -> tuple[np.ndarray, np.ndarray]:
    """(images (n, size, size), masks (n, size, size)): one digit on a dark canvas under normal noise, and its strokes.

    A mask is 1.0 where the digit's ink is above one half: some 18 % of the pixels for size 10, 1 % for size 40.
    """
    if size < 8 or noise < 0:
        raise ValueError(f"need size >= 8 and noise >= 0, not size={size}, noise={noise}")
    rng, images, _ = np.random.default_rng(seed), *_pool(n, part)
    clean = np.zeros((n, size, size))
    for canvas, k in zip(clean, rng.integers(len(images), size=n), strict=True):
        i, j = rng.integers(size - 7, size=2)
        canvas[i : i + 8, j : j + 8] = images[k, 0]
    return clean + rng.normal(0, noise, clean.shape), (clean > 0.5).astype(np.float64)


def _all_digits():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images[:, None] / 16, bunch.target


def _pool(n, part):
    if n < 1 or part not in ("train", "test"):
        raise ValueError(f'need n >= 1 and part "train" or "test", not n={n}, part={part!r}')
    x_train, y_train, x_test, y_test = digits(flat=False)
    return (x_train, y_train) if part == "train" else (x_test, y_test)


def _enlarged(images):
    return np.pad(images.repeat(3, axis=2).repeat(3, axis=3), ((0, 0), (0, 0), (4, 4), (4, 4)))


def _standardised(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)
