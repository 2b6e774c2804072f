"""InfoNCE and CLIP's loss: oracles in torch, mistakes, styles, cases."""

import math

import numpy as np

from utils.exercises.metric_learning.triplets import named
from utils.grading.spec import Case, Exercise

# ---- oracles ------------------------------------------------------------------------------------------------------


def _scores(a, b, temperature):
    from torch.nn.functional import normalize

    return normalize(a, dim=1) @ normalize(b, dim=1).T / temperature


def _nce_oracle(a, b, temperature=0.07):
    import torch

    leaf = torch.from_numpy(a).requires_grad_()
    scores = _scores(leaf, torch.from_numpy(b), temperature)
    loss = torch.nn.functional.cross_entropy(scores, torch.arange(len(a)))
    loss.backward()
    return loss.item(), leaf.grad.numpy()


def _clip_oracle(images, texts, temperature=0.07):
    import torch

    scores = _scores(torch.from_numpy(images), torch.from_numpy(texts), temperature)
    pairs = torch.arange(len(images))
    both = (torch.nn.functional.cross_entropy(side, pairs) for side in (scores, scores.T))
    return sum(loss.item() for loss in both) / 2


# ---- InfoNCE ------------------------------------------------------------------------------------------------------


def _length(x):
    return np.sqrt((x**2).sum(axis=1, keepdims=True))


def unit(x):
    return x / _length(x)


def _as_is(x):
    return x


def log_softmax(s, axis=1):
    s = s - s.max(axis=axis, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=axis, keepdims=True))


def _bare(s, axis=1):
    return np.log(np.exp(s) / np.exp(s).sum(axis=axis, keepdims=True))


def _through_length(da, a):
    """The gradient before the rows of `a` were made of length 1."""
    u = unit(a)
    return (da - u * (da * u).sum(axis=1, keepdims=True)) / _length(a)


def _nce(na=unit, nb=unit, warm=lambda s, t: s / t, logp=log_softmax, back=_through_length, by_t=lambda t: 1 / t,
         rows=lambda logp: -np.diag(logp), target=lambda p: np.eye(len(p)), loss_by=lambda n: n, grad_by=lambda n: n,
         both=lambda loss, grad: (loss, grad)):  # fmt: skip
    """InfoNCE with one part exchanged: the normalisations, the temperature, the softmax, the way back."""

    def wrong(a, b, temperature=0.07):
        ua, ub, n = na(a), nb(b), len(a)
        lp = logp(warm(ua @ ub.T, temperature))
        ds = (np.exp(lp) - target(np.exp(lp))) / grad_by(n)
        return both(float(rows(lp).sum() / loss_by(n)), back(ds @ ub * by_t(temperature), a))

    return wrong


def _no_back(da, a):
    return da


def _columns(a, b, temperature=0.07):
    """Each b looks for its a."""
    ua, ub = unit(a), unit(b)
    lp = log_softmax(ua @ ub.T / temperature, 0)
    ds = (np.exp(lp) - np.eye(len(a))) / len(a) / temperature
    return float(-np.diag(lp).mean()), _through_length(ds @ ub, a)


def _two_ways(a, b, temperature=0.07):
    one, other = _nce()(a, b, temperature), _columns(a, b, temperature)
    return tuple((x + y) / 2 for x, y in zip(one, other, strict=True))


def _without_positive(a, b, temperature=0.07):
    """The diagonal left out of the denominator (decoupled contrastive learning)."""
    ua, ub = unit(a), unit(b)
    s = ua @ ub.T / temperature
    others = np.where(np.eye(len(a), dtype=bool), -np.inf, s)
    top = others.max(axis=1, keepdims=True)
    total = top + np.log(np.exp(others - top).sum(axis=1, keepdims=True))
    ds = (np.exp(others - total) - np.eye(len(a))) / len(a) / temperature
    return float((total[:, 0] - np.diag(s)).mean()), _through_length(ds @ ub, a)


def _of_b(a, b, temperature=0.07):
    loss, _ = _nce()(a, b, temperature)
    return loss, _columns(b, a, temperature)[1]


def _batch_unit(x):
    return x / np.sqrt((x**2).sum(axis=0, keepdims=True))


def _squared_length(x):
    return x / _length(x) ** 2


def _whole(s, axis=None):
    s = s - s.max()
    return s - np.log(np.exp(s).sum())


def _log0(s, axis=1):
    return np.log(np.exp(log_softmax(s)))


def _log_eps(s, axis=1):
    return np.log(np.exp(log_softmax(s)) + 1e-12)


_UNIT = "Bring every row of a and of b to length 1: the score is a cosine over T."
_BACK = "a was normalised, so its gradient is (g − â(â·g))/‖a‖, with g the gradient of â: it is at a right angle to a."
_T = "The cosines are divided by T, and so is their gradient, once."
_MEAN = "A mean over the N rows, and its gradient has the same 1/N."
_STABLE = "Work on log-softmax with each row's maximum subtracted: at T = 0.001 the scores are ±1000."
_PAIRS = "Row i of a belongs to row i of b: the labels are 0, 1, …, N − 1, the diagonal of (N, N)."
_ROWS = "Softmax over the rows of b that a row of a could be paired with: axis 1."

NCE_MISTAKES = named(
    ("neither normalised", _UNIT, _nce(_as_is, _as_is, back=_no_back)),
    ("a not normalised", _UNIT, _nce(_as_is, back=_no_back)),
    ("b not normalised", _UNIT, _nce(nb=_as_is)),
    ("normalised over the batch (axis 0)", _UNIT, _nce(_batch_unit, _batch_unit, back=_no_back)),
    ("divided by the squared length", _UNIT, _nce(_squared_length, _squared_length, back=_no_back)),
    ("the normalisation's Jacobian forgotten", _BACK, _nce(back=_no_back)),
    ("the projection forgotten, 1/‖a‖ alone", _BACK, _nce(back=lambda da, a: da / _length(a))),
    ("1/‖a‖ forgotten, the projection alone", _BACK, _nce(back=lambda da, a: _through_length(da, a) * _length(a))),
    ("multiplied by ‖a‖", _BACK, _nce(back=lambda da, a: _through_length(da, a) * _length(a) ** 2)),
    ("projection with a not normalised", _BACK, _nce(back=lambda da, a: (da - a * (da * a).sum(axis=1, keepdims=True)) / _length(a))),
    ("T multiplied", _T, _nce(warm=lambda s, t: s * t, by_t=lambda t: t)),
    ("T left out", _T, _nce(warm=lambda s, t: s, by_t=lambda t: 1)),
    ("T forgotten in the gradient", _T, _nce(by_t=lambda t: 1)),
    ("T multiplied in the gradient", _T, _nce(by_t=lambda t: t)),
    ("T twice in the gradient", _T, _nce(by_t=lambda t: t**-2)),
    ("√T", _T, _nce(warm=lambda s, t: s / math.sqrt(t), by_t=lambda t: t**-0.5)),
    ("√d in place of T", "T is the argument; √d belongs to attention.", lambda a, b, t=0.07: _nce()(a, b, math.sqrt(a.shape[1]))),
    ("temperature fixed at 0.07", "Use the argument: 0.07 is only its default.", lambda a, b, t=0.07: _nce()(a, b, 0.07)),
    ("each b looks for its a (columns)", _ROWS, _columns),
    ("both directions (CLIP)", "CLIP's loss is the mean of both; InfoNCE here goes from a to b.", _two_ways),
    ("softmax over the whole matrix", _ROWS, _nce(logp=_whole)),
    ("the positive left out of the denominator", "The denominator has all N rows of b, the positive too; leaving it out is the decoupled loss.", _without_positive),
    ("gradient of the loss with respect to b", "The question asks for the gradient with respect to a.", _of_b),
    ("the most similar taken for the positive", _PAIRS, _nce(rows=lambda lp: -lp.max(axis=1), target=lambda p: (p == p.max(axis=1, keepdims=True)) * 1.0)),
    ("a against itself", "The scores are a·bᵀ: b holds the other views.", lambda a, b, t=0.07: _nce()(a, a, t)),
    ("log N subtracted (mutual information)", "log N − loss bounds the mutual information; the question asks for the loss.", _nce(rows=lambda lp: -np.diag(lp) - math.log(len(lp)))),
    ("sign of the loss", "−log p of the right pair.", _nce(loss_by=lambda n: -n)),
    ("sign of the gradient", "p − 1 on the diagonal: the right pair is pulled together.", _nce(grad_by=lambda n: -n)),
    ("one-hot forgotten in the gradient", "The scores' gradient is (p − identity)/N.", _nce(target=lambda p: 0)),
    ("summed over the batch", _MEAN, _nce(loss_by=lambda n: 1, grad_by=lambda n: 1)),
    ("loss summed over the batch", _MEAN, _nce(loss_by=lambda n: 1)),
    ("gradient not divided by N", _MEAN, _nce(grad_by=lambda n: 1)),
    ("mean over all N² pairs", _MEAN, _nce(loss_by=lambda n: n * n, grad_by=lambda n: n * n)),
    ("overflow at a small T", _STABLE, _nce(logp=_bare)),
    ("log of 0 at a small T", _STABLE, _nce(logp=_log0)),
    ("1e-12 added in the log", _STABLE, _nce(logp=_log_eps)),
    ("gradient before loss", "Return (loss, grad_a) in this order.", _nce(both=lambda loss, grad: (grad, loss))),
)  # fmt: skip


def _nce_loops(a, b, temperature=0.07):
    n, total, grad = len(a), 0.0, np.zeros_like(a)
    for i, row in enumerate(a):
        norm = math.sqrt(sum(x * x for x in row))
        scores = [float(row @ other) / norm / math.sqrt(other @ other) / temperature for other in b]
        log_sum = max(scores) + math.log(sum(math.exp(s - max(scores)) for s in scores))
        total += log_sum - scores[i]
        for j, other in enumerate(b):
            weight = (math.exp(scores[j] - log_sum) - (i == j)) / n / temperature
            cosine = scores[j] * temperature
            grad[i] += weight * (other / math.sqrt(other @ other) - cosine * row / norm) / norm
    return total / n, grad


def _nce_jacobians(a, b, temperature=0.07):
    """The normalisation's Jacobian (I − â âᵀ)/‖a‖ as a matrix for each row."""
    norms = np.linalg.norm(a, axis=1)
    ua, ub = a / norms[:, None], b / np.linalg.norm(b, axis=1, keepdims=True)
    s = np.einsum("id,jd->ij", ua, ub) / temperature
    log_sum = np.logaddexp.reduce(s, axis=1)
    p = np.exp(s - log_sum[:, None])
    p[np.diag_indices(len(a))] -= 1
    jacobians = (np.eye(a.shape[1]) - np.einsum("ni,nj->nij", ua, ua)) / norms[:, None, None]
    grad = np.einsum("nij,nj->ni", jacobians, p @ ub) / (len(a) * temperature)
    return (log_sum - np.diag(s)).mean(), grad


def _nce_torch(a, b, temperature=0.07):
    return _nce_oracle(a.copy(), b.copy(), temperature)


def _views(rng, n, d, noise=0.5, **more):
    """Two views of n things, of different lengths."""
    a = rng.normal(size=(n, d))
    b = rng.uniform(0.5, 3, (n, 1)) * (a + noise * rng.normal(size=(n, d)))
    return dict(a=a * rng.uniform(0.3, 2, (n, 1)), b=b) | more


def _in_the_plane():
    return dict(a=np.array([[2.0, 0], [0, 1]]), b=np.array([[1.0, 0], [1, 1]]), temperature=1.0)


def _wrong_pairs(rng):
    """T so small that the scores are ±1000, and the partners exchanged: no log of a rounded probability will do."""
    a = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 0.5]])
    return dict(a=a, b=np.array([[0.1, 3, 0], [1, 0.2, 0], [-1, 0, -1]]), temperature=0.001)


_CASES = (
    Case("two pairs in the plane, T = 1", lambda rng: _in_the_plane()),
    Case("five pairs, the default T", lambda rng: _views(rng, 5, 3)),
    Case("T = 0.5", lambda rng: _views(rng, 6, 4, temperature=0.5)),
    Case("as many pairs as features", lambda rng: _views(rng, 4, 4, temperature=0.2)),
    Case("a single pair: the loss is 0", lambda rng: _views(rng, 1, 3)),
    Case("sixteen pairs that hardly match", lambda rng: _views(rng, 16, 8, 5.0, temperature=0.1)),
    Case("T = 0.001, pairs that match", lambda rng: _views(rng, 4, 3, 0.01, temperature=0.001)),
    Case("T = 0.001, the partners exchanged", _wrong_pairs),
)

INFO_NCE = Exercise(
    name="info_nce",
    returns=("loss", "grad_a"),
    oracle=_nce_oracle,
    cases=_CASES,
    mistakes=NCE_MISTAKES,
    accepts=(_nce_loops, _nce_jacobians, _nce_torch),
    verified="loss and gradient equal autograd's through torch's normalize and cross_entropy in float64, T of 0.001 to 1",
)


# ---- CLIP ---------------------------------------------------------------------------------------------------------


def _clip(na=unit, nb=unit, warm=lambda s, t: s / t, logp=log_softmax, join=lambda one, other: (one.mean() + other.mean()) / 2):  # fmt: skip
    """CLIP's loss with one part exchanged; `join` gets the losses of each image and of each text."""

    def wrong(images, texts, temperature=0.07):
        s = warm(na(images) @ nb(texts).T, temperature)
        return float(join(-np.diag(logp(s)), -np.diag(logp(s.T))))

    return wrong


def _siglip(images, texts, temperature=0.07):
    s = unit(images) @ unit(texts).T / temperature
    return float(np.logaddexp(0, -(2 * np.eye(len(s)) - 1) * s).sum() / len(s))


_BOTH = "The mean of both directions: each image among the texts (rows), each text among the images (columns)."

CLIP_MISTAKES = named(
    ("images among texts only", _BOTH, _clip(join=lambda one, other: one.mean())),
    ("texts among images only", _BOTH, _clip(join=lambda one, other: other.mean())),
    ("both directions added, not averaged", _BOTH, _clip(join=lambda one, other: one.mean() + other.mean())),
    ("summed over the batch", "A mean over the N pairs.", _clip(join=lambda one, other: (one.sum() + other.sum()) / 2)),
    ("the larger of both directions", _BOTH, _clip(join=lambda one, other: max(one.mean(), other.mean()))),
    ("one loss for each pair", "Return one number, the mean.", lambda i, t, T=0.07: _pairwise(i, t, T)),
    ("neither normalised", _UNIT, _clip(_as_is, _as_is)),
    ("images not normalised", _UNIT, _clip(_as_is)),
    ("texts not normalised", _UNIT, _clip(nb=_as_is)),
    ("normalised over the batch (axis 0)", _UNIT, _clip(_batch_unit, _batch_unit)),
    ("T multiplied", _T, _clip(warm=lambda s, t: s * t)),
    ("T left out", _T, _clip(warm=lambda s, t: s)),
    ("exp(T) multiplied (CLIP's logit scale)", "In CLIP's code the learnt number is log(1/T); here T divides.", _clip(warm=lambda s, t: s * math.exp(t))),
    ("temperature fixed at 0.07", "Use the argument: 0.07 is only its default.", lambda i, t, T=0.07: _clip()(i, t, 0.07)),
    ("softmax over the whole matrix", _BOTH, _clip(logp=_whole)),
    ("sigmoids of all pairs (SigLIP)", "SigLIP judges each pair by itself; CLIP's softmax ties rows and columns.", _siglip),
    ("sign of the loss", "−log p of the right pair.", _clip(join=lambda one, other: -(one.mean() + other.mean()) / 2)),
    ("the most similar taken for the pair", _PAIRS, lambda i, t, T=0.07: _most_similar(i, t, T)),
    ("log of 0 at a small T", _STABLE, _clip(logp=_log0)),
    ("overflow at a small T", _STABLE, _clip(logp=_bare)),
    ("1e-12 added in the log", _STABLE, _clip(logp=_log_eps)),
)  # fmt: skip


def _pairwise(images, texts, temperature):
    s = unit(images) @ unit(texts).T / temperature
    return -(np.diag(log_softmax(s)) + np.diag(log_softmax(s, 0))) / 2


def _most_similar(images, texts, temperature):
    s = unit(images) @ unit(texts).T / temperature
    return float(-(log_softmax(s).max(axis=1).mean() + log_softmax(s, 0).max(axis=0).mean()) / 2)


def _clip_by_nce(images, texts, temperature=0.07):
    return (_nce_loops(images, texts, temperature)[0] + _nce_loops(texts, images, temperature)[0]) / 2


def _clip_logs(images, texts, temperature=0.07):
    s = np.einsum("id,jd->ij", unit(images), unit(texts)) / temperature
    sums = np.logaddexp.reduce(s, axis=0) + np.logaddexp.reduce(s, axis=1)
    return np.mean(sums / 2 - np.diag(s))


def _clip_case(case):
    def inputs(rng):
        made = case.inputs(rng)
        return dict(images=made.pop("a"), texts=made.pop("b")) | made

    return Case(case.name, inputs)


CLIP = Exercise(
    name="clip_loss",
    returns=("loss",),
    oracle=_clip_oracle,
    cases=tuple(map(_clip_case, _CASES)),
    mistakes=CLIP_MISTAKES,
    accepts=(_clip_by_nce, _clip_logs, lambda i, t, T=0.07: _clip_oracle(i.copy(), t.copy(), T)),
    verified="equal to the mean of torch's two cross-entropies in float64, T of 0.001 to 1",
)
