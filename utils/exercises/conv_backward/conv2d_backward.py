"""conv2d_backward: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.conv_backward.shared import _arange
from utils.grading.spec import Case, Exercise, Mistake


# ---- convolution ------------------------------------------------------------------------------------------------
def _conv_oracle(dout, x, weight, stride=1, padding=0):
    import torch

    x, weight = (torch.from_numpy(np.array(a)).requires_grad_() for a in (x, weight))
    bias = torch.zeros(len(weight), dtype=torch.float64, requires_grad=True)
    out = torch.nn.functional.conv2d(x, weight, bias, stride, padding)
    grads = torch.autograd.grad(out, (x, weight, bias), torch.from_numpy(np.array(dout)))
    return tuple(grad.numpy() for grad in grads)


def _flip(weight, axes=(2, 3)):
    return np.flip(weight, axes)


class _Conv:
    """The right gradients and their parts, of which the wrong answers are put together."""

    def __init__(self, dout, x, weight, stride, padding):
        self.dout, self.x, self.weight, self.stride, self.padding = dout, x, weight, stride, padding
        (self.n, self.c, self.h, self.w), (self.kh, self.kw), (self.oh, self.ow) = x.shape, weight.shape[2:], dout.shape[2:]  # fmt: skip
        self.padded = np.zeros((self.n, self.c, self.h + 2 * padding, self.w + 2 * padding))
        self.padded[:, :, padding : padding + self.h, padding : padding + self.w] = (
            x  # np.pad takes three times as long
        )
        if self.kh > self.padded.shape[2] or self.kw > self.padded.shape[3]:
            raise ValueError("the kernel does not fit")

    def spread(self, weight=None, dout=None, step=None, first=0, write=np.add, room=0):
        """Each entry of dout, times the kernel, added where its window lay: (N, C, H + 2p, W + 2p), and `room`."""
        weight, dout = (mine if given is None else given for given, mine in ((weight, self.weight), (dout, self.dout)))
        step = step or self.stride
        canvas = np.zeros((*self.padded.shape[:2], *(size + room for size in self.padded.shape[2:])))
        (oh, ow), (kh, kw) = dout.shape[2:], weight.shape[2:]
        for a, b in np.ndindex(kh, kw):
            part = canvas[:, :, first + a : first + a + step * oh : step, first + b : first + b + step * ow : step]
            part[...] = write(part, np.einsum("nohw,oc->nchw", dout, weight[:, :, a, b]))
        return canvas

    def cut(self, canvas):
        p = self.padding
        return canvas[:, :, p : p + self.h, p : p + self.w]

    def shrunk(self, canvas, step=None, cut=True):
        """As large as the full convolution of a dout dilated by `step` is, with its padding cut off."""
        step, p = step or self.stride, self.padding * cut
        return canvas[:, :, p : (self.oh - 1) * step + self.kh - p, p : (self.ow - 1) * step + self.kw - p]

    def correlate(self, dout=None, step=None, padded=None):
        """dweight: the padded input times dout at each offset of the kernel."""
        dout, padded = self.dout if dout is None else dout, self.padded if padded is None else padded
        step, (oh, ow) = step or self.stride, dout.shape[2:]
        found = np.empty(self.weight.shape)
        for a, b in np.ndindex(self.kh, self.kw):
            found[:, :, a, b] = np.einsum("nohw,nchw->oc", dout, padded[:, :, a : a + step * oh : step, b : b + step * ow : step])  # fmt: skip
        return found

    @property
    def dx(self):
        return self.cut(self.spread())

    @property
    def dweight(self):
        return self.correlate()

    @property
    def dbias(self):
        return self.dout.sum(axis=(0, 2, 3))


def _wrong(dx=None, dweight=None, dbias=None):
    """The right answer with some of its three values exchanged; each is made from the parts `p`."""

    def wrong(dout, x, weight, stride=1, padding=0):
        p = _Conv(dout, x, weight, stride, padding)
        return (dx(p) if dx else p.dx, dweight(p) if dweight else p.dweight, dbias(p) if dbias else p.dbias)

    return wrong


def _one_by_one(p, by_filter=False):
    """dx from loops over images and output positions that assign where they should add."""
    canvas = np.zeros(p.padded.shape)
    for n, i, j in np.ndindex(p.n, p.oh, p.ow):
        part = canvas[n, :, i * p.stride : i * p.stride + p.kh, j * p.stride : j * p.stride + p.kw]
        kernels = p.dout[n, :, i, j, None, None, None] * p.weight
        part[...] = kernels[-1] if by_filter else kernels.sum(axis=0)
    return p.cut(canvas)


def _averaged(p):
    ones = _Conv(np.ones((1, 1, p.oh, p.ow)), p.x[:1, :1], np.ones((1, 1, p.kh, p.kw)), p.stride, p.padding)
    return p.dx / np.maximum(ones.dx, 1)


def _valid(p):
    """A full convolution without the zeros around dout."""
    dilated = np.zeros((*p.dout.shape[:2], (p.oh - 1) * p.stride + 1, (p.ow - 1) * p.stride + 1))
    dilated[:, :, :: p.stride, :: p.stride] = p.dout
    windows = np.lib.stride_tricks.sliding_window_view(dilated, (p.kh, p.kw), axis=(2, 3))
    return np.einsum("nohwab,ocab->nchw", windows, _flip(p.weight))


def _repeated(p):
    dout = p.dout.repeat(p.stride, axis=2).repeat(p.stride, axis=3)
    return p.cut(p.spread(dout=dout, step=1, room=p.stride))


def _last_position(p):
    return p.correlate(p.dout * _corner(p.dout.shape, 2))


def _last_image(p):
    return p.correlate(p.dout * _corner(p.dout.shape, 0)[:, :, :1, :1])


def _corner(shape, axis):
    """1 at the last index of the axes from `axis` on, 0 elsewhere."""
    mask = np.zeros(shape)
    mask[(slice(None),) * axis + (-1,) * (1 if axis == 0 else 2)] = 1
    return mask


def _padding_ignored(dout, x, weight, stride=1, padding=0):
    p = _Conv(dout, x, weight, stride, 0)
    return p.dx, p.dweight, p.dbias


def _arguments_swapped(dout, x, weight, padding=0, stride=1):
    p = _Conv(dout, x, weight, stride, padding)
    return p.dx, p.dweight, p.dbias


_FLIP = "As a full convolution, dx needs the kernel turned by 180°: weight[:, :, ::-1, ::-1]. Added window by window it is used as it is."


_ROLES = (
    "dx runs from output channels to input channels: sum over C_out, axis 0 of the weight, and flip axes 2 and 3 alone."
)


_CUT = "dx has the shape of x: of the gradient on the padded input take rows p to p + H and columns p to p + W."


_MINUS = "With padding 0 the slice [0:-0] is empty; write [p : p + H]."


_DILATE = "Output i read from row i·stride on: put stride − 1 zeros between the entries of dout, or step by the stride."


_DILATE_W = (
    "dweight[…, a, b] pairs dout[i, j] with x[i·stride + a, j·stride + b]: step through the padded x by the stride."
)


_REST = "Where the stride does not fill the map, the last rows and columns are read by no window: their gradient is 0, but they are there."


_FULL = "Full convolution: k − 1 − padding zeros around the dilated dout, so that border pixels are reached too."


_ADD = "A pixel that several windows (and all filters) have read gets the sum of what they send back: +=, not =."


_SUM = "The filters and the bias serve every image and every position, so their gradients are sums; a mean loss has its 1/N in dout already."


_DBIAS = "The bias of a channel is added to all its outputs: sum dout over axes (0, 2, 3), shape (C_out,)."


_CORRELATE = (
    "dweight[o, c, a, b] = Σ dout[n, o, i, j] · x[n, c, i·s + a, j·s + b] over n, i and j: a correlation, no flip."
)


_DOUT = "Every gradient starts from dout, not from ones."


_ORDER = "Return (dx, dweight, dbias), and take stride before padding."


_PAD = "The forward pass read the padded x: pad it for dweight, spread dx over the padded shape, then cut."


def _mean_w(p):
    return p.dweight / p.n


def _mean_all(p):
    return p.dweight / (p.n * p.oh * p.ow)


_CONV_SLIPS = (  # name, advice, then what stands for dx, dweight and dbias; the commonest first
    ("kernel not flipped in dx", _FLIP, lambda p: p.cut(p.spread(_flip(p.weight)))),
    ("padding not cut off", _CUT, lambda p: p.spread()),
    ("stride not dilated in dx", _DILATE, lambda p: p.cut(p.spread(step=1))),
    ("stride not dilated in dx, which comes out too small", _DILATE, lambda p: p.shrunk(p.spread(step=1), 1)),
    ("stride not dilated in dweight", _DILATE_W, None, lambda p: p.correlate(step=1)),
    ("stride not dilated anywhere", _DILATE, lambda p: p.cut(p.spread(step=1)), lambda p: p.correlate(step=1)),
    ("stride not dilated anywhere, dx too small", _DILATE, lambda p: p.shrunk(p.spread(step=1), 1), lambda p: p.correlate(step=1)),
    ("dbias averaged", _SUM, None, None, lambda p: p.dout.mean(axis=(0, 2, 3))),
    ("overlapping windows overwritten in dx", _ADD, _one_by_one),
    ("overlapping windows and filters overwritten in dx", _ADD, lambda p: _one_by_one(p, by_filter=True)),
    ("overlaps overwritten in dx, kernel offset by kernel offset", _ADD, lambda p: p.cut(p.spread(write=lambda _, new: new))),
    ("overlaps averaged in dx", _ADD, _averaged),
    ("rows that no window reaches left out of dx", _REST, lambda p: p.shrunk(p.spread())),
    ("padding cut off as [p:-p]", _MINUS, lambda p: p.spread()[:, :, p.padding : -p.padding, p.padding : -p.padding]),
    ("padding cut off at the far side only", _CUT, lambda p: p.spread()[:, :, : p.h, : p.w]),
    ("padding cut off at the near side only", _CUT, lambda p: p.spread()[:, :, p.padding :, p.padding :]),
    ("padding not cut off, rows that no window reaches left out", _CUT, lambda p: p.shrunk(p.spread(), cut=False)),
    # the kernel in dx
    ("kernel flipped along one axis only (rows)", _FLIP, lambda p: p.cut(p.spread(_flip(p.weight, 3)))),
    ("kernel flipped along one axis only (columns)", _FLIP, lambda p: p.cut(p.spread(_flip(p.weight, 2)))),
    ("kernel transposed instead of flipped", _FLIP, lambda p: p.cut(p.spread(_flip(p.weight.swapaxes(2, 3)), room=2))),
    ("all four axes of the weight flipped", _ROLES, lambda p: p.cut(p.spread(_flip(p.weight, (0, 1))))),
    ("channel axes of the weight swapped in dx", _ROLES, lambda p: p.cut(p.spread(p.weight.swapaxes(0, 1)))),
    ("forward pass taken for a true convolution", "Frameworks correlate: the forward pass does not flip. So dx does, and dweight does not.",
     lambda p: p.cut(p.spread(_flip(p.weight))), lambda p: _flip(p.dweight)),
    ("kernel not flipped and stride not dilated in dx", _DILATE, lambda p: p.cut(p.spread(_flip(p.weight), step=1))),
    ("kernel not flipped and stride not dilated in dx, which comes out too small", _DILATE, lambda p: p.shrunk(p.spread(_flip(p.weight), step=1), 1)),
    ("kernel not flipped in dx, padding not cut off", _FLIP, lambda p: p.spread(_flip(p.weight))),
    ("kernel not flipped in dx, rows that no window reaches left out", _FLIP, lambda p: p.shrunk(p.spread(_flip(p.weight)))),
    # the dilation of dout
    ("one zero too many between the entries of dout", _DILATE, lambda p: p.cut(p.spread(step=p.stride + 1, room=max(p.oh, p.ow)))),
    ("one zero too many between the entries of dout, dx too large", _DILATE,
     lambda p: p.shrunk(p.spread(step=p.stride + 1, room=max(p.oh, p.ow)), p.stride + 1)),
    ("dout repeated instead of dilated with zeros", _DILATE, _repeated),
    ("zeros in front of the entries of dout, not between them", _DILATE, lambda p: p.cut(p.spread(first=p.stride - 1, room=p.stride))),
    ("no zeros around dout (valid convolution)", _FULL, _valid),
    # sums and means
    ("dbias averaged over the batch", _SUM, None, None, lambda p: p.dbias / p.n),
    ("dbias averaged over the positions", _SUM, None, None, lambda p: p.dout.sum(axis=0).mean(axis=(1, 2))),
    ("dweight and dbias averaged over the batch", _SUM, None, _mean_w, lambda p: p.dbias / p.n),
    ("dweight and dbias averaged over batch and positions", _SUM, None, _mean_all, lambda p: p.dout.mean(axis=(0, 2, 3))),
    ("dweight averaged over the batch", _SUM, None, _mean_w),
    ("dweight averaged over batch and positions", _SUM, None, _mean_all),
    ("everything averaged over the batch", _SUM, lambda p: p.dx / p.n, _mean_w, lambda p: p.dbias / p.n),
    ("dx averaged over the batch", _SUM, lambda p: p.dx / p.n),
    ("dx averaged over the filters", _ADD, lambda p: p.dx / len(p.weight)),
    ("dbias summed over the positions only", _DBIAS, None, None, lambda p: p.dout.sum(axis=(2, 3))),
    ("dbias summed over the batch only", _DBIAS, None, None, lambda p: p.dout.sum(axis=0)),
    ("dbias summed over everything", _DBIAS, None, None, lambda p: p.dout.sum()),
    ("dbias for each image (axes 1, 2, 3)", _DBIAS, None, None, lambda p: p.dout.sum(axis=(1, 2, 3))),
    ("dbias along the last axis (axes 0, 1, 2)", _DBIAS, None, None, lambda p: p.dout.sum(axis=(0, 1, 2))),
    ("dbias of shape (1, C_out, 1, 1)", _DBIAS, None, None, lambda p: p.dbias[None, :, None, None]),
    ("dbias of shape (C_out, 1)", _DBIAS, None, None, lambda p: p.dbias[:, None]),
    ("no dbias (None)", "Return dbias always, whether or not the layer had a bias: sum dout over axes (0, 2, 3).", None, None, lambda p: None),
    ("dbias counts the positions", _DOUT, None, None, lambda p: np.full(len(p.weight), float(p.n * p.oh * p.ow))),
    # dweight
    ("kernel flipped in dweight", _CORRELATE, None, lambda p: _flip(p.dweight)),
    ("dweight flipped along one axis only (rows)", _CORRELATE, None, lambda p: _flip(p.dweight, 3)),
    ("dweight flipped along one axis only (columns)", _CORRELATE, None, lambda p: _flip(p.dweight, 2)),
    ("channel axes of dweight swapped", "dweight has the shape of the weight, (C_out, C_in, kH, kW).", None, lambda p: p.dweight.swapaxes(0, 1)),
    ("rows and columns of dweight swapped", "dweight has the shape of the weight, (C_out, C_in, kH, kW).", None, lambda p: p.dweight.swapaxes(2, 3)),
    ("only the last image kept in dweight", _CORRELATE, None, _last_image),
    ("only the last position kept in dweight", _CORRELATE, None, _last_position),
    ("absolute values of x in dweight", _CORRELATE, None, lambda p: p.correlate(padded=abs(p.padded))),
    ("border pixels repeated instead of zeros in dweight", "The forward pass padded with zeros: np.pad's default, mode constant.", None,
     lambda p: p.correlate(padded=np.pad(p.x, ((0, 0), (0, 0), (p.padding,) * 2, (p.padding,) * 2), mode="edge"))),
    # the rest
    ("upstream gradient ignored", _DOUT, lambda p: p.cut(p.spread(dout=0 * p.dout + 1)), lambda p: p.correlate(0 * p.dout + 1),
     lambda p: (0 * p.dout + 1).sum(axis=(0, 2, 3))),
    ("dx and dweight swapped", _ORDER, lambda p: p.dweight, lambda p: p.dx),
    ("dweight and dbias swapped", _ORDER, None, lambda p: p.dbias, lambda p: p.dweight),
    ("signs of all gradients reversed", "The gradient points uphill; the minus belongs to the update.",
     lambda p: -p.dx, lambda p: -p.dweight, lambda p: -p.dbias),
    ("results in float32", "Work in float64: np.zeros(shape) makes float64; drop astype and dtype=np.float32.",
     lambda p: p.dx.astype(np.float32), lambda p: p.dweight.astype(np.float32), lambda p: p.dbias.astype(np.float32)),
    ("dx multiplied by x", "The layer is linear in x: dx needs dout and the weight alone.", lambda p: p.dx * p.x),
)  # fmt: skip


_CONV_MISTAKES = (
    *(Mistake(name, advice, _wrong(*values)) for name, advice, *values in _CONV_SLIPS),
    Mistake("padding ignored", _PAD, _padding_ignored),
    Mistake("stride and padding in the wrong order", _ORDER, _arguments_swapped),
)


def _conv_loops(dout, x, weight, stride=1, padding=0):
    """One line of the derivation for each entry, no padded copy: taps outside the image are skipped."""
    (h, w), (f, _, kh, kw) = x.shape[2:], weight.shape
    if kh > h + 2 * padding or kw > w + 2 * padding:
        raise ValueError("kernel larger than the padded image")
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), [0.0] * f
    for m, o, i, j in np.ndindex(*dout.shape):
        dbias[o] += dout[m, o, i, j]
        for a, b in np.ndindex(kh, kw):
            row, column = i * stride + a - padding, j * stride + b - padding
            if 0 <= row < h and 0 <= column < w:
                dx[m, :, row, column] += dout[m, o, i, j] * weight[o, :, a, b]
                dweight[o, :, a, b] += dout[m, o, i, j] * x[m, :, row, column]
    return dx, dweight, dbias


def _full_convolution(dout, x, weight, stride=1, padding=0):
    """The two convolutions of the text: dilate, surround with zeros, flip; correlate x with the dilated dout."""
    (_, _, h, w), (kh, kw), (oh, ow) = x.shape, weight.shape[2:], dout.shape[2:]
    view = np.lib.stride_tricks.sliding_window_view
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    dilated = np.zeros((*dout.shape[:2], padded.shape[2] - kh + 1, padded.shape[3] - kw + 1))
    dilated[:, :, : oh * stride : stride, : ow * stride : stride] = dout
    around = np.pad(dilated, [(0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)])
    dx = np.einsum("nohwab,ocab->nchw", view(around, (kh, kw), axis=(2, 3)), weight[:, :, ::-1, ::-1])
    dweight = np.einsum("ncabhw,nohw->ocab", view(padded, dilated.shape[2:], axis=(2, 3)), dilated)
    return [dx[:, :, padding : padding + h, padding : padding + w], dweight, np.einsum("nohw->o", dout)]


def _col2im(dout, x, weight, stride=1, padding=0):
    """One matrix product for each gradient, then the columns are added back into the image."""
    (n, c, h, w), (f, _, kh, kw), (oh, ow) = x.shape, weight.shape, dout.shape[2:]
    if min(h + 2 * padding - kh, w + 2 * padding - kw) < 0:
        raise ValueError
    index = np.arange(c * (h + 2 * padding) * (w + 2 * padding)).reshape(c, h + 2 * padding, w + 2 * padding)
    windows = np.lib.stride_tricks.sliding_window_view(index, (kh, kw), axis=(1, 2))[:, ::stride, ::stride]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(c * kh * kw, oh * ow)
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]).reshape(n, -1)
    flat, dpadded = dout.reshape(n, f, -1), np.zeros(padded.shape)
    dweight = sum(flat[m] @ padded[m][columns].T for m in range(n))
    for m in range(n):
        np.add.at(dpadded[m], columns, weight.reshape(f, -1).T @ flat[m])
    dx = dpadded.reshape(n, c, h + 2 * padding, w + 2 * padding)[:, :, padding:, padding:][:, :, :h, :w]
    return dx, dweight.reshape(weight.shape), flat.sum(axis=(0, 2))


def _conv_torch(dout, x, weight, stride=1, padding=0):
    try:
        return _conv_oracle(dout, x, weight, stride, padding)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _layer(rng, x, weight, stride=None, padding=None, size=1.0):
    """Random inputs of a layer: x (N, C, H, W) and weight (C_out, kH, kW) give the shapes."""
    n, c, h, w = x
    f, kh, kw = weight
    s, p = stride or 1, padding or 0
    out = (n, f, (h + 2 * p - kh) // s + 1, (w + 2 * p - kw) // s + 1)
    given = dict(dout=size * rng.normal(size=out), x=rng.normal(0.5, 1, size=x), weight=rng.normal(size=(f, c, kh, kw)))
    return given | ({} if stride is None else dict(stride=stride)) | ({} if padding is None else dict(padding=padding))


def _row(dout, x, weight, **more):
    return (
        dict(zip(("dout", "x", "weight"), (np.array([[[a]]], dtype=float) for a in (dout, x, weight)), strict=True))
        | more
    )


CONV = Exercise(
    name="conv2d_backward",
    returns=("dx", "dweight", "dbias"),
    oracle=_conv_oracle,
    cases=(
        Case("a 1×2 kernel on a row of three pixels", lambda rng: _row([1, 10], [3, 4, 5], [1, 2])),
        Case("a 1×2 kernel on a row of five pixels, stride 2", lambda rng: _row([1, 10], [3, 4, 5, 6, 7], [1, 2], stride=2)),
        Case("a 3×3 kernel on 2×2 pixels, padding 1", lambda rng: dict(
            dout=np.array([[[[1.0, 0.0], [0.0, 10.0]]]]), x=_arange(1, 1, 2, 2), weight=_arange(1, 1, 3, 3), stride=1, padding=1)),
        Case("two images, three channels to four", lambda rng: _layer(rng, (2, 3, 5, 6), (4, 3, 3))),
        Case("every axis of dout and of the weight is 3 long", lambda rng: _layer(rng, (3, 3, 5, 5), (3, 3, 3))),
        Case("a 2×3 kernel with padding 1", lambda rng: _layer(rng, (2, 2, 4, 3), (3, 2, 3), 1, 1)),
        Case("stride 2, padding 1, a row and a column that only one window reads", lambda rng: _layer(rng, (2, 2, 6, 6), (2, 3, 3), 2, 1)),
        Case("stride 2, a row and a column that no window reads", lambda rng: _layer(rng, (1, 2, 6, 4), (3, 3, 3), 2)),
        Case("stride 3 and a 2×2 kernel: gaps between the windows", lambda rng: _layer(rng, (1, 2, 7, 8), (2, 2, 2), 3, 0)),
        Case("a 1×1 kernel, stride 2, padding 1", lambda rng: _layer(rng, (2, 3, 4, 4), (2, 1, 1), 2, 1)),
        Case("padding as wide as the kernel", lambda rng: _layer(rng, (1, 1, 2, 3), (1, 2, 2), 1, 2)),
        Case("a kernel as large as the image", lambda rng: _layer(rng, (2, 2, 3, 4), (3, 3, 4))),
        Case("upstream gradients of 1e4", lambda rng: _layer(rng, (1, 2, 4, 4), (2, 3, 3), 1, 1, size=1e4)),
        Case("a zero upstream gradient", lambda rng: _layer(rng, (1, 1, 3, 3), (2, 2, 2), size=0.0)),
        Case("a 3×3 kernel does not fit on 2×2 pixels", lambda rng: dict(
            dout=np.ones((1, 1, 2, 2)), x=_arange(1, 1, 2, 2), weight=_arange(1, 1, 3, 3)), raises="ValueError"),
    ),
    mistakes=_CONV_MISTAKES,
    accepts=(_conv_loops, _full_convolution, _col2im, _conv_torch),
    rtol=1e-9,  # sums of a few products: any order agrees in float64, and float32 does not
    verified="equal to torch's autograd through conv2d in float64: strides, paddings, oblong kernels, pixels that no window reads",
)  # fmt: skip
