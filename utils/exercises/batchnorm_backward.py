"""16 · Batch normalisation's backward pass, staged and in closed form. Oracle: autograd through torch's batch_norm."""

from itertools import product

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _forward(x, gamma, eps=1e-5):
    """The cache of the notebook's `staged_forward`."""
    xmu = x - x.mean(axis=0)
    var = np.mean(xmu**2, axis=0)
    sqrtvar = np.sqrt(var + eps)
    return xmu / sqrtvar, gamma, xmu, 1 / sqrtvar, sqrtvar, var, eps


def _oracle(dout, cache):
    import torch

    _, gamma, xmu, _, _, _, eps = cache  # gradients depend on x through x − μ alone
    x, gamma = (torch.from_numpy(np.array(a)).requires_grad_() for a in (xmu, gamma))
    beta = torch.zeros_like(gamma, requires_grad=True)
    if len(x) == 1:  # the functional form refuses a single sample, the operator below it does not
        out = torch.batch_norm(x, gamma, beta, None, None, True, 0.1, eps, False)
    else:
        out = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
    return tuple(grad.numpy() for grad in torch.autograd.grad(out, (x, gamma, beta), torch.from_numpy(np.array(dout))))


class _Parts:
    """The right intermediate values and the three branches of dx, of which the wrong answers are put together."""

    def __init__(self, dout, cache, **changed):
        names = ("xhat", "gamma", "xmu", "ivar", "sqrtvar", "var", "eps")
        self.__dict__ |= dict(zip(names, cache, strict=True)) | {"dout": dout, "cache": cache} | changed
        self.n, self.d = dout.shape
        self.dbeta = self.dout.sum(axis=0)
        self.dgamma = (self.dout * self.xhat).sum(axis=0)
        self.dxhat = self.dout * self.gamma
        self.direct = self.dxhat * self.ivar
        self.mean = -self.direct.sum(axis=0) / self.n
        self.own_spread = -self.xmu * self.ivar**3 * self.dxhat * self.xmu / self.n  # before dvar's sum is taken
        self.spread = -self.xmu * self.ivar**3 * (self.dxhat * self.xmu).sum(axis=0) / self.n
        self.dx = self.direct + self.mean + self.spread

    def but(self, **changed):
        return _Parts(changed.pop("dout", self.dout), self.cache, **changed)


def _wrong(dx=None, dgamma=None, dbeta=None):
    """The right answer with some of its three values exchanged; each is made from the parts `p`."""

    def wrong(dout, cache):
        p = _Parts(dout, cache)
        return (dx(p) if dx else p.dx, dgamma(p) if dgamma else p.dgamma, dbeta(p) if dbeta else p.dbeta)

    return wrong


def _closed(p, dgamma, dbeta):
    return p.gamma * p.ivar / p.n * (p.n * p.dout - dbeta - p.xhat * dgamma)


_MEAN = "x reaches the output through the mean too: every sample gets dmu / N, and dmu is minus the sum of dxmu."
_VAR = "x reaches the output through the variance too: add 2/N · xmu · dvar."
_CONSTANT = (
    "That takes mean and variance for constants, which is right at inference only; in training add both branches."
)
_SIGN = "xmu = x − mu, so dmu carries a minus; ivar = 1 / sqrtvar, so dvar carries one too."
_ADD = "Gradients of branches add up: dxmu = dxhat · ivar + 2 · xmu · dsq, then dx = dxmu + dmu / N. Do not overwrite."
_GAMMA = "Start from dxhat = gamma · dout and use it in all three branches, once."
_OVER_N = "A mean forwards is a division by N backwards, once: dmu / N, and dsq = dvar / N."
_POWER = "The derivative of (var + eps)^(−1/2) is −1/2 · (var + eps)^(−3/2) = −1/2 · ivar³; the square gives 2 · xmu."
_ROOT = "xhat = xmu · ivar, so the direct branch is dxhat · ivar: divide by the root √(var + eps), once."
_EPS = "Differentiate what was computed, the root of var + eps: ivar and sqrtvar in the cache have eps in them."
_AXIS = "What the samples share (dgamma, dbeta, dvar, dmu) is a sum over the samples, axis=0, of shape (D,)."
_SUM = "dgamma, dbeta, dvar and dmu belong to a feature, which all samples have used: sum over the samples, axis 0."
_AS_SUM = (
    "Every sample uses gamma and beta, so their gradients are sums; where the loss is a mean, dout knows it already."
)
_DOUT = "dgamma = Σ dout · xhat and dbeta = Σ dout: with dout and xhat, and in the order dx, dgamma, dbeta."
_TERMS = "The closed form is gamma · ivar / N · (N · dout − Σ dout − xhat · Σ(dout · xhat))."

_SLIPS = (  # name, advice, then what stands for dx, dgamma and dbeta; the commonest first
    ("the mean branch forgotten", _MEAN, lambda p: p.direct + p.spread),
    ("the variance branch forgotten", _VAR, lambda p: p.direct + p.mean),
    ("the mean branch and the variance branch forgotten", _CONSTANT, lambda p: p.direct),
    ("gamma forgotten in dx", _GAMMA, lambda p: p.but(gamma=1).dx),
    ("dgamma with xmu instead of xhat", _DOUT, None, lambda p: (p.dout * p.xmu).sum(0)),
    ("sums over the wrong axis (axis=1) in dgamma and dbeta", _AXIS, None, lambda p: (p.dout * p.xhat).sum(1), lambda p: p.dout.sum(1)),
    ("1/N forgotten in the mean branch", _OVER_N, lambda p: p.direct + p.n * p.mean + p.spread),
    ("1/N forgotten in the variance branch", _OVER_N, lambda p: p.direct + p.mean + p.n * p.spread),
    ("1/N forgotten in the mean branch and in the variance branch", _OVER_N, lambda p: p.direct + p.n * (p.mean + p.spread)),
    ("sign of the variance branch", _SIGN, lambda p: p.direct + p.mean - p.spread),
    ("sign of the mean branch", _SIGN, lambda p: p.direct - p.mean + p.spread),
    ("signs of the mean branch and of the variance branch", _SIGN, lambda p: p.direct - p.mean - p.spread),
    ("factor 2 forgotten in the variance branch", _POWER, lambda p: p.direct + p.mean + p.spread / 2),
    ("factor −1/2 forgotten in the variance branch", _POWER, lambda p: p.direct + p.mean - 2 * p.spread),
    ("power −1/2 for −3/2 in the variance branch", _POWER, lambda p: p.direct + p.mean + p.spread / p.ivar**2),
    ("dx divided by the variance, not by its root", _ROOT, lambda p: p.dx * p.ivar),
    ("1/N in front of the closed form forgotten", _TERMS, lambda p: p.dx * p.n),
    ("N before dout forgotten in the closed form", _TERMS, lambda p: p.direct / p.n + p.mean + p.spread),
    ("dgamma and dbeta swapped inside dx", _TERMS, lambda p: _closed(p, p.dbeta, p.dgamma)),
    ("dgamma and dbeta swapped", _DOUT, None, lambda p: p.dbeta, lambda p: p.dgamma),
    ("dgamma without the sum", _SUM, None, lambda p: p.dout * p.xhat),
    ("dbeta as a mean", _AS_SUM, None, None, lambda p: p.dbeta / p.n),
    # branches
    ("the direct branch forgotten", _ADD, lambda p: p.mean + p.spread),
    ("only the variance branch kept", _ADD, lambda p: p.spread),
    ("only the mean branch kept", _ADD, lambda p: p.mean + 0 * p.dout),
    ("stopped at dxhat", "Go on from xhat to x, along all three branches.", lambda p: p.dxhat),
    ("the upstream gradient ignored", "Every gradient starts from dout, not from ones.",
     lambda p: p.but(dout=p.dout**0).dx, lambda p: p.but(dout=p.dout**0).dgamma, lambda p: p.but(dout=p.dout**0).dbeta),
    ("gamma on the direct branch only", _GAMMA, lambda p: p.direct + p.but(gamma=1).mean + p.but(gamma=1).spread),
    ("gamma forgotten in the variance branch", _GAMMA, lambda p: p.direct + p.mean + p.but(gamma=1).spread),
    ("gamma forgotten in the mean branch", _GAMMA, lambda p: p.direct + p.but(gamma=1).mean + p.spread),
    ("gamma applied twice in dx", _GAMMA, lambda p: p.but(gamma=p.gamma**2).dx),
    # factors of N
    ("N − 1 in the variance branch", "The forward pass has the biased variance, so its derivative divides by N.",
     lambda p: p.direct + p.mean + p.spread * (p.n / (p.n - 1))),
    ("D in place of N", _OVER_N, lambda p: p.direct + (p.mean + p.spread) * p.n / p.d),
    ("divided by N · D", _OVER_N, lambda p: p.direct + (p.mean + p.spread) / p.d),
    ("1/N twice in the mean branch", _OVER_N, lambda p: p.direct + p.mean / p.n + p.spread),
    ("1/N twice in the variance branch", _OVER_N, lambda p: p.direct + p.mean + p.spread / p.n),
    ("1/N twice in both branches", _OVER_N, lambda p: p.direct + (p.mean + p.spread) / p.n),
    ("dx divided by N once too often", _OVER_N, lambda p: p.dx / p.n),
    # powers of the root
    ("factor 1/2 forgotten in the variance branch", _POWER, lambda p: p.direct + p.mean + 2 * p.spread),
    ("power −1 for −3/2 in the variance branch", _POWER, lambda p: p.direct + p.mean + p.spread / p.ivar),
    ("power −2 for −3/2 in the variance branch (xhat for xmu)", _POWER, lambda p: p.direct + p.mean + p.spread * p.ivar),
    ("power −5/2 for −3/2 in the variance branch", _POWER, lambda p: p.direct + p.mean + p.spread * p.ivar**2),
    ("power 3/2 taken of the root, not of the variance", _POWER, lambda p: p.direct + p.mean + p.spread / p.ivar**1.5),
    ("power −3/2 forgotten in the variance branch", _POWER, lambda p: p.direct + p.mean + p.spread / p.ivar**3),
    ("direct and mean branch divided by the variance, not by its root", _ROOT, lambda p: (p.direct + p.mean) * p.ivar + p.spread),
    ("direct branch divided by the variance, not by its root", _ROOT, lambda p: p.direct * p.ivar + p.mean + p.spread),
    ("dx not divided by the root", _ROOT, lambda p: p.dx * p.sqrtvar),
    ("direct and mean branch not divided by the root", _ROOT, lambda p: (p.direct + p.mean) * p.sqrtvar + p.spread),
    ("dx multiplied by the root", _ROOT, lambda p: p.dx * p.sqrtvar**2),
    ("direct and mean branch multiplied by the root", _ROOT, lambda p: (p.direct + p.mean) * p.sqrtvar**2 + p.spread),
    ("eps left out", _EPS, lambda p: p.but(ivar=p.var**-0.5).dx),
    ("eps left out of the factor before the closed form", _EPS, lambda p: _closed(p.but(ivar=p.var**-0.5), p.dgamma, p.dbeta)),
    ("eps of 1e-5 whatever the cache says", _EPS, lambda p: p.but(ivar=(p.var + 1e-5) ** -0.5).dx),
    ("eps left out of the variance branch", _EPS, lambda p: p.direct + p.mean + p.but(ivar=p.var**-0.5).spread),
    # what is summed
    ("no sum over the samples in dvar", _SUM, lambda p: p.direct + p.mean + p.own_spread),
    ("no sum over the samples in dvar, and dmu made from it", _SUM, lambda p: p.direct + p.own_spread - (p.direct + p.own_spread).mean(0)),
    ("no sum over the samples in dmu", _SUM, lambda p: p.direct - p.direct / p.n + p.spread),
    ("no sum over the samples in dvar and dmu", _SUM, lambda p: p.direct - p.direct / p.n + p.own_spread),
    ("dbeta without the sum", _SUM, None, None, lambda p: p.dout),
    ("dgamma and dbeta without the sum", _SUM, None, lambda p: p.dout * p.xhat, lambda p: p.dout),
    ("dgamma and dbeta of shape (1, D)", "That is the convention where γ is kept as a row; here it is (D,), and a gradient has its parameter's shape.", None,
     lambda p: p.dgamma[None], lambda p: p.dbeta[None]),
    ("dgamma as a mean", _AS_SUM, None, lambda p: p.dgamma / p.n),
    ("dgamma and dbeta as means", _AS_SUM, None, lambda p: p.dgamma / p.n, lambda p: p.dbeta / p.n),
    ("dgamma and dbeta as means, also inside dx", _TERMS,
     lambda p: _closed(p, p.dgamma / p.n, p.dbeta / p.n), lambda p: p.dgamma / p.n, lambda p: p.dbeta / p.n),
    # what dgamma and dbeta are, and how the closed form uses them
    ("dgamma multiplied by gamma", _DOUT, None, lambda p: p.dgamma * p.gamma),
    ("dbeta multiplied by gamma", _DOUT, None, None, lambda p: p.dbeta * p.gamma),
    ("dgamma and dbeta multiplied by gamma", _DOUT, None, lambda p: p.dgamma * p.gamma, lambda p: p.dbeta * p.gamma),
    ("dgamma with xmu instead of xhat, also inside dx", _TERMS,
     lambda p: p.direct + p.mean + p.spread / p.ivar, lambda p: (p.dout * p.xmu).sum(0)),
    ("dgamma and dbeta swapped, also inside dx", _TERMS,
     lambda p: _closed(p, p.dbeta, p.dgamma), lambda p: p.dbeta, lambda p: p.dgamma),
    ("xhat forgotten before the last sum", _TERMS, lambda p: _closed(p, 0, p.dbeta + p.dgamma)),
    ("xhat forgotten inside the last sum", _TERMS, lambda p: _closed(p, p.dbeta, p.dbeta)),
    # axes; more of them below
    ("sum over the wrong axis (axis=1) in dgamma", _AXIS, None, lambda p: (p.dout * p.xhat).sum(1)),
    ("sum over the wrong axis (axis=1) in dbeta", _AXIS, None, None, lambda p: p.dout.sum(1)),
    ("sums over both axes in dgamma and dbeta", _AXIS, None, lambda p: (p.dout * p.xhat).sum(), lambda p: p.dout.sum()),
)  # fmt: skip

_SUMS = {
    "sums over the wrong axis (axis=1)": lambda a: a.sum(axis=1),
    "sums over the wrong axis (axis=1, keepdims)": lambda a: a.sum(axis=1, keepdims=True),
    "sums over both axes": lambda a: a.sum(),
}
_FORMS = {  # the forms that dx may have been written in, by the sums in its variance and in its mean branch
    "staged": lambda p, s, t, n: _staged(p, p.direct - p.ivar**3 * s(p.dxhat * p.xmu) * p.xmu / n, t, n),
    "three terms": lambda p, s, t, n: p.direct - p.ivar**3 * s(p.dxhat * p.xmu) * p.xmu / n - t(p.direct) / n,
    "closed form": lambda p, s, t, n: p.gamma * p.ivar * (p.dout - t(p.dout) / n - p.xhat * s(p.dout * p.xhat) / n),
    "closed form of dxhat": lambda p, s, t, n: p.ivar * (p.dxhat - t(p.dxhat) / n - p.xhat * s(p.dxhat * p.xhat) / n),
}


def _staged(p, dxmu, total, n):
    return dxmu - total(dxmu) / n


def _axis_mistakes():
    """Sums over the wrong axis: which one, in which form of dx, in which of the sums, divided by what."""
    for (name, total), form in product(_SUMS.items(), _FORMS):
        both, keeps = "both" in name, "keepdims" in name
        if both and form == "three terms":  # the same as staged: all of xmu together has no sum either
            continue
        short = _SUMS["sums over the wrong axis (axis=1)"] if keeps else total
        for divisor in ("N", "N · D" if both else "D"):
            yield _axis_mistake(f"{name} everywhere", form, divisor, total, total, short)
            yield _axis_mistake(f"{name} in dx", form, divisor, total, total)
            if keeps:
                yield _axis_mistake(f"{name} everywhere, shape (N, 1) too", form, divisor, total, total, total)
        if not both and form != "closed form of dxhat":
            if keeps or form != "three terms":  # else the same as staged
                yield _axis_mistake(f"{name} in dvar", form, "N", total, _over_samples)
            yield _axis_mistake(f"{name} in dmu", form, "N", _over_samples, total)


def _over_samples(a):
    return a.sum(axis=0)


def _axis_mistake(name, form, divisor, for_var, for_mean, for_parameters=_over_samples):
    def wrong(dout, cache):
        p = _Parts(dout, cache)
        dx = _FORMS[form](p, for_var, for_mean, {"N": p.n, "D": p.d, "N · D": p.n * p.d}[divisor])
        return dx, for_parameters(dout * p.xhat), for_parameters(dout)

    return Mistake(f"{name} ({form}, over {divisor})", _AXIS, wrong)


_MISTAKES = (*(Mistake(name, advice, _wrong(*values)) for name, advice, *values in _SLIPS), *_axis_mistakes())


def _as_in_the_paper(dout, cache):
    xhat, gamma, xmu, _, _, var, eps = cache
    m = len(dout)
    dxhat = dout * gamma
    dvar = (dxhat * xmu * -0.5 * (var + eps) ** -1.5).sum(axis=0)
    dmu = (-dxhat / np.sqrt(var + eps)).sum(axis=0) + dvar * (-2 * xmu).mean(axis=0)
    return dxhat / np.sqrt(var + eps) + dvar * 2 * xmu / m + dmu / m, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def _jacobian(dout, cache):
    xhat, gamma, _, ivar, *_ = cache
    n = len(dout)
    jacobian = (np.eye(n) - 1 / n)[:, :, None] - xhat[:, None] * xhat[None] / n
    dx = np.einsum("ijd,id,d->jd", jacobian, dout, gamma * ivar)
    return dx, np.einsum("nd,nd->d", dout, xhat), dout.T @ np.ones(n)


def _loops(dout, cache):
    xhat, gamma, _, ivar, *_ = cache
    n, d = dout.shape
    dx, dgamma, dbeta = [[0.0] * d for _ in range(n)], [0.0] * d, [0.0] * d
    for j in range(d):
        dbeta[j] = sum(dout[i, j] for i in range(n))
        dgamma[j] = sum(dout[i, j] * xhat[i, j] for i in range(n))
        for i in range(n):
            dx[i][j] = gamma[j] * ivar[j] * (dout[i, j] - dbeta[j] / n - xhat[i, j] * dgamma[j] / n)
    return dx, dgamma, dbeta


def _in_place(dout, cache):
    xhat, gamma, _, ivar, *_ = cache
    dx = dout - dout.mean(axis=0)
    dgamma = (dx * xhat).sum(axis=0)  # the mean drops out, for xhat has none
    dx -= xhat * (dgamma / len(dout))
    dx *= gamma * ivar
    return [dx, dgamma, np.add.reduce(dout)]


def _inputs(rng, n, d, *, spread=1.0, size=1.0, eps=1e-5, **changed):
    """Random x, gamma and dout, every feature with its own spread; `changed` replaces what a case is about."""
    given = {
        "x": spread * (rng.normal(size=d) + rng.uniform(0.5, 2, size=d) * rng.normal(size=(n, d))),
        "gamma": rng.normal(1, 0.5, d),
        "dout": size * rng.normal(size=(n, d)),
    } | changed
    return dict(dout=given["dout"], cache=_forward(given["x"], given["gamma"], eps))


def _constant_feature(rng):
    x = rng.normal(size=(5, 3))
    x[:, 1] = 0.5
    return _inputs(rng, 5, 3, x=x)


_CASES = (
    Case("x = (−1 −1 −1 3) with gamma 2 and eps 1", lambda rng: _inputs(rng, 4, 1, eps=1.0,
        x=np.array([[-1.0], [-1.0], [-1.0], [3.0]]), gamma=np.array([2.0]), dout=np.array([[1.0], [0.0], [0.0], [0.0]]))),
    Case("x = (1 2 6) and (10 20 60) with gamma (2 0.5)", lambda rng: _inputs(rng, 3, 2,
        x=np.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]]), gamma=np.array([2.0, 0.5]),
        dout=np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]))),
    Case("eight samples, three features", lambda rng: _inputs(rng, 8, 3)),
    Case("as many samples as features", lambda rng: _inputs(rng, 4, 4)),
    Case("more features than samples", lambda rng: _inputs(rng, 3, 7)),
    Case("a spread of about √eps", lambda rng: _inputs(rng, 6, 2, spread=3e-3)),
    Case("a constant feature", _constant_feature),
    Case("a spread of 1e4 and eps = 0.1", lambda rng: _inputs(rng, 17, 2, spread=1e4, eps=0.1)),
    Case("upstream gradients of 1e4", lambda rng: _inputs(rng, 5, 2, size=1e4, eps=1e-3)),
    Case("gamma of 0 and −1.5", lambda rng: _inputs(rng, 6, 2, gamma=np.array([0.0, -1.5]))),
    Case("the same gradient for every sample", lambda rng: _inputs(rng, 6, 2, dout=np.tile([1.0, -2.0], (6, 1)))),
    Case("a zero gradient", lambda rng: _inputs(rng, 4, 3, size=0.0)),
    Case("two samples", lambda rng: _inputs(rng, 2, 3)),
    Case("a single sample", lambda rng: _inputs(rng, 1, 3)),
)  # fmt: skip


def _exercise(name):
    return Exercise(
        name=name,
        returns=("dx", "dgamma", "dbeta"),
        cases=_CASES,
        oracle=_oracle,
        mistakes=_MISTAKES,
        accepts=(_as_in_the_paper, _jacobian, _loops, _in_place, _oracle),
        protocol="cache is what staged_forward keeps for the x of this case",
        verified="equal to torch's autograd through batch_norm in float64, for upstream gradients that are not all ones",
    )


QUESTION = Question(
    chapter=2, minutes=38, exercises=(_exercise("batchnorm_backward"), _exercise("batchnorm_backward_compact"))
)
