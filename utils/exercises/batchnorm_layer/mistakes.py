"""Wrong layers: the right one with a method exchanged."""

import numpy as np

from utils.exercises.batchnorm_layer.layers import Layer, axes
from utils.grading.spec import Mistake


def _but(defaults=None, **methods):
    """The layer with some methods exchanged, or with other defaults (eps, momentum)."""
    if defaults:
        eps, momentum = defaults

        def __init__(self, num_features, eps=eps, momentum=momentum):
            Layer.__init__(self, num_features, eps, momentum)

        methods["__init__"] = __init__
    return type("BatchNorm", (Layer,), methods)


def _setting(**values):
    """Other starting values: value(num_features) for each attribute."""
    return _but(finish=lambda self, n: [setattr(self, name, value(n)) for name, value in values.items()])


_STORE = "Running statistics move in training alone: eval() only reads them."
_EVAL = "In evaluation the running statistics are constants: x̂ = (x − running_mean)/√(running_var + eps)."
_BATCH = "In training the output comes from the batch's own mean and biased variance."
_BIASED = "Biased (÷ m) for normalising, unbiased (÷ (m − 1)) for the running variance, m = N or N·H·W."
_MOMENTUM = "torch's momentum is the weight of the new batch: (1 − momentum)·old + momentum·batch."
_EPS = "eps is an argument and belongs under the root: √(var + eps)."
_CONSTANT = "In evaluation nothing depends on the batch: dx = dout·γ/√(running_var + eps), without the two mean terms."
_LAST = "backward belongs to the last forward: keep the mode of that call with the cache."
_THREE = "In training the mean and the variance depend on every sample: dx = (g − mean(g) − x̂·mean(g·x̂))/σ, g = γ·dout."
_COUNT = "A channel has N·H·W values: sums, means and the unbiased factor run over axes (0, 2, 3)."
_GRADS = "dgamma sums dout·x̂ and dbeta sums dout, over all axes but the channels', again in each backward."
_SHAPE = "The convention here is (C,) for every attribute: no keepdims in what is kept."
_OWN = "Every layer has its own arrays: make them in the constructor, in no class attribute and no default argument."
_START = "A fresh layer has gamma = 1, beta = 0, running_mean = 0, running_var = 1 and is in training mode."
_RETURN = "forward returns the output, backward dx; the cache and the other gradients stay in the layer."


def _sharing(*names):
    """A class that keeps these attributes in itself, for all its instances; each constructor sets them anew."""
    kept = {}

    def shared(name):
        return property(lambda self: kept[name], lambda self, value: kept.__setitem__(name, value))

    return _but(**{name: shared(name) for name in names})


def _accumulated(self, dgamma, dbeta):
    self.dgamma = getattr(self, "dgamma", 0) + dgamma
    self.dbeta = getattr(self, "dbeta", 0) + dbeta


def _cumulative(self, x, mean, var):
    self.seen = getattr(self, "seen", 0) + 1
    self.momentum = 1 / self.seen
    Layer.update(self, x, mean, var)


def _first_copied(self, x, mean, var):
    if not hasattr(self, "seen"):
        self.momentum, rate = 1.0, self.momentum
        Layer.update(self, x, mean, var)
        self.momentum, self.seen = rate, True
    else:
        Layer.update(self, x, mean, var)


def _evaluating(update):
    """Something more is done in evaluation."""

    def in_evaluation(self, x, mean, var):
        used = self.running_mean, self.running_var
        update(self, x, mean, var)
        return used

    return in_evaluation


def _per_pixel(x):
    return x.mean(axis=0), x.var(axis=0)


def _with(first, then):
    """A method that does `first`, then the usual one."""

    def method(self, *arguments):
        first(self)
        return then(self, *arguments)

    return method


def _keepdims(self, n):
    for name in ("gamma", "beta", "running_mean", "running_var"):
        setattr(self, name, getattr(self, name)[None])


def _rows_mean(self, values):
    """Divided by N where there are N·H·W values."""
    return values.sum(axis=axes(values), keepdims=True) / len(values)


def _uncached(self, x):
    """Evaluation writes no cache: backward finds that of the last training pass."""
    if self.training:
        return Layer.forward(self, x)
    xhat = (x - self.column(self.running_mean, x)) * self.column(self.inverse(self.running_var), x)
    return self.affine(xhat)


_ROWS = (
    # evaluation
    ("running statistics updated in evaluation", _STORE, _but(in_evaluation=_evaluating(Layer.update))),
    ("running statistics updated in evaluation, before they are used", _STORE,
     _but(in_evaluation=lambda self, x, mean, var: (self.update(x, mean, var), (self.running_mean, self.running_var))[1])),
    ("evaluation with the batch's statistics", _EVAL, _but(in_evaluation=lambda self, x, mean, var: (mean, var))),
    ("evaluation with the batch's statistics, running ones updated", _EVAL,
     _but(in_evaluation=lambda self, x, mean, var: (self.update(x, mean, var), (mean, var))[1])),
    ("evaluation with the batch's mean", _EVAL, _but(in_evaluation=lambda self, x, mean, var: (mean, self.running_var))),
    ("evaluation without statistics", _EVAL, _but(in_evaluation=lambda self, x, mean, var: (0 * mean, 1 + 0 * var))),
    ("evaluation's backward with training's formula", _CONSTANT, _but(by_training=lambda self: True)),
    ("evaluation's backward without gamma", _CONSTANT,
     _but(upstream=lambda self, dout: Layer.upstream(self, dout) if self.mode else dout)),
    ("evaluation keeps no cache: backward with the last training pass's", _LAST, _but(forward=_uncached)),
    ("backward by the present mode, not the last forward's", _LAST, _but(by_training=lambda self: self.training)),
    ("eval() changes nothing", "eval() sets training to False.", _but(eval=lambda self: None)),
    ("train() changes nothing", "train() sets training back to True.", _but(train=lambda self: None)),
    ("train() and eval() exchanged", "eval() sets training to False, train() to True.", _but(train=Layer.eval, eval=Layer.train)),
    ("eval() resets the running statistics", _STORE, _but(eval=_with(
        lambda self: setattr(self, "running_mean", 0 * self.running_mean), Layer.eval))),
    ("train() resets the running statistics", "The running statistics go on where they were.", _but(train=_with(
        lambda self: (setattr(self, "running_mean", 0 * self.running_mean), setattr(self, "running_var", 0 * self.running_var + 1)), Layer.train))),
    # what is stored
    ("biased running variance", "That is CS231n's running variance; here, as in torch, it has the unbiased one (÷ (m − 1)).", _but(stored=lambda self, x, var: var)),
    ("unbiased variance in the output", _BIASED, _but(in_training=lambda self, x, mean, var: (mean, Layer.stored(self, x, var)))),
    ("biased and unbiased variance exchanged", _BIASED, _but(
        stored=lambda self, x, var: var, in_training=lambda self, x, mean, var: (mean, Layer.stored(self, x, var)))),
    ("N/(N − 1) for images, not N·H·W", _COUNT, _but(stored=lambda self, x, var: var * len(x) / max(len(x) - 1, 1))),
    ("(m − 1)/m in the running variance", _BIASED, _but(stored=lambda self, x, var: var * (x.size // x.shape[1] - 1) / (x.size // x.shape[1]))),
    ("standard deviation stored", "Store the variance, without the root.", _but(stored=lambda self, x, var: np.sqrt(Layer.stored(self, x, var)))),
    ("eps added to the running variance", "Store the variance alone; eps comes when it is used.", _but(stored=lambda self, x, var: Layer.stored(self, x, var) + self.eps)),
    ("momentum reversed (TensorFlow's reading)", "That is TensorFlow's and CS231n's momentum, of the old value; here: (1 − momentum)·old + momentum·batch.",
     _but(average=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new)),
    ("TensorFlow's momentum, 0.99 by default", _MOMENTUM + " TensorFlow's 0.99 is torch's 0.01.",
     _but(defaults=(1e-5, 0.99), average=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new)),
    ("TensorFlow's momentum and eps, 0.99 and 1e-3 by default", _MOMENTUM + " And torch's eps is 1e-5.",
     _but(defaults=(1e-3, 0.99), average=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new)),
    ("CS231n's momentum, 0.9 by default", _MOMENTUM + " CS231n's 0.9 is the weight of the old value.",
     _but(defaults=(1e-5, 0.9), average=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new)),
    ("CS231n's momentum, 0.9 by default, and the biased variance", _MOMENTUM + " " + _BIASED,
     _but(defaults=(1e-5, 0.9), average=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new, stored=lambda self, x, var: var)),
    ("momentum = 0.9 by default", _MOMENTUM + " The default is 0.1.", _but(defaults=(1e-5, 0.9))),
    ("momentum = 0.01 by default", "The default is 0.1.", _but(defaults=(1e-5, 0.01))),
    ("momentum hard-coded as 0.1", "momentum is an argument.", _but(average=lambda self, old, new: 0.9 * old + 0.1 * new)),
    ("old + momentum · batch, without decay", _MOMENTUM, _but(average=lambda self, old, new: old + self.momentum * new)),
    ("the batch's statistics stored as they are", _MOMENTUM, _but(average=lambda self, old, new: new)),
    ("running statistics never updated", "A training pass moves them: (1 − momentum)·old + momentum·batch.", _but(update=lambda self, x, mean, var: None)),
    ("plain average of all batches (momentum=None)", "That is torch's momentum=None; here each batch has the weight momentum.", _but(update=_cumulative)),
    ("the first batch copied into the running statistics", "They start at 0 and 1, and the first batch enters with the weight momentum.", _but(update=_first_copied)),
    ("running mean not updated", "Both statistics move.", _but(update=lambda self, x, mean, var: setattr(self, "running_var", self.average(self.running_var, self.stored(x, var))))),
    ("running variance not updated", "Both statistics move.", _but(update=lambda self, x, mean, var: setattr(self, "running_mean", self.average(self.running_mean, mean)))),
    ("training with the running statistics", _BATCH, _but(in_training=lambda self, x, mean, var: (self.running_mean, self.running_var))),
    ("training with the new running statistics", _BATCH, _but(
        in_training=lambda self, x, mean, var: (self.average(self.running_mean, mean), self.average(self.running_var, self.stored(x, var))))),
    # the output
    ("eps forgotten", _EPS, _but(inverse=lambda self, var: 1 / np.sqrt(var))),
    ("eps outside the root", _EPS, _but(inverse=lambda self, var: 1 / (np.sqrt(var) + self.eps))),
    ("eps hard-coded as 1e-5", _EPS, _but(inverse=lambda self, var: 1 / np.sqrt(var + 1e-5))),
    ("eps = 1e-3 by default (Keras)", "torch's default is 1e-5.", _but(defaults=(1e-3, 0.1))),
    ("eps = 1e-8 by default", "torch's default is 1e-5.", _but(defaults=(1e-8, 0.1))),
    ("eps and momentum in the wrong order", "The constructor is BatchNorm(num_features, eps, momentum).",
     _but(__init__=lambda self, n, momentum=0.1, eps=1e-5: Layer.__init__(self, n, eps, momentum))),
    ("(var + eps)² in place of the root", "Divide by the root.", _but(inverse=lambda self, var: 1 / (var + self.eps) ** 2)),
    ("root forgotten", "Divide by the root.", _but(inverse=lambda self, var: 1 / (var + self.eps))),
    ("gamma and beta left out", "out = gamma·x̂ + beta.", _but(affine=lambda self, xhat: xhat)),
    ("gamma and beta exchanged", "out = gamma·x̂ + beta.", _but(affine=lambda self, xhat: self.column(self.beta, xhat) * xhat + self.column(self.gamma, xhat))),
    ("gamma and beta along the last axis of images", "gamma and beta belong to channels: reshape to (1, C, 1, 1).", _but(
        column=lambda self, values, x: values if x.ndim == 4 and x.shape[3] == x.shape[1] else Layer.column(self, values, x))),
    ("statistics over the features (layer norm)", "Statistics run over the samples, for each feature.", _but(
        column=lambda self, values, x: values if np.ndim(values) == x.ndim else Layer.column(self, values, x),
        in_training=lambda self, x, mean, var: (x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)))),
    # backward
    ("training's backward without the mean terms", _THREE, _but(by_training=lambda self: False)),
    ("mean branch forgotten", _THREE, _but(through=lambda self, g, xhat: g - xhat * self.mean(g * xhat))),
    ("variance branch forgotten", _THREE, _but(through=lambda self, g, xhat: g - self.mean(g))),
    ("gamma forgotten in dx", _THREE, _but(upstream=lambda self, dout: dout)),
    ("gamma and beta moved by backward", "backward only notes gradients; the optimiser moves the parameters.", _but(
        store=lambda self, dgamma, dbeta: (Layer.store(self, dgamma, dbeta), setattr(self, "gamma", self.gamma - 0.01 * dgamma), setattr(self, "beta", self.beta - 0.01 * dbeta)))),
    ("N for N·H·W in backward", _COUNT, _but(mean=_rows_mean)),
    ("sums in place of means in backward", _THREE, _but(mean=lambda self, values: values.sum(axis=axes(values), keepdims=True))),
    ("means over the batch axis only, in backward", _COUNT, _but(mean=lambda self, values: values.mean(axis=0, keepdims=True))),
    ("gradients accumulated over backward passes", _GRADS, _but(store=_accumulated)),
    ("dgamma and dbeta averaged", _GRADS, _but(sums=lambda self, dout, xhat: tuple(total * dout.shape[1] / dout.size for total in Layer.sums(self, dout, xhat)))),
    ("dgamma and dbeta not summed", _GRADS, _but(sums=lambda self, dout, xhat: (dout * xhat, dout))),
    ("dgamma and dbeta summed over the batch axis only", _COUNT, _but(sums=lambda self, dout, xhat: ((dout * xhat).sum(axis=0), dout.sum(axis=0)))),
    ("dgamma and dbeta summed over the features", _GRADS, _but(sums=lambda self, dout, xhat: ((dout * xhat).sum(axis=1), dout.sum(axis=1)))),
    ("dgamma and dbeta of shape (1, C) or (1, C, 1, 1)", _SHAPE, _but(
        sums=lambda self, dout, xhat: (np.sum(dout * xhat, axis=axes(dout), keepdims=True), np.sum(dout, axis=axes(dout), keepdims=True)))),
    ("dgamma and dbeta exchanged", _GRADS, _but(store=lambda self, dgamma, dbeta: Layer.store(self, dbeta, dgamma))),
    ("dgamma with x, not x̂", _GRADS, _but(sums=lambda self, dout, xhat: Layer.sums(self, dout, self.x))),
    ("dgamma with x − mean", _GRADS, _but(sums=lambda self, dout, xhat: Layer.sums(self, dout, self.x - self.column(self.used[0], dout)))),
    ("dgamma and dbeta not kept", _GRADS, _but(store=lambda self, dgamma, dbeta: None)),
    ("backward returns (dx, dgamma, dbeta), as in CS231n", _RETURN,
     _but(backward=lambda self, dout: (Layer.backward(self, dout), self.dgamma, self.dbeta))),
    ("forward returns (out, cache), as in CS231n", _RETURN, _but(forward=lambda self, x: (Layer.forward(self, x), None))),
    # the layer
    ("attributes of shape (1, C)", _SHAPE, _but(finish=_keepdims)),
    ("statistics for each pixel alone", _COUNT, _but(
        batch=lambda self, x: _per_pixel(x), column=lambda self, values, x: values[None] if np.ndim(values) == x.ndim - 1 else Layer.column(self, values, x),
        stored=lambda self, x, var: var * len(x) / max(len(x) - 1, 1))),
    ("statistics for each image alone (instance norm)", _COUNT, _but(
        in_training=lambda self, x, mean, var: (mean, var) if x.ndim == 2 else (x.mean(axis=(2, 3), keepdims=True), x.var(axis=(2, 3), keepdims=True)),
        column=lambda self, values, x: values if np.ndim(values) == x.ndim else Layer.column(self, values, x))),
    ("running variance starts at 0", _START, _setting(running_var=np.zeros)),
    ("running mean starts at 1", _START, _setting(running_mean=np.ones)),
    ("gamma starts at 0", _START, _setting(gamma=np.zeros)),
    ("gamma and beta both start at 1", _START, _setting(beta=np.ones)),
    ("evaluation mode at first", _START, _setting(training=lambda n: False)),
    ("training is 1, not True", "training is a bool: True or False.", _but(finish=lambda self, n: setattr(self, "training", 1), train=lambda self: setattr(self, "training", 1), eval=lambda self: setattr(self, "training", 0))),
    ("no running statistics kept as attributes", _START, _but(finish=lambda self, n: (delattr(self, "running_mean"), delattr(self, "running_var")))),
    ("the cache shared between instances", _OWN, _sharing("xhat", "ivar", "mode")),
    ("buffers shared between instances", _OWN, _sharing("running_mean", "running_var")),
    ("gamma and beta shared between instances", _OWN, _sharing("gamma", "beta")),
)  # fmt: skip


MISTAKES = tuple(Mistake(name, advice, wrong) for name, advice, wrong in _ROWS)
