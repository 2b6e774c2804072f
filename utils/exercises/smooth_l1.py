"""31 · Smooth L1 and Huber: Girshick 2015, eq. (3), and Huber 1964. Oracle: torch's two losses with autograd."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle(name):
    """torch's loss of that name, its threshold as the third argument, and the gradient by autograd."""

    def oracle(pred, target, threshold=1.0):
        import torch

        given = torch.from_numpy(np.array(pred)).requires_grad_()
        keyword = {"smooth_l1_loss": "beta", "huber_loss": "delta"}[name]
        loss = getattr(torch.nn.functional, name)(given, torch.from_numpy(np.array(target)), **{keyword: threshold})
        loss.backward()
        return loss.item(), given.grad.numpy()

    def by_name(pred, target, **threshold):
        return oracle(pred, target, *threshold.values())

    return oracle, by_name


_torch_smooth, _smooth_oracle = _oracle("smooth_l1_loss")
_torch_huber, _huber_oracle = _oracle("huber_loss")


# ---- the parts that mistakes are put together from; b is beta or delta -------------------------------------------


def _split(inside, outside, joint=lambda b: b):
    """One formula for |d| below the joint, one from there on."""
    return lambda d, b: np.where(np.abs(d) < joint(b), inside(d, b), outside(d, b))


def _and_at(b):
    """A joint that belongs to the inside, as Huber's is mostly written."""
    return np.nextafter(b, np.inf)


def _square(d, b):
    return d * d / (2 * b)


def _line(d, b):
    return np.abs(d) - b / 2


def _ratio(d, b):
    return d / b


def _sign(d, b=None):
    return np.sign(d)


def _half_square(d, b):
    return d * d / 2


def _self(d, b=None):
    return d


_smooth, _smooth_slope = _split(_square, _line), _split(_ratio, _sign)


def _huber(d, b):
    return b * _smooth(d, b)


def _huber_slope(d, b):
    return b * _smooth_slope(d, b)


def _mean(values):
    return values / values.size


def _rows(values):
    return values / len(values)


def _maker(value, slope):
    """Makes wrong answers from a right one by exchanging parts.

    They raise nothing unless told: so each is recognised in an answer that forgot the ValueError too, and in one that did not.
    """

    def make(value=value, slope=slope, total=np.mean, share=_mean, valid=lambda b: True):
        def wrong(pred, target, threshold=1.0):
            if not valid(threshold):
                raise ValueError
            d = pred - target
            return total(value(d, threshold)), share(slope(d, threshold))

        return wrong

    return make


_s, _h = _maker(_smooth, _smooth_slope), _maker(_huber, _huber_slope)

_BY_COUNT = "The loss is a mean over all entries, so its gradient is divided by d.size, not by 1 and not by the rows."
_ALL = "The loss is one number: the mean over all entries, whatever the shape."
_CHAIN = "d = pred − target and the gradient is with respect to pred: it has the sign of d."
_ABS = "Compare |d| with the threshold and use |d| in the line: a large negative error is a large error."
_OTHER = "A parabola up to the joint and a straight line beyond: the gradient is clipped, not rounded off."
_IGNORED = "The parabola ends at the threshold that is passed in; the classic formula has it at 1."


def _shared(make, slope):
    """The slips that both losses invite."""
    return {
        "gradient not divided by the count": (_BY_COUNT, make(share=_self)),
        "gradient divided by the rows only": (_BY_COUNT, make(share=_rows)),
        "loss summed": (_ALL, make(total=np.sum)),
        "loss and gradient summed": (_ALL, make(total=np.sum, share=_self)),
        "mean over axis 0 only": (_ALL, make(total=lambda v: v.mean(axis=0), share=_rows)),
        "loss and gradient divided by the rows only": (_ALL, make(total=lambda v: v.sum() / len(v), share=_rows)),
        "one loss for each entry": (_ALL, make(total=_self)),
        "sign of the gradient": (_CHAIN, make(slope=lambda d, b: -slope(d, b))),
        "threshold ignored": (_IGNORED, make(lambda d, b: _smooth(d, 1), lambda d, b: _smooth_slope(d, 1))),
        "pseudo-Huber": (_OTHER, make(lambda d, b: b * b * (np.sqrt(1 + (d / b) ** 2) - 1),
                                      lambda d, b: d / np.sqrt(1 + (d / b) ** 2))),
        "log-cosh": (_OTHER, make(lambda d, b: np.log(np.cosh(d)), lambda d, b: np.tanh(d))),
    }  # fmt: skip


_HUBER_IS = "torch's smooth L1 is Huber divided by beta: d²/(2·beta) inside, |d| − beta/2 outside, slope d/beta and ±1."
_OVER_BETA = "Divide by beta: d²/(2·beta). Then value and slope meet the straight part at |d| = beta."
_OFFSET = "At |d| = beta the parabola is at beta/2 and has slope 1: the line through there is |d| − beta/2."
_HALF = "It is d²/(2·beta): with the 1/2 the slope is d/beta, which is 1 at the joint."
_ZERO = "beta = 0 is plain L1: treat it first, with |d| and sign(d), and nothing is divided by 0."
_VALID = "Raise ValueError for beta < 0, and only then: beta = 0 is L1."
_SIGMA = "beta is the joint itself. The sigma of Faster R-CNN's code is another parameter: beta = 1/sigma²."


def _clipped_ratio(d, b):
    return np.clip(d / b, -1, 1)


def _unit_offset(d, b):
    return np.abs(d) - 0.5


_SMOOTH_MISTAKES = {
    "Huber in place of smooth L1": (_HUBER_IS, _s(_huber, _huber_slope)),
    "Huber in place of smooth L1 (by np.clip)": (_HUBER_IS, _s(_huber, lambda d, b: np.clip(d, -b, b))),
    "quadratic part not divided by beta": (_OVER_BETA, _s(_split(_half_square, _line), _split(_self, _sign))),
    "quadratic part not divided by beta, slope clipped to ±1": (_OVER_BETA, _s(
        _split(_half_square, _line), lambda d, b: np.clip(d, -1, 1))),
    "|d| − 0.5 in place of |d| − 0.5·beta": (_OFFSET, _s(_split(_square, _unit_offset))),
    "gradient not clipped": ("Outside the slope is ±1: clip d/beta to [−1, 1]. That bound is the point of the loss.",
                             _s(slope=_ratio)),
    **_shared(_s, _smooth_slope),
    "no ValueError for beta < 0": (_VALID, _s()),
    "negative beta taken for L1": (_VALID, _s(lambda d, b: _smooth(d, max(b, 0)), lambda d, b: _smooth_slope(d, max(b, 0)))),
    "beta = 0 rejected": (_VALID, _s(valid=lambda b: b > 0)),
    "0/0 at beta = 0, in the gradient": (_ZERO, _s(slope=_clipped_ratio)),
    "0/0 at beta = 0, in loss and gradient": (_ZERO, _s(
        lambda d, b: np.where(np.abs(d) <= b, _square(d, b), _line(d, b)), _clipped_ratio)),
    "division by zero at beta = 0": (_ZERO, _s(lambda d, b: 0 / b + _smooth(d, b), _clipped_ratio)),
    "gradient not divided by the count, and 0/0 at beta = 0": (_BY_COUNT, _s(slope=_clipped_ratio, share=_self)),
    "|d| − 0.5 in place of |d| − 0.5·beta, and 0/0 at beta = 0": (_OFFSET, _s(
        _split(_square, _unit_offset), _clipped_ratio)),
    "slope ±1 at a tie when beta = 0": ("The slope at d = 0 is 0: np.sign(0) = 0, as in torch.", _s(
        slope=_split(_ratio, lambda d, b: np.where(d > 0, 1.0, -1.0)))),
    "loss not divided by beta, gradient right": (_OVER_BETA, _s(_split(_half_square, _line))),
    "gradient not divided by beta": ("Inside the slope is d/beta.", _s(slope=_split(_self, _sign))),
    "threshold fixed at 1": (_IGNORED, _s(_split(_square, _line, lambda b: 1), _split(_ratio, _sign, lambda b: 1))),
    "1/2 missing in the parabola": (_HALF, _s(_split(lambda d, b: d * d / b, _line))),
    "1/2 missing in the parabola and its slope": (_HALF, _s(
        _split(lambda d, b: d * d / b, _line), _split(lambda d, b: 2 * d / b, _sign))),
    "straight part without its offset": (_OFFSET, _s(_split(_square, lambda d, b: np.abs(d)))),
    "offset of a whole beta": (_OFFSET, _s(_split(_square, lambda d, b: np.abs(d) - b))),
    "gradient is sign(d) everywhere": ("Inside the slope is d/beta, which fades to 0 at the target.", _s(slope=_sign)),
    "d in place of |d| in the comparison": (_ABS, _s(
        lambda d, b: np.where(d < b, _square(d, b), _line(d, b)),
        lambda d, b: np.where(d < b, _ratio(d, b), np.sign(d)))),
    "the two parts swapped": ("The parabola is for |d| < beta.", _s(
        lambda d, b: np.where(np.abs(d) > b, _square(d, b), _line(d, b)),
        lambda d, b: np.where(np.abs(d) > b, _ratio(d, b), np.sign(d)))),
    "pseudo-Huber, with slopes to ±1": (_OTHER, _s(
        lambda d, b: np.sqrt(d * d + b * b) - b, lambda d, b: d / np.sqrt(d * d + b * b))),
    "sigma in place of beta": (_SIGMA, _s(lambda d, b: _smooth(d, 1 / b**2), lambda d, b: _smooth_slope(d, 1 / b**2))),
}  # fmt: skip

_SMOOTH_IS = "Huber is delta times smooth L1: d²/2 inside, delta·(|d| − delta/2) outside, slope clipped to ±delta."
_NO_OVER = "Huber's parabola is d²/2, not divided by delta: only smooth L1 divides."
_OFFSET_H = "At |d| = delta the parabola is at delta²/2 with slope delta: the line is delta·(|d| − delta/2)."
_CLIP_H = "Clip d to [−delta, delta]: outside the slope is ±delta."
_VALID_H = "Raise ValueError for delta ≤ 0: at delta = 0 the loss would be 0 everywhere."


def _steep(d, b):
    return b * _line(d, b)


_HUBER_MISTAKES = {
    "smooth L1 in place of Huber": (_SMOOTH_IS, _h(_smooth, _smooth_slope)),
    "smooth L1 in place of Huber (by np.clip)": (_SMOOTH_IS, _h(_smooth, _clipped_ratio)),
    "|d| − 0.5 in place of |d| − 0.5·delta": (_OFFSET_H, _h(_split(_half_square, lambda d, b: b * (np.abs(d) - 0.5)))),
    "gradient not clipped": (_CLIP_H, _h(slope=_self)),
    **_shared(_h, _huber_slope),
    "no ValueError for delta ≤ 0": (_VALID_H, _h()),
    "delta = 0 let through": (_VALID_H, _h(valid=lambda b: b >= 0)),
    "quadratic part divided by delta": (_NO_OVER, _h(
        _split(_square, _steep), _split(_ratio, lambda d, b: b * np.sign(d)))),
    "delta missing in the straight part": (_OFFSET_H, _h(_split(_half_square, _line), _split(_self, _sign))),
    "delta missing in the straight part, gradient right": (_OFFSET_H, _h(_split(_half_square, _line))),
    "delta squared in the straight part": (_OFFSET_H, _h(_split(_half_square, lambda d, b: b * _steep(d, b)))),
    "delta² · smooth L1": (_SMOOTH_IS, _h(lambda d, b: b * _huber(d, b), lambda d, b: b * _huber_slope(d, b))),
    "gradient ±1 outside, not ±delta": (_CLIP_H, _h(slope=_split(_self, _sign))),
    "gradient clipped to ±1": (_CLIP_H, _h(slope=lambda d, b: np.clip(d, -1, 1))),
    "threshold fixed at 1": (_IGNORED, _h(
        _split(_half_square, _steep, lambda b: 1), _split(_self, lambda d, b: b * np.sign(d), lambda b: 1))),
    "1/2 missing in the parabola": ("It is d²/2: its slope is d, which is delta at the joint.", _h(
        _split(lambda d, b: d * d, _steep, _and_at))),
    "straight part without its offset": (_OFFSET_H, _h(_split(_half_square, lambda d, b: b * np.abs(d), _and_at))),
    "gradient is ±delta everywhere": ("Inside the slope is d itself.", _h(slope=lambda d, b: b * np.sign(d))),
    "d in place of |d| in the comparison": (_ABS, _h(
        lambda d, b: np.where(d < b, _half_square(d, b), _steep(d, b)), lambda d, b: np.where(d < b, d, b * np.sign(d)))),
    "the two parts swapped": ("The parabola is for |d| ≤ delta.", _h(
        lambda d, b: np.where(np.abs(d) > b, _half_square(d, b), _steep(d, b)),
        lambda d, b: np.where(np.abs(d) > b, d, b * np.sign(d)))),
}  # fmt: skip


# ---- right answers in other styles -------------------------------------------------------------------------------


def _loops(pred, target, beta=1.0):
    if beta < 0:
        raise ValueError(beta)
    n, total, grad = pred.size, 0.0, []
    for p, t in zip(pred.ravel().tolist(), target.ravel().tolist(), strict=True):
        d = p - t
        inside = abs(d) < beta
        total += 0.5 * d * d / beta if inside else abs(d) - 0.5 * beta
        grad.append((d / beta if inside else (d > 0) - (d < 0)) / n)
    return total / n, np.reshape(grad, pred.shape).tolist()


def _by_clipping(pred, target, beta=1.0):
    """With s the clipped slope: loss = s·d − beta·s²/2, inside and outside."""
    if beta < 0:
        raise ValueError("beta")
    d = pred - target
    s = np.sign(d) if beta == 0 else np.clip(d / beta, -1, 1)
    return np.einsum("i,i->", s.ravel(), d.ravel() - beta * s.ravel() / 2) / d.size, s / d.size


def _masks(pred, target, delta=1.0):
    if not delta > 0:
        raise ValueError
    d = np.array(pred)
    d -= target
    loss, grad, far = d**2 / 2, d.copy(), np.abs(d) > delta
    loss[far] = delta * np.abs(d[far]) - delta**2 / 2
    grad[far] = np.copysign(delta, d[far])
    return loss.sum() / d.size, grad / d.size


def _leftover(pred, target, delta=1.0):
    """Huber = half the square of the clipped error + delta times what is left."""
    if delta <= 0:
        raise ValueError("delta")
    size = np.abs(pred - target)
    near = np.minimum(size, delta)
    return np.mean(near**2 / 2 + delta * (size - near)), np.clip(pred - target, -delta, delta) / pred.size


def _checked(function, valid):
    def answer(pred, target, threshold=1.0):
        if not valid(threshold):
            raise ValueError(f"not {threshold}")
        return function(pred, target, threshold)

    return answer


# ---- cases -------------------------------------------------------------------------------------------------------


def _errors(d, target=None, **threshold):
    d = np.array(d, dtype=float)
    target = np.zeros_like(d) if target is None else np.array(target, dtype=float)
    return dict(pred=target + d, target=target, **threshold)


def _random(rng, *shape, scale=1.0, **threshold):
    return _errors(scale * rng.normal(size=shape), rng.uniform(-1, 1, size=shape), **threshold)


def _cases(name):
    """What both are tried on; `name` is beta or delta."""
    return (
        Case("three errors", lambda rng: _errors([0.5, 2.0, -3.0])),
        Case(f"{name} = 2, two rows", lambda rng: _errors([[0.8, -1.5, 0.2], [4.0, -2.5, 0.0]], **{name: 2.0})),
        Case(f"errors of exactly {name}", lambda rng: _errors([1.0, -1.0, 0.25, -2.0])),
        Case(f"six boxes, {name} = 1/9", lambda rng: _random(rng, 6, 4, scale=0.2, **{name: 1 / 9})),
        Case(f"a square matrix, {name} = 10", lambda rng: _random(rng, 3, 3, scale=8, **{name: 10.0})),
        Case("errors up to 1e4", lambda rng: _errors([1e4, -1e4, 1e-3, 0.0, 0.7])),
        Case("a single entry", lambda rng: _errors([-3.0], [1.0], **{name: 0.5})),
        Case("three axes", lambda rng: _random(rng, 2, 3, 2, scale=2)),
        Case(f"tiny errors, {name} = 0.001", lambda rng: _random(rng, 5, scale=1e-3, **{name: 1e-3})),
        Case("no error at all", lambda rng: _errors(np.zeros((2, 2)), [[1.0, 2.0], [3.0, 4.0]])),
    )


def _mistakes(named):
    return tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in named.items())


SMOOTH_L1 = Exercise(
    name="smooth_l1_loss",
    returns=("loss", "grad"),
    oracle=_smooth_oracle,
    cases=(
        *_cases("beta"),
        Case("beta = 0, with ties", lambda rng: _errors([1.0, 0.0, -2.5, 0.0], [0.0, 2.0, 3.0, -4.0], beta=0.0)),
        Case("beta < 0", lambda rng: _errors([0.0, 0.0], [1.0, 2.0], beta=-1.0), raises="ValueError"),
    ),
    mistakes=_mistakes(_SMOOTH_MISTAKES),
    accepts=(_loops, _by_clipping, _checked(_torch_smooth, lambda b: b >= 0)),
    verified="equal to torch's smooth_l1_loss and its autograd in float64, beta = 0 and errors of exactly beta included",
)

HUBER = Exercise(
    name="huber_loss",
    returns=("loss", "grad"),
    oracle=_huber_oracle,
    cases=(
        *_cases("delta"),
        Case("delta < 0", lambda rng: _errors([1.0, 0.5], delta=-1.0), raises="ValueError"),
        Case("delta = 0", lambda rng: _errors([1.0, 0.5], delta=0.0), raises="ValueError"),
    ),
    mistakes=_mistakes(_HUBER_MISTAKES),
    accepts=(_masks, _leftover, _checked(_torch_huber, lambda b: b > 0)),
    verified="equal to torch's huber_loss and its autograd in float64, errors of exactly delta included",
)

QUESTION = Question(chapter=4, minutes=32, exercises=(SMOOTH_L1, HUBER))
