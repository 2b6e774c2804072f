"""What goes wrong with soft targets, bins and temperatures: the right answer with a part exchanged."""

import numpy as np

from utils.grading.spec import Mistake


def named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


def onehot(logits, labels):
    return (labels[:, None] == np.arange(logits.shape[1])) * 1.0


def log_softmax(z, axis=1):
    z = z - z.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def softmax(z, axis=1):
    return np.exp(log_softmax(z, axis))


def _bare(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


# ---- label smoothing ----------------------------------------------------------------------------------------------


def target(z, y, smoothing):
    return (1 - smoothing) * onehot(z, y) + smoothing / z.shape[1]


def _others(z, y, smoothing):
    t = onehot(z, y)
    return (1 - smoothing) * t + smoothing / (z.shape[1] - 1) * (1 - t)


def _smooth(target=target, grad_target=None, logp=log_softmax, p=softmax, loss=lambda t, logp: -(t * logp).sum(axis=1),
            loss_by=lambda n, k: n, grad_by=lambda n, k: n):  # fmt: skip
    """Smoothed cross-entropy with one part exchanged: the targets, the softmax, the loss of a row, the divisors."""

    def wrong(logits, labels, smoothing=0.1):
        n, k = logits.shape
        total = loss(target(logits, labels, smoothing), logp(logits)).sum()
        grad = p(logits) - (grad_target or target)(logits, labels, smoothing)
        return total / loss_by(n, k), grad / grad_by(n, k)

    return wrong


def _pulled(logits, labels, smoothing=0.1):
    """The gradient of a target that does not sum to one: Σt·p − t."""
    t = onehot(logits, labels) * (1 - smoothing)
    p = softmax(logits)
    return -(t * log_softmax(logits)).sum(axis=1).mean(), (t.sum(axis=1, keepdims=True) * p - t) / len(t)


def _penalty_added(logits, labels, smoothing=0.1):
    """Cross-entropy plus ε times that of the uniform target: 1 − ε is missing."""
    t = onehot(logits, labels) + smoothing / logits.shape[1]
    p = softmax(logits)
    return -(t * log_softmax(logits)).sum(axis=1).mean(), (t.sum(axis=1, keepdims=True) * p - t) / len(t)


def _epsilon_each(logits, labels, smoothing=0.1):
    t = (1 - smoothing) * onehot(logits, labels) + smoothing
    p = softmax(logits)
    return -(t * log_softmax(logits)).sum(axis=1).mean(), (t.sum(axis=1, keepdims=True) * p - t) / len(t)


def _smoothed_prediction(logits, labels, smoothing=0.1):
    p = (1 - smoothing) * softmax(logits) + smoothing / logits.shape[1]
    at = (p * onehot(logits, labels)).sum(axis=1)
    return -np.log(at).mean(), (p - onehot(logits, labels)) / len(p)


def fixed(function, at):
    return lambda first, second, given=None: function(first, second, at)


def _entropy(t):
    return -np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0).sum(axis=1)


_ALL_K = "torch and the Inception paper spread ε over all K classes, the label too: (1 − ε)·onehot + ε/K. ε/(K − 1) over the others is another convention."
_SUM_1 = "A target is a distribution: (1 − ε)·onehot + ε/K sums to 1."
_GRAD = "The gradient of cross-entropy with any target t that sums to 1 is (p − t)/N: the smoothed t, once."
_MEAN = "Both are means over the N rows: divide by N, once, and not by K."
STABLE = "Work on log p = z − max z − log Σ exp(z − max z): no exponent is positive, and no log of 0 is taken."
_AXIS = "The K probabilities of one sample sum to 1: reduce over the classes, axis=1."
_SIGN = "The loss is −Σ t·log p; its gradient p − t pulls the label's logit up."
_PAIR = "Return (loss, grad) in this order."

SMOOTHING = named(
    ("mass over the K − 1 other classes", _ALL_K, _smooth(_others)),
    ("smoothing ignored", _ALL_K, _smooth(lambda z, y, s: onehot(z, y))),
    ("smoothing fixed at 0.1", "Use the argument: 0.1 is only its default.", fixed(_smooth(), 0.1)),
    ("no mass for the label from ε, 1 − ε alone", _SUM_1, _pulled),
    ("1 − ε forgotten", _SUM_1, _penalty_added),
    ("ε for each class, not ε/K", _SUM_1, _epsilon_each),
    ("1 − ε and ε exchanged", _ALL_K, _smooth(lambda z, y, s: target(z, y, 1 - s))),
    ("the prediction smoothed, not the target", "Smooth the labels; the prediction stays softmax(z).", _smoothed_prediction),
    ("gradient of the hard labels", _GRAD, _smooth(grad_target=lambda z, y, s: onehot(z, y))),
    ("loss of the hard labels", _GRAD, _smooth(lambda z, y, s: onehot(z, y), grad_target=target)),
    ("entropy of the target subtracted (KL)", "Cross-entropy, not KL: its least value is the target's entropy, not 0.",
     _smooth(loss=lambda t, logp: -(t * logp).sum(axis=1) - _entropy(t))),
    ("sign of the gradient", _SIGN, _smooth(grad_by=lambda n, k: -n)),
    ("sign of the loss", _SIGN, _smooth(loss_by=lambda n, k: -n)),
    ("both signs", _SIGN, _smooth(loss_by=lambda n, k: -n, grad_by=lambda n, k: -n)),
    ("loss summed over the batch", _MEAN, _smooth(loss_by=lambda n, k: 1)),
    ("gradient not divided by N", _MEAN, _smooth(grad_by=lambda n, k: 1)),
    ("loss and gradient summed over the batch", _MEAN, _smooth(loss_by=lambda n, k: 1, grad_by=lambda n, k: 1)),
    ("loss divided by N·K", _MEAN, _smooth(loss_by=lambda n, k: n * k)),
    ("loss and gradient divided by N·K", _MEAN, _smooth(loss_by=lambda n, k: n * k, grad_by=lambda n, k: n * k)),
    ("gradient divided by N·K", _MEAN, _smooth(grad_by=lambda n, k: n * k)),
    ("one loss for each sample", _MEAN,
     lambda z, y, s=0.1: (-(target(z, y, s) * log_softmax(z)).sum(axis=1), (softmax(z) - target(z, y, s)) / len(z))),
    ("overflow at large logits", STABLE, _smooth(logp=lambda z: np.log(_bare(z)), p=_bare)),
    ("log of 0", STABLE, _smooth(logp=lambda z: np.log(softmax(z)))),
    ("1e-12 added in the log", STABLE, _smooth(logp=lambda z: np.log(softmax(z) + 1e-12))),
    ("1e-8 added in the log", STABLE, _smooth(logp=lambda z: np.log(softmax(z) + 1e-8))),
    ("softmax over the samples (axis 0)", _AXIS, _smooth(logp=lambda z: log_softmax(z, 0), p=lambda z: softmax(z, 0))),
    ("logits in place of log-probabilities", "log p = z − logsumexp(z): the second term is missing.", _smooth(logp=lambda z: z)),
    ("softmax twice", "Apply softmax to the logits only once.", lambda z, y, s=0.1: _smooth()(softmax(z), y, s)),
    ("labels counted from 1", "Classes count from 0.", lambda z, y, s=0.1: _smooth()(z, y - 1, s)),
    ("gradient before loss", _PAIR, lambda z, y, s=0.1: _smooth()(z, y, s)[::-1]),
)  # fmt: skip


# ---- distillation -------------------------------------------------------------------------------------------------


def _kl(logp, logq):
    """Σ p (log p − log q), with 0·log 0 = 0."""
    p = np.exp(logp)
    return (p * np.where(p > 0, logp - logq, 0)).sum(axis=1)


def _distil(loss=lambda lp, lq: _kl(lp, lq), scale=lambda t: t**2, slope=lambda t: t, both=lambda s, t: (s, t),
            warm=lambda z, t: z / t, warm_teacher=None, grad=lambda p, q: q - p, loss_by=lambda n, k: n, grad_by=lambda n, k: n):  # fmt: skip
    """Distillation with one part exchanged. `scale` multiplies the loss, `slope` q − p in the gradient."""

    def wrong(student, teacher, temperature=2.0):
        student, teacher = both(student, teacher)
        lp, lq = log_softmax((warm_teacher or warm)(teacher, temperature)), log_softmax(warm(student, temperature))
        n, k = student.shape
        value = scale(temperature) * loss(lp, lq).sum() / loss_by(n, k)
        return value, slope(temperature) * grad(np.exp(lp), np.exp(lq)) / grad_by(n, k)

    return wrong


def _reverse_kl(lp, lq):
    return _kl(lq, lp)


def _reverse(student, teacher, temperature=2.0):
    """KL(student ‖ teacher), with its own gradient."""
    lp, lq = log_softmax(teacher / temperature), log_softmax(student / temperature)
    gap, q = lq - lp, np.exp(lq)
    grad = q * (gap - (q * gap).sum(axis=1, keepdims=True))
    return temperature**2 * _kl(lq, lp).mean(), temperature * grad / len(q)


def _hard(student, teacher, temperature=2.0):
    return _smooth()(student / temperature, teacher.argmax(axis=1), 0.0)


def _logit_mse(student, teacher, temperature=2.0):
    gap = student - teacher
    return 0.5 * (gap**2).mean(), gap / gap.size


def _naive_kl(log=np.log, soft=_bare):
    def wrong(student, teacher, temperature=2.0):
        p, q = soft(teacher / temperature), soft(student / temperature)
        return temperature**2 * (p * (log(p) - log(q))).sum(axis=1).mean(), temperature * (q - p) / len(p)

    return wrong


def _times(z, t):
    return z * t


def _as_is(z, t):
    return z


_T2 = "The loss has T², and ∂(z/T)/∂z brings 1/T: the gradient is T·(q − p)/N."
_WAY = "Here the teacher leads: Σ p·(log p − log q) with p the teacher's probabilities. KL is not symmetric."
_BOTH = "Both, teacher and student, are softened by the same T: softmax(z/T)."

DISTILLATION = named(
    ("KL the wrong way round", _WAY, _reverse),
    ("KL the wrong way round, in the loss alone", _WAY, _distil(loss=_reverse_kl)),
    ("student and teacher exchanged", _WAY, _distil(both=lambda s, t: (t, s))),
    ("T² forgotten", _T2, _distil(scale=lambda t: 1, slope=lambda t: 1 / t)),
    ("T² forgotten in the loss", _T2, _distil(scale=lambda t: 1)),
    ("T² forgotten in the gradient", _T2, _distil(slope=lambda t: 1 / t)),
    ("T² twice in the gradient", _T2, _distil(slope=lambda t: t**3)),
    ("1/T of the chain rule forgotten", _T2, _distil(slope=lambda t: t**2)),
    ("1/T and T² forgotten in the gradient", _T2, _distil(slope=lambda t: 1)),
    ("T in place of T²", _T2, _distil(scale=lambda t: t, slope=lambda t: 1)),
    ("divided by T²", _T2, _distil(scale=lambda t: t**-2, slope=lambda t: t**-3)),
    ("T as a multiplier of the logits", _BOTH, _distil(warm=_times, slope=lambda t: t**3)),
    ("T ignored", _BOTH, _distil(scale=lambda t: 1, slope=lambda t: 1, warm=_as_is)),
    ("T in the factor alone", _BOTH, _distil(slope=lambda t: t**2, warm=_as_is)),
    ("only the teacher softened", _BOTH, _distil(warm=_as_is, warm_teacher=lambda z, t: z / t, slope=lambda t: t**2)),
    ("only the student softened", _BOTH, _distil(warm_teacher=_as_is)),
    ("temperature fixed at 2", "Use the argument: 2 is only its default.", fixed(_distil(), 2.0)),
    ("cross-entropy, the teacher's entropy kept", "KL subtracts the teacher's entropy, so that it is 0 where both agree; the gradient is the same.",
     _distil(loss=lambda lp, lq: -(np.exp(lp) * lq).sum(axis=1))),
    ("the teacher's hard labels", "The teacher's probabilities are the targets, not its argmax.", _hard),
    ("squared error of the logits", "That is the limit for large T only.", _logit_mse),
    ("sign of the gradient", "A student above its teacher has to come down: q − p.", _distil(slope=lambda t: -t)),
    ("sign of the loss", "Σ p·(log p − log q) is never negative.", _distil(scale=lambda t: -(t**2))),
    ("both signs", "Σ p·(log p − log q) is never negative.", _distil(scale=lambda t: -(t**2), slope=lambda t: -t)),
    ("summed over the batch", _MEAN, _distil(loss_by=lambda n, k: 1, grad_by=lambda n, k: 1)),
    ("loss summed over the batch", _MEAN, _distil(loss_by=lambda n, k: 1)),
    ("gradient not divided by N", _MEAN, _distil(grad_by=lambda n, k: 1)),
    ('mean over all entries (reduction="mean")', "A divergence is a sum over the K classes: average over rows alone, torch's \"batchmean\".",
     _distil(loss_by=lambda n, k: n * k, grad_by=lambda n, k: n * k)),
    ("loss divided by N·K", _MEAN, _distil(loss_by=lambda n, k: n * k)),
    ("gradient of the softmaxes' difference squared", "The softmax's Jacobian is in q − p already.",
     _distil(grad=lambda p, q: (q - p) * q * (1 - q))),
    ("overflow at large logits", STABLE, _naive_kl()),
    ("log of 0", STABLE, _naive_kl(soft=softmax)),
    ("1e-12 added in the log", STABLE, _naive_kl(lambda p: np.log(p + 1e-12), softmax)),
    ("1e-8 added in the log", STABLE, _naive_kl(lambda p: np.log(p + 1e-8), softmax)),
    ("softmax over the samples (axis 0)", _AXIS, lambda s, t, T=2.0: tuple(
        part if i == 0 else part.T for i, part in enumerate(_distil(loss_by=lambda n, k: k, grad_by=lambda n, k: k)(s.T, t.T, T)))),
    ("gradient before loss", _PAIR, lambda s, t, T=2.0: _distil()(s, t, T)[::-1]),
)  # fmt: skip
