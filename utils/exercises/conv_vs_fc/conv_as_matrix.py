"""conv_as_matrix: cases, oracle, mistakes."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


# ---- the matrix -------------------------------------------------------------------------------------------------
def _matrix_oracle(weight, height, width, padding=0):
    import torch

    kernel = torch.from_numpy(np.array(weight, dtype=float))[None, None]

    def layer(pixels):
        return torch.nn.functional.conv2d(pixels.reshape(1, 1, height, width), kernel, padding=padding).flatten()

    start = torch.zeros(height * width, dtype=torch.float64)
    return torch.autograd.functional.jacobian(layer, start).numpy()


def _zero(row, column, height, width):
    """Where taps at (row, column) of the image land, and which of them do: beyond the border they read nothing."""
    return row, column, (row >= 0) & (row < height) & (column >= 0) & (column < width)


def _flat(row, column, height, width):
    """No test for the border: a tap that leaves a row at its side lands in the next one."""
    flat = row * width + column
    return flat // width, flat % width, (flat >= 0) & (flat < height * width)


def _right(weight, height, width, padding=0, *, place=_zero, start=None, column=None, refuse=True):
    """The matrix from its taps; the options exchange where a tap lands and how pixels are numbered."""
    weight = np.asarray(weight, dtype=float)
    oh, ow = (side + 2 * padding - k + 1 for side, k in zip((height, width), weight.shape, strict=True))
    matrix = np.zeros((max(oh, 0) * max(ow, 0), height * width))
    if oh < 1 or ow < 1:
        if refuse:
            raise ValueError("the kernel does not fit")
        return matrix
    i, j, a, b = np.indices((oh, ow, *weight.shape)).reshape(4, -1)
    start = -padding if start is None else start
    row, col, lands = place(i + a + start, j + b + start, height, width)
    columns = column(row, col, ow) if column else row * width + col
    np.add.at(matrix, ((i * ow + j)[lands], columns[lands]), weight[a, b][lands])
    return matrix


def _but(**changed):
    """The right matrix with one part exchanged, `refuse` left for `_both` to choose."""
    return lambda weight, height, width, padding=0, refuse=True: _right(
        weight, height, width, padding, refuse=refuse, **changed
    )


def _of(change):
    """The right matrix of other arguments: change(weight, height, width, padding) gives them."""

    def wrong(weight, height, width, padding=0, refuse=True):
        _right(weight, height, width, padding, refuse=refuse)
        return _right(*change(np.asarray(weight, dtype=float), height, width, padding), refuse=refuse)

    return wrong


def _after(change):
    """The right matrix, changed: change(matrix, weight, height, width, padding)."""

    def wrong(weight, height, width, padding=0, refuse=True):
        return change(
            _right(weight, height, width, padding, refuse=refuse),
            np.asarray(weight, dtype=float),
            height,
            width,
            padding,
        )

    return wrong


def _out(weight, height, width, padding):
    return max(height + 2 * padding - weight.shape[0] + 1, 0), max(width + 2 * padding - weight.shape[1] + 1, 0)


def _row_by_columns(matrix, weight, height, width, padding):
    oh, ow = _out(weight, height, width, padding)
    return matrix.reshape(oh, ow, height * width).swapaxes(0, 1).reshape(matrix.shape)


def _column_by_columns(matrix, weight, height, width, padding):
    return matrix.reshape(-1, height, width).swapaxes(1, 2).reshape(matrix.shape)


def _padded_columns(weight, height, width, padding=0, refuse=True):
    return _right(weight, height + 2 * padding, width + 2 * padding, 0, refuse=refuse)


def _edge(row, column, height, width):
    return row.clip(0, height - 1), column.clip(0, width - 1), row == row


def _circular(row, column, height, width):
    return row % height, column % width, row == row


def _mirror(index, side):
    index = abs(index)
    return np.where(index < side, index, (2 * side - 2 - index).clip(0))


def _reflected(row, column, height, width):
    return _mirror(row, height), _mirror(column, width), row == row


def _sliding_on(weight, height, width, padding=0, refuse=True):
    """Each row is the one above, moved by one place: the jump at the end of an image row is missing."""
    matrix = _right(weight, height, width, padding, refuse=refuse)
    for row in range(1, len(matrix)):
        matrix[row] = np.roll(matrix[row - 1], 1)
    return matrix


def _narrow(weight, height, width, padding=0, refuse=True):
    last = height * width - 1
    return _right(weight, height, width, padding, refuse=refuse, column=lambda r, c, ow: (r * ow + c).clip(0, last))


def _windows(keep):
    """Only some of the output positions, chosen by keep(outputs (H', W', HW), weight, padding)."""

    def change(matrix, weight, height, width, padding):
        kept = keep(matrix.reshape(*_out(weight, height, width, padding), height * width), weight, padding)
        return kept.reshape(kept.shape[0] * kept.shape[1], height * width)

    return _after(change)


_MATRIX_SLIPS = (  # name, advice, wrong answer; the commonest first
    ("flipped kernel", "Frameworks correlate: output (i, j) reads pixel (i + a, j + b) with weight[a, b], unflipped.", _of(lambda k, h, w, p: (k[::-1, ::-1], h, w, p))),
    ("column-major pixels", "Row-major: pixel (r, c) is column r·width + c, output (i, j) is row i·W' + j.", _after(lambda *given: _row_by_columns(_column_by_columns(*given), *given[1:]))),
    ("column-major pixels in the columns only", "Row-major: pixel (r, c) is column r·width + c.", _after(_column_by_columns)),
    ("column-major outputs in the rows only", "Row-major: output (i, j) is row i·W' + j.", _after(_row_by_columns)),
    ("padding ignored", "Padding makes the output larger, H' = height + 2·padding − kH + 1; taps on it have no column.", _of(lambda k, h, w, p: (k, h, w, 0))),
    ("columns for the padding too", "Padding is zeros, no input: leave out the columns of the padded border.", _padded_columns),
    ("transposed matrix", "Rows are outputs, columns are pixels: (H'W', HW). The transpose is the backward pass.", _after(lambda matrix, *_: matrix.T)),
    ("taps beyond the side wrap into the next row", "Test row and column of a tap on their own: outside the image it reads a zero.", _but(place=_flat)),
    ("the image continued round the border (circular)", "Outside the image there are zeros, not the opposite border.", _but(place=_circular)),
    ("border pixels repeated", "Outside the image there are zeros, not copies of the border.", _but(place=_edge)),
    ("the image mirrored at the border", "Outside the image there are zeros, not its mirror image.", _but(place=_reflected)),
    ("one jump too few at the end of a row", "At the end of an output row the window jumps back to column 0: it is not the row above moved by one.", _sliding_on),
    ("height and width swapped", "height counts rows, width columns: pixel (r, c) is column r·width + c.", _of(lambda k, h, w, p: (k, w, h, p))),
    ("kernel transposed", "weight[a, b]: a counts rows, b columns.", _of(lambda k, h, w, p: (k.T, h, w, p))),
    ("kernel flipped along the rows only", "No flip at all: output (i, j) reads pixel (i + a, j + b) with weight[a, b].", _of(lambda k, h, w, p: (k[::-1], h, w, p))),
    ("kernel flipped along the columns only", "No flip at all: output (i, j) reads pixel (i + a, j + b) with weight[a, b].", _of(lambda k, h, w, p: (k[:, ::-1], h, w, p))),
    ("last output row and column missing", "A kernel of k fits on n pixels n − k + 1 times.", _windows(lambda m, k, p: m[:-1, :-1])),
    ("output width taken for the image's width", "The column of pixel (r, c) is r·width + c, with the width of the image.", _narrow),
    ("padding after the image only", "Padding is on both sides: output (i, j) starts at pixel (i − padding, j − padding).", _but(start=0)),
    ("padding on one side only, the output smaller", "Padding is on both sides: H' = height + 2·padding − kH + 1.", _windows(lambda m, k, p: m[p:, p:])),
    ("padding counted once in the output size", "Padding is on both sides: H' = height + 2·padding − kH + 1.", _windows(lambda m, k, p: m[: len(m) - p, : m.shape[1] - p])),
    ("shape (H', W', H, W)", "Flatten outputs and pixels: reshape to (H'·W', H·W).", _after(lambda m, k, h, w, p: m.reshape(*_out(k, h, w, p), h, w))),
    ("shape (H', W', H·W)", "Flatten the outputs too: reshape to (H'·W', H·W).", _after(lambda m, k, h, w, p: m.reshape(*_out(k, h, w, p), h * w))),
    ("windows side by side", "Stride 1: the window moves by one pixel.", _windows(lambda m, k, p: m[:: k.shape[0], :: k.shape[1]])),
    ("ones in place of the weights", "The entries are the kernel's weights, not only where they are.", _of(lambda k, h, w, p: (np.ones(k.shape), h, w, p))),
    ("weights divided by the kernel's size", "A convolution sums; it does not average.", _of(lambda k, h, w, p: (k / k.size, h, w, p))),
    ("weights divided by their sum", "A convolution does not normalise its kernel.", _of(lambda k, h, w, p: (k / k.sum(), h, w, p))),
    ("sign of the weights lost", "The entries are the weights themselves, signs included.", _of(lambda k, h, w, p: (abs(k), h, w, p))),
    ("results in float32", "Work in float64: np.zeros(shape) makes float64; drop astype and dtype=np.float32.", _after(lambda m, *_: m.astype(np.float32))),
    ("the first weight everywhere", "weight[a, b] belongs to the pixel (i + a, j + b): each tap has its own weight.", _of(lambda k, h, w, p: (np.full(k.shape, k[0, 0]), h, w, p))),
)  # fmt: skip


def _named(name, advice, wrong):
    """A slip, and the same slip in a function that forgets to refuse a kernel that does not fit."""
    advice_2 = f"{advice} And raise ValueError where H' or W' is below 1."
    return (
        Mistake(name, advice, lambda *given: wrong(*given)),
        Mistake(f"{name}, and no ValueError", advice_2, lambda *given: wrong(*given, **_LAX)),
    )


_LAX = dict(refuse=False)


def _matrix_loops(weight, height, width, padding=0):
    kh, kw = len(weight), len(weight[0])
    oh, ow = height + 2 * padding - kh + 1, width + 2 * padding - kw + 1
    if oh <= 0 or ow <= 0:
        raise ValueError("kernel larger than the padded image")
    rows = []
    for i in range(oh):
        for j in range(ow):
            row = [0.0] * (height * width)
            for a in range(kh):
                for b in range(kw):
                    r, c = i + a - padding, j + b - padding
                    if 0 <= r < height and 0 <= c < width:
                        row[r * width + c] = float(weight[a][b])
            rows.append(row)
    return rows


def _matrix_by_basis(weight, height, width, padding=0):
    """Each column is what the layer makes of an image with one lit pixel."""
    images = np.eye(height * width).reshape(-1, height, width)
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape, axis=(1, 2))
    return np.einsum("pijab,ab->ijp", windows, weight).reshape(-1, height * width)


def _matrix_by_index(weight, height, width, padding=0):
    """Number the pixels, pad the numbers, and read off which pixel each tap sees."""
    number = np.pad(np.arange(height * width).reshape(height, width), padding, constant_values=-1)
    taps = np.lib.stride_tricks.sliding_window_view(number, weight.shape).reshape(-1, weight.size)
    matrix = np.zeros((len(taps), height * width + 1))  # the last column takes what falls on the padding
    np.put_along_axis(matrix, taps % (height * width + 1), np.broadcast_to(weight.ravel(), taps.shape), axis=1)
    return matrix[:, :-1]


def _matrix_by_shifts(weight, height, width, padding=0):
    """A sum of Kronecker products of shifts, one for each tap."""
    (kh, kw), p = weight.shape, padding
    oh, ow = height + 2 * p - kh + 1, width + 2 * p - kw + 1
    if min(oh, ow) < 1:
        raise ValueError(f"a {kh}×{kw} kernel does not fit")
    return sum(
        weight[a, b] * np.kron(np.eye(oh, height, a - p), np.eye(ow, width, b - p))
        for a in range(kh)
        for b in range(kw)
    )


def _matrix_torch(weight, height, width, padding=0):
    try:
        return _matrix_oracle(weight, height, width, padding)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _kernel(rows, height, width, **more):
    return dict(weight=np.array(rows, dtype=float), height=height, width=width) | more


_NINE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


MATRIX = Exercise(
    name="conv_as_matrix",
    returns=("matrix",),
    oracle=_matrix_oracle,
    cases=(
        Case("a 1×2 kernel on a row of three pixels", lambda rng: _kernel([[1, 2]], 1, 3)),
        Case("a 2×2 kernel on 2×3 pixels", lambda rng: _kernel([[1, 2], [3, 4]], 2, 3)),
        Case("a 1×3 kernel on 2×2 pixels, padding 1", lambda rng: _kernel([[1, -2, 3]], 2, 2, padding=1)),
        Case("a 3×3 kernel on 5×5 pixels: 81 entries", lambda rng: _kernel(_NINE, 5, 5)),
        Case("a 2×3 kernel on 4×5 pixels, padding 1", lambda rng: _kernel(rng.normal(size=(2, 3)), 4, 5, padding=1)),
        Case("a 3×2 kernel on 3×4 pixels, padding 2", lambda rng: _kernel(rng.normal(size=(3, 2)), 3, 4, padding=2)),
        Case("a 3×3 kernel on 4×4 pixels, padding 1: the size stays", lambda rng: _kernel(rng.normal(size=(3, 3)), 4, 4, padding=1)),
        Case("a kernel as large as the image: fully connected", lambda rng: _kernel([[1, 2, 3], [4, 5, 6]], 2, 3, padding=0)),
        Case("a 1×1 kernel", lambda rng: _kernel([[-3]], 2, 2)),
        Case("a 1×1 kernel with padding 1: rows of zeros", lambda rng: _kernel([[5]], 1, 2, padding=1)),
        Case("a kernel with zeros in it", lambda rng: _kernel([[1, 0, -1], [2, 0, -2], [1, 0, -1]], 3, 4)),
        Case("a kernel that fits only with padding", lambda rng: _kernel(_NINE, 1, 2, padding=1)),
        Case("a kernel that is one row too high", lambda rng: _kernel([[1], [2], [3]], 2, 2), raises="ValueError"),
        Case("a kernel that is much too large", lambda rng: _kernel(np.ones((5, 5)), 2, 2, padding=0), raises="ValueError"),
    ),
    mistakes=(
        Mistake("a kernel that does not fit is not refused", "Raise ValueError where H' or W' is below 1.", lambda *given: _right(*given, refuse=False)),
        *(mistake for slip in _MATRIX_SLIPS for mistake in _named(*slip)),
    ),
    accepts=(_matrix_loops, _matrix_by_basis, _matrix_by_index, _matrix_by_shifts, _matrix_torch),
    rtol=1e-9,  # every entry is a weight or zero: float32 would show
    verified="equal to the Jacobian of torch's conv2d: oblong kernels and images, padding, kernels that just fit and that do not",
)  # fmt: skip
