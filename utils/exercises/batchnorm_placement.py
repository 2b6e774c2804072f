"""19 · Where batch norm goes: Ioffe & Szegedy 2015, §3.2; He et al. 2016, §4. Oracle: torch's layers and autograd."""

import numpy as np
import torch
from torch import nn

from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question

ORDERS = ("conv-bn-relu", "conv-relu-bn", "bn-relu-conv")


def _block(order, c_in, c_out, *, bias=None, bn=None, layers=None, kernel=3, padding=1, relu=nn.ReLU, raises=True):
    """The right block, with parts that a mistake can exchange: who has a bias, BN's width and options, the order."""
    if order not in ORDERS:
        if raises:
            raise ValueError(f"order must be one of {ORDERS}, not {order!r}")
        order = ORDERS[0]
    names = (layers or {}).get(order, order).split("-")
    biased = (order != "conv-bn-relu") if bias is None else bias(order)
    width = c_in if order.startswith("bn") else c_out
    made = {
        "conv": lambda: nn.Conv2d(c_in, c_out, kernel, padding=padding, bias=biased),
        "bn": lambda: (bn or nn.BatchNorm2d)(width),
        "relu": relu,
    }
    return nn.Sequential(*(made[name]() for name in names))


def _oracle_block(x, order, c_in, c_out):
    """The same facts by functional calls, for a module of another make."""

    class Reference(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=not order.startswith("conv-bn"))
            self.norm = nn.BatchNorm2d(c_in if order == "bn-relu-conv" else c_out)

        def forward(self, x):
            if order == "conv-bn-relu":
                return self.norm(self.conv(x)).clamp(min=0)
            if order == "conv-relu-bn":
                return self.norm(self.conv(x).clamp(min=0))
            return self.conv(self.norm(x).clamp(min=0))

    return run_module(lambda *_: Reference(), x, order=order, c_in=c_in, c_out=c_out)


def _variant(**parts):
    return lambda order, c_in, c_out: _block(order, c_in, c_out, **parts)


def _wrong_width(order, c_in, c_out):
    block = _block(order, c_in, c_out)
    width = c_out if order == "bn-relu-conv" else c_in
    return nn.Sequential(*(nn.BatchNorm2d(width) if isinstance(m, nn.BatchNorm2d) else m for m in block))


def _always_out_width(order, c_in, c_out):
    block = _block(order, c_in, c_out)
    return nn.Sequential(*(nn.BatchNorm2d(c_out) if isinstance(m, nn.BatchNorm2d) else m for m in block))


def _images(rng, channels, size=5, count=3):
    return 0.5 + rng.normal(size=(count, channels, size, size))


def _swapped(a, b):
    """Two of the orders taken for one another."""
    return {a: b, b: a}


def _list_of_layers(order, c_in, c_out):
    table = {
        "conv-bn-relu": lambda: [nn.Conv2d(c_in, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()],
        "conv-relu-bn": lambda: [nn.Conv2d(c_in, c_out, 3, 1, 1), nn.ReLU(inplace=True), nn.BatchNorm2d(c_out)],
        "bn-relu-conv": lambda: [nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, (3, 3), padding="same")],
    }
    if order not in table:
        raise ValueError(order)
    return nn.Sequential(*table[order]())


BLOCK = Exercise(
    name="make_block",
    returns=RETURNS,
    oracle=_oracle_block,
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("conv-bn-relu", lambda rng: dict(order="conv-bn-relu", c_in=2, c_out=3, x=_images(rng, 2))),
        Case("conv-relu-bn", lambda rng: dict(order="conv-relu-bn", c_in=2, c_out=3, x=_images(rng, 2))),
        Case("bn-relu-conv", lambda rng: dict(order="bn-relu-conv", c_in=2, c_out=3, x=_images(rng, 2))),
        Case("conv-bn-relu, as many channels out as in", lambda rng: dict(order="conv-bn-relu", c_in=4, c_out=4, x=_images(rng, 4))),
        Case("conv-relu-bn, as many channels out as in", lambda rng: dict(order="conv-relu-bn", c_in=4, c_out=4, x=_images(rng, 4))),
        Case("bn-relu-conv, as many channels out as in", lambda rng: dict(order="bn-relu-conv", c_in=4, c_out=4, x=_images(rng, 4))),
        Case("an order that is none", lambda rng: dict(order="relu-conv-bn", c_in=2, c_out=3, x=_images(rng, 2)), raises="ValueError"),
        Case("an order in capitals", lambda rng: dict(order="CONV-BN-RELU", c_in=2, c_out=3, x=_images(rng, 2)), raises="ValueError"),
    ),
    mistakes=(
        Mistake("bias kept before BN", "That is how torchvision's VGG has it; here bias=False where BN directly follows: it subtracts the mean, and the bias with it.", _variant(bias=lambda order: True)),
        Mistake("no bias anywhere", "Only a BN that directly follows makes the bias useless; after a ReLU, or with nothing behind it, the bias counts.", _variant(bias=lambda order: False)),
        Mistake("no bias in conv-relu-bn", "A ReLU stands between convolution and BN there, so the bias moves what is cut off: keep it.", _variant(bias=lambda order: order == "bn-relu-conv")),
        Mistake("no bias in bn-relu-conv", "There the BN comes before the convolution, so nothing in this block removes its bias again: keep it.", _variant(bias=lambda order: order == "conv-relu-bn")),
        Mistake("conv-bn-relu and conv-relu-bn mixed up", "Read the name from left to right: that is the order in which the input passes.", _variant(layers=_swapped("conv-bn-relu", "conv-relu-bn"))),
        Mistake("always conv-bn-relu", "The argument order decides which of the three comes first.", _variant(layers=dict.fromkeys(ORDERS, "conv-bn-relu"))),
        Mistake("conv before BN in every order (relu kept in place)", "In bn-relu-conv the convolution is the last layer.", _variant(layers={"bn-relu-conv": "conv-relu-bn"})),
        Mistake("ReLU left out", "Every order has three layers: convolution, batch norm, ReLU.", _variant(relu=nn.Identity)),
        Mistake("BN with c_in and c_out exchanged", "BN normalises what reaches it: c_out channels after the convolution, c_in before it.", _wrong_width),
        Mistake("BN with c_out channels before the convolution", "In bn-relu-conv the BN sees the input: c_in channels.", _always_out_width),
        Mistake("padding forgotten", "A 3×3 convolution keeps the size with padding=1.", _variant(padding=0)),
        Mistake("1×1 instead of 3×3", "The convolution is 3×3 with padding 1.", _variant(kernel=1, padding=0)),
        Mistake("other batch norm momentum", "Keep torch's defaults: momentum 0.1, eps 1e-5.", _variant(bn=lambda c: nn.BatchNorm2d(c, momentum=0.01))),
        Mistake("other batch norm eps", "Keep torch's defaults: momentum 0.1, eps 1e-5.", _variant(bn=lambda c: nn.BatchNorm2d(c, eps=1e-3))),
        Mistake("batch norm without gamma and beta", "Keep torch's defaults: affine=True.", _variant(bn=lambda c: nn.BatchNorm2d(c, affine=False))),
        Mistake("batch norm without running statistics", "Keep torch's defaults: in evaluation mode the running statistics are used.", _variant(bn=lambda c: nn.BatchNorm2d(c, track_running_stats=False))),
        Mistake("instance norm", "Batch norm: nn.BatchNorm2d, with statistics over the batch too.", _variant(bn=lambda c: nn.InstanceNorm2d(c, affine=True))),
        Mistake("another activation", "The activation is a plain ReLU.", _variant(relu=lambda: nn.LeakyReLU(0.1))),
        Mistake("no ValueError for another order", "Raise ValueError for any name but the three.", _variant(raises=False)),
    ),
    accepts=(_list_of_layers, _block),
    verified="parameters, outputs in training and evaluation mode and gradients for all three orders, and ValueError for others",
)  # fmt: skip


def _oracle_gradients(x, weight, bias, dout, eps=1e-5):
    x, dout = torch.from_numpy(x), torch.from_numpy(dout)
    w, b = torch.from_numpy(weight).requires_grad_(), torch.from_numpy(bias).requires_grad_()
    out = torch.nn.functional.batch_norm(x @ w + b, None, None, training=True, eps=eps)
    out.backward(dout)
    return w.grad.numpy(), b.grad.numpy()


def _gradients(x, weight, bias, dout, eps=1e-5, *, centre=True, spread=True, mean_of=np.mean, scale=None, axis=0):
    """The right gradients, with parts that a mistake can exchange."""
    z = x @ weight + bias
    var = z.var(axis=axis, keepdims=True)
    std = np.sqrt(var + eps)
    zhat = (z - z.mean(axis=axis, keepdims=True)) / std
    dz = dout.copy()
    if centre:
        dz = dz - mean_of(dout, axis=axis, keepdims=True)
    if spread:
        dz = dz - zhat * mean_of(dout * zhat, axis=axis, keepdims=True)
    dz = dz / (std if scale is None else scale(var, eps))
    return x.T @ dz, dz.sum(axis=0)


def _wrong(**parts):
    return lambda x, weight, bias, dout, eps=1e-5: _gradients(x, weight, bias, dout, eps, **parts)


def _after(change):
    """The right gradients, changed on the way out."""
    return lambda x, weight, bias, dout, eps=1e-5: change(*_gradients(x, weight, bias, dout, eps), x, dout)


def _staged(x, weight, bias, dout, eps=1e-5):
    z = x @ weight + bias
    n = len(z)
    zmu = z - z.mean(0)
    ivar = (zmu**2).mean(0) + eps
    dvar = -0.5 * (dout * zmu).sum(0) * ivar**-1.5
    dz = dout * ivar**-0.5 + dvar * 2 * zmu / n
    dz += -dz.sum(0) / n
    return np.einsum("nd,nc->dc", x, dz), np.einsum("nc->c", dz)


def _exact_zero(x, weight, bias, dout, eps=1e-5):
    return _staged(x, weight, bias, dout, eps)[0], np.zeros(len(bias))


def _centred_inputs(x, weight, bias, dout, eps=1e-5):
    xc = x - x.mean(0)  # dz has no mean, so the mean of x drops out of xᵀdz
    return xc.T @ (_projected(xc @ weight, dout, eps)), 0.0 * bias


def _projected(z, dout, eps):
    std = np.sqrt((z**2).mean(0) + eps)
    zhat = z / std
    return (dout - zhat * (dout * zhat).mean(0)) / std


def _problem(rng, n, d, c, **more):
    return dict(
        x=1 + rng.normal(size=(n, d)),
        weight=rng.normal(size=(d, c)),
        bias=rng.normal(size=c),
        dout=rng.normal(size=(n, c)),
        **more,
    )


GRADIENTS = Exercise(
    name="linear_bn_gradients",
    returns=("dweight", "dbias"),
    oracle=_oracle_gradients,
    cases=(
        Case("three samples, one weight", lambda rng: dict(
            x=np.array([[0.0], [1.0], [5.0]]), weight=np.array([[2.0]]), bias=np.array([1.0]), dout=np.array([[1.0], [0.0], [0.0]]))),
        Case("six samples, two features, three outputs", lambda rng: _problem(rng, 6, 2, 3)),
        Case("everything of size 4", lambda rng: _problem(rng, 4, 4, 4)),
        Case("a large eps", lambda rng: _problem(rng, 8, 3, 2, eps=0.5)),
        Case("small weights, where eps shows", lambda rng: (p := _problem(rng, 7, 3, 2)) | dict(weight=1e-3 * p["weight"])),
        Case("an upstream gradient with a mean", lambda rng: (p := _problem(rng, 5, 2, 2)) | dict(dout=3 + p["dout"])),
    ),
    mistakes=(
        Mistake("the mean branch forgotten", "The batch mean depends on every z: subtract mean(dout), and dbias becomes zero.", _wrong(centre=False)),
        Mistake("the variance branch forgotten", "The batch variance depends on every z: subtract zhat · mean(dout · zhat).", _wrong(spread=False)),
        Mistake("both branches forgotten (statistics taken for constants)", "That is the gradient with frozen statistics; in training mean and variance depend on z.", _wrong(centre=False, spread=False)),
        Mistake("1/N forgotten in the branches", "Both branches are means over the batch, not sums.", _wrong(mean_of=np.sum)),
        Mistake("not divided by the standard deviation", "dz carries the factor 1/√(var + eps).", _wrong(scale=lambda var, eps: 1.0)),
        Mistake("divided by the variance", "dz carries the factor 1/√(var + eps), not 1/(var + eps).", _wrong(scale=lambda var, eps: var + eps)),
        Mistake("eps forgotten", "The factor is 1/√(var + eps).", _wrong(scale=lambda var, eps: np.sqrt(var))),
        Mistake("batch norm left out", "Go back through batch norm first: dout is the gradient after it.", lambda x, weight, bias, dout, eps=1e-5: (x.T @ dout, dout.sum(0))),
        Mistake("dweight divided by N", "The loss's own mean is in dout already: dweight = xᵀ dz.", _after(lambda dw, db, x, dout: (dw / len(x), db))),
        Mistake("dweight transposed", "weight is (D, C), and so is its gradient: xᵀ dz.", _after(lambda dw, db, x, dout: (dw.T, db))),
        Mistake("dbias summed from dout", "The bias sits before batch norm: sum dz, not dout.", _after(lambda dw, db, x, dout: (dw, dout.sum(0)))),
        Mistake("statistics over the features (axis 1)", "Batch norm's statistics run over the samples, axis 0.", _wrong(axis=1)),
        Mistake("sign reversed", "No minus: this is the gradient, not the step.", _after(lambda dw, db, x, dout: (-dw, -db))),
        Mistake("dweight and dbias exchanged", "Return (dweight, dbias).", _after(lambda dw, db, x, dout: (db, dw))),
    ),
    accepts=(_staged, _exact_zero, _centred_inputs, _oracle_gradients),
    atol=1e-9,  # dbias is zero: rounding of sums over the batch is all that remains
    verified="both gradients equal torch's autograd, and dbias is zero",
)  # fmt: skip

QUESTION = Question(chapter=2, minutes=30, exercises=(BLOCK, GRADIENTS), torch=True)
