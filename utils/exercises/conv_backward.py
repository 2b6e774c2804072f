"""21 · The backward passes of convolution and of max pooling. Oracle: autograd through torch's conv2d and max_pool2d."""

from math import prod

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question

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
    ("signs of all gradients turned round", "The gradient points uphill; the minus belongs to the update.",
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


def _arange(*shape, first=1.0):
    return np.arange(first, first + prod(shape)).reshape(shape)


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

# ---- max pooling ------------------------------------------------------------------------------------------------


def _pool_oracle(dout, x, kernel_size, stride=None):
    import torch

    x = torch.from_numpy(np.array(x)).requires_grad_()
    out = torch.nn.functional.max_pool2d(x, kernel_size, stride)
    return torch.autograd.grad(out, x, torch.from_numpy(np.array(dout)))[0].numpy()


def _first(block):
    """(N, C, k, k) -> 1 at the first maximum of each window, row by row, 0 elsewhere."""
    return _at(block, block.reshape(*block.shape[:2], -1).argmax(axis=2))


def _at(block, position):
    n, c, kh, kw = block.shape
    return (np.arange(kh * kw) == np.asarray(position)[..., None]).reshape(n, c, kh, kw).astype(float)


def _last(block):
    n, c, kh, kw = block.shape
    return _at(block, kh * kw - 1 - block.reshape(n, c, -1)[:, :, ::-1].argmax(axis=2))


def _by_column(block):
    return _first(block.swapaxes(2, 3)).swapaxes(2, 3)


def _ties(block):
    return (block == block.max(axis=(2, 3), keepdims=True)).astype(float)


def _shares(block):
    return _ties(block) / _ties(block).sum(axis=(2, 3), keepdims=True)


def _one_channel(block):
    return _first(block[:, :1]) + 0 * block


def _one_image(block):
    return _first(block[:1]) + 0 * block


def _softmax(block):
    e = np.exp(block - block.max(axis=(2, 3), keepdims=True))
    return e / e.sum(axis=(2, 3), keepdims=True)


def _pool(share=_first, write=np.add, step=None, grow=lambda dx, given: dx, fits=True):
    """Max pooling's backward pass with one part exchanged: who gets a window's gradient, how it is written, the stride."""

    def wrong(dout, x, kernel_size, stride=None):
        k, s = kernel_size, stride or kernel_size
        if fits and k > min(x.shape[2:]):
            raise ValueError("the window does not fit")
        s = step(k, s, stride) if step else s
        dx = np.zeros(x.shape)
        for i, j in np.ndindex(*dout.shape[2:]):
            place = (..., slice(i * s, i * s + k), slice(j * s, j * s + k))
            dx[place] = write(dx[place], share(x[place]) * dout[:, :, i, j, None, None])
        return grow(dx, (dout, x, k, s))

    return wrong


def _covered(dx, given):
    dout, _, k, s = given
    oh, ow = dout.shape[2:]
    return dx[:, :, : (oh - 1) * s + k, : (ow - 1) * s + k]


def _global(dout, x, kernel_size, stride=None):
    """Every window's gradient at the maximum of the whole channel."""
    if kernel_size > min(x.shape[2:]):
        raise ValueError
    return _first(x) * dout.sum(axis=(2, 3), keepdims=True)


def _everywhere(dout, x, kernel_size, stride=None):
    """All entries equal to some window's maximum, compared by value with what was pooled (np.isin)."""
    k, s = kernel_size, stride or kernel_size
    dx = np.zeros(x.shape)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    for n, c, i, j in np.ndindex(*dout.shape):
        dx[n, c][x[n, c] == windows[n, c, i, j].max()] += dout[n, c, i, j]
    return dx


def _wide_index(dout, x, kernel_size, stride=None):
    """The position in the window taken for a position in the image: divmod by the image's width."""
    k, s = kernel_size, stride or kernel_size
    if k > min(x.shape[2:]):
        raise ValueError
    h, w = x.shape[2:]
    dx = np.zeros(x.shape)
    for m, f, i, j in np.ndindex(*dout.shape):
        place = np.argmax(x[m, f, i * s : i * s + k, j * s : j * s + k]) + i * s * w + j * s
        dx[m, f, place // w % h, place % w] += dout[m, f, i, j]
    return dx


_FIRST = "Of equal maxima the first one, row by row, takes the whole gradient: np.argmax of the flattened window."
_MAX = "Only the maximum reached the output: its derivative is 1, that of every other entry of the window 0."
_OVERLAP = "A pixel can be the maximum of several windows: add what each sends back, +=, not =."
_STRIDE = "stride None means windows side by side, stride = kernel_size; else step by the stride."
_OWN = "Every channel of every image has its own maxima: reduce over the two axes of the window only."
_SHAPE = "dx has the shape of x; rows and columns that no window read have gradient 0."
_INDEX = "argmax gives a place in the window: divmod(place, kernel_size) is its row and column there."

_POOL_MISTAKES = (
    Mistake("ties share the gradient", _FIRST, _pool(_shares)),
    Mistake("every tie gets the whole gradient", _FIRST, _pool(_ties)),
    Mistake("overlaps overwritten", _OVERLAP, _pool(write=lambda old, new: new)),
    Mistake("overlaps overwritten, at the maxima only", _OVERLAP, _pool(write=lambda old, new: np.where(new != 0, new, old))),
    Mistake("ties share the gradient, overlaps overwritten", _OVERLAP, _pool(_shares, lambda old, new: new)),
    Mistake("every tie gets the whole gradient, overlaps overwritten", _OVERLAP, _pool(_ties, lambda old, new: new)),
    Mistake("every tie gets the whole gradient, overlaps overwritten at the maxima", _OVERLAP, _pool(_ties, lambda old, new: np.where(new != 0, new, old))),
    Mistake("the last maximum instead of the first", _FIRST, _pool(_last)),
    Mistake("the first maximum column by column", "Row by row: within a window the row decides first, then the column.", _pool(_by_column)),
    Mistake("average pooling's gradient", _MAX, _pool(lambda block: np.full(block.shape, 1 / block[0, 0].size))),
    Mistake("the whole window gets the gradient", _MAX, _pool(np.ones_like)),
    Mistake("the largest absolute value", "Max pooling takes the largest value, not the largest size.", _pool(lambda block: _first(abs(block)))),
    Mistake("the minimum", "The maximum of each window takes the gradient.", _pool(lambda block: _first(-block))),
    Mistake("negative maxima get nothing", "A window's maximum may be negative: start the search from its first entry, not from 0.", _pool(lambda block: _first(block) * (block > 0))),
    Mistake("maxima that are 0 get nothing", "A maximum of 0 takes the gradient too; ReLU before the pooling has its own backward pass.", _pool(lambda block: _first(block) * (block != 0))),
    Mistake("a softmax for the maximum", _MAX, _pool(_softmax)),
    Mistake("gradient times the maximum", "The derivative with respect to the maximum is 1, not its value.", _pool(lambda block: _first(block) * block)),
    Mistake("gradient divided by the window's size", _MAX, _pool(lambda block: _first(block) / block[0, 0].size)),
    Mistake("upstream gradient ignored", "Every gradient starts from dout, not from ones.", lambda dout, *rest: _pool()(0 * dout + 1, *rest)),
    Mistake("the maximum itself returned", "Return the gradient dout at that place, not the value of x.", lambda dout, x, *rest: _pool(lambda block: _first(block) * block, lambda old, new: old + new)(0 * dout + 1, x, *rest)),
    Mistake("one maximum for all channels", _OWN, _pool(_one_channel)),
    Mistake("one maximum for all images", _OWN, _pool(_one_image)),
    Mistake("the maximum of the whole image", "Look inside each window, not at the whole channel.", _global),
    Mistake("pixels outside the window that equal its maximum", "Compare within the window: an equal pixel elsewhere did not reach this output.", _everywhere),
    Mistake("stride ignored", _STRIDE, _pool(step=lambda k, s, given: k)),
    Mistake("stride 1 unless given", _STRIDE, _pool(step=lambda k, s, given: given or 1)),
    Mistake("stride 1 always", _STRIDE, _pool(step=lambda k, s, given: 1)),
    Mistake("stride 2 unless given", _STRIDE, _pool(step=lambda k, s, given: given or 2)),
    Mistake("rows that no window read left out", _SHAPE, _pool(grow=_covered)),
    Mistake("place in the window taken for a place in the image", _INDEX, _wide_index),
    Mistake("row and column of the maximum swapped", _INDEX, _pool(lambda block: _first(block).swapaxes(2, 3))),
    Mistake("always the top left entry", _MAX, _pool(lambda block: _at(block, np.zeros(block.shape[:2])))),
    Mistake("sign turned round", "The gradient of the maximum is +1.", lambda *given: -_pool()(*given)),
    Mistake(
        "results in float32",
        "Work in float64: np.zeros(shape) makes float64; drop astype and dtype=np.float32.",
        lambda *given: _pool()(*given).astype(np.float32),
    ),
    Mistake("summed over the batch", "Each image has its own dx: the shape is that of x.", lambda *given: _pool()(*given).sum(axis=0)),
    Mistake("divided by the batch size", "dout knows the 1/N of a mean loss already.", lambda dout, *rest: _pool()(dout, *rest) / len(dout)),
    Mistake("a window that does not fit is not refused", "Raise ValueError when kernel_size exceeds the height or the width of x.", _pool(fits=False)),
)  # fmt: skip


def _pool_loops(dout, x, kernel_size, stride=None):
    s = kernel_size if stride is None else stride
    n, c, h, w = x.shape
    if kernel_size > h or kernel_size > w:
        raise ValueError("window larger than the image")
    dx = np.zeros((n, c, h, w)).tolist()
    for m, f, i, j in np.ndindex(*dout.shape):
        best = (i * s, j * s)
        for row in range(i * s, i * s + kernel_size):
            for column in range(j * s, j * s + kernel_size):
                if x[m, f, row, column] > x[m, f, best[0], best[1]]:
                    best = (row, column)
        dx[m][f][best[0]][best[1]] += dout[m, f, i, j]
    return dx


def _pool_windows(dout, x, kernel_size, stride=None):
    """A writeable view of dx in windows of its own, added to through np.add.at."""
    k, s = kernel_size, stride or kernel_size
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    rows, columns = divmod(windows.reshape(*windows.shape[:4], -1).argmax(axis=-1), k)
    n, c, i, j = np.indices(dout.shape, sparse=True)
    dx = np.zeros(x.shape)
    np.add.at(dx, (n, c, i * s + rows, j * s + columns), dout)
    return dx


def _pool_offsets(dout, x, kernel_size, stride=None):
    """Offset by offset: the first whose entry equals the maximum takes the gradient, and the window is closed."""
    k, s = kernel_size, stride or kernel_size
    oh, ow = dout.shape[2:]
    places = [
        (..., slice(a, a + s * (oh - 1) + 1, s), slice(b, b + s * (ow - 1) + 1, s)) for a in range(k) for b in range(k)
    ]
    top = np.max([x[place] for place in places], axis=0)
    if k > min(x.shape[2:]):
        raise ValueError
    open_, dx = np.ones(dout.shape, dtype=bool), np.zeros_like(x)
    for place in places:
        hit = open_ & (x[place] == top)
        dx[place] += np.where(hit, dout, 0)
        open_ &= ~hit
    return dx


def _pool_torch(dout, x, kernel_size, stride=None):
    try:
        return _pool_oracle(dout, x, kernel_size, stride)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _image(rows, dout, kernel_size, **more):
    return dict(dout=np.array([[dout]], dtype=float), x=np.array([[rows]], dtype=float), kernel_size=kernel_size) | more


def _maps(rng, shape, kernel_size, size=1.0, values=None, **more):
    """Random maps; with `values` small integers, so that ties abound."""
    s = more.get("stride") or kernel_size
    x = rng.normal(size=shape) if values is None else rng.integers(*values, size=shape).astype(float)
    out = (*shape[:2], *((side - kernel_size) // s + 1 for side in shape[2:]))
    return dict(dout=size * rng.normal(size=out), x=x, kernel_size=kernel_size) | more


POOL = Exercise(
    name="max_pool2d_backward",
    returns=("dx",),
    oracle=_pool_oracle,
    cases=(
        Case("one window of 2×2", lambda rng: _image([[1, 3], [7, 5]], [[10]], 2)),
        Case("two windows side by side", lambda rng: _image([[1, 4, -2, 0], [2, 3, -1, -3]], [[10, 20]], 2)),
        Case("ties in every window", lambda rng: _image([[0, 5, 4, 4], [5, 0, 4, 4]], [[10, 20]], 2)),
        Case("overlapping windows with one maximum", lambda rng: _image([[1, 2, 3], [4, 9, 6]], [[10, 20]], 2, stride=1)),
        Case("negative values only", lambda rng: _image([[-4, -2], [-9, -3]], [[10]], 2, stride=None)),
        Case("two images, three channels", lambda rng: _maps(rng, (2, 3, 4, 6), 2)),
        Case("as many images as channels, rows and columns", lambda rng: _maps(rng, (4, 4, 4, 4), 2, stride=2)),
        Case("kernel 3, stride 2: a shared row and column", lambda rng: _maps(rng, (2, 2, 7, 5), 3, stride=2)),
        Case("kernel 3, stride 1, ties in overlapping windows", lambda rng: _maps(rng, (2, 2, 5, 5), 3, values=(-1, 2), stride=1)),
        Case("stride 3 beyond a 2×2 window: gaps", lambda rng: _maps(rng, (1, 2, 8, 5), 2, stride=3)),
        Case("after a ReLU: zeros that tie, an odd row and column", lambda rng: _maps(rng, (2, 1, 5, 7), 2) | dict(
            x=np.maximum(0, rng.normal(-0.5, 1, size=(2, 1, 5, 7))))),
        Case("kernel 1", lambda rng: _maps(rng, (1, 2, 2, 3), 1)),
        Case("a window as large as the map", lambda rng: _maps(rng, (3, 2, 3, 3), 3, size=1e4)),
        Case("a zero upstream gradient", lambda rng: _maps(rng, (1, 1, 4, 4), 2, size=0.0)),
        Case("a 3×3 window does not fit on 2×4 pixels", lambda rng: dict(
            dout=np.ones((1, 1, 1, 1)), x=_arange(1, 1, 2, 4), kernel_size=3), raises="ValueError"),
    ),
    mistakes=_POOL_MISTAKES,
    accepts=(_pool_loops, _pool_windows, _pool_offsets, _pool_torch),
    rtol=1e-9,  # as above
    verified="equal to torch's autograd through max_pool2d in float64: ties, overlaps, gaps, negative maps, odd rows",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=38, exercises=(CONV, POOL))
