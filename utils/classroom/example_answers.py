"""What the students of the made-up class write: answers put together from alternatives, and the slips they make.

A form is a text with slots, `$mean`; each slot has alternatives, all of them right. A slip puts a wrong text into a
slot, and the course has a name for the result. So sixty students write sixty answers, and we know what is in each.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Form:
    """One way to write an exercise."""

    text: str
    slots: dict[str, tuple[str, ...]]
    slips: dict[str, dict[str, str]] = field(default_factory=dict)  # mistake → slot → the wrong text


_CACHE = ("(xhat, gamma, std)", "None", '{"xhat": xhat, "std": std}', "(x, mean, var, eps)", "[xhat, gamma]")
_AFFINE = ("gamma * xhat + beta", "xhat * gamma + beta", "beta + gamma * xhat", "beta + xhat * gamma")
_SWAPPED = {"out": "beta * xhat + gamma"}

BATCHNORM = Form(
    """
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    mean = $mean
    centred = x - mean
    var = $var
    std = $std
    xhat = $xhat
    out = $out
    return out, $cache
""",
    {
        "mean": ("x.mean(axis=0)", "np.mean(x, axis=0)", "x.sum(axis=0) / len(x)", "np.sum(x, 0) / x.shape[0]"),
        "var": ("(centred**2).mean(axis=0)", "np.mean(centred * centred, axis=0)", "x.var(axis=0)", "np.var(x, axis=0)",
                "(centred**2).sum(axis=0) / len(x)", "np.einsum('nd,nd->d', centred, centred) / x.shape[0]"),
        "std": ("np.sqrt(var + eps)", "(var + eps) ** 0.5", "np.sqrt(eps + var)", "np.power(var + eps, 0.5)"),
        "xhat": ("centred / std", "(x - mean) / std", "centred * (1 / std)", "np.divide(centred, std)"),
        "out": _AFFINE, "cache": _CACHE,
    },
    {
        "unbiased variance (ddof=1)": {"var": "x.var(axis=0, ddof=1)"},
        "eps outside the root": {"std": "np.sqrt(var) + eps"},
        "eps forgotten": {"std": "np.sqrt(var)"},
        "root forgotten": {"std": "var + eps"},
        "gamma and beta swapped": _SWAPPED,
        "normalised over axis 1 (layer norm)": {
            "mean": "x.mean(axis=1, keepdims=True)", "var": "(centred**2).mean(axis=1, keepdims=True)"},
    },
)  # fmt: skip
BATCHNORM_LOOP = Form(
    """
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    n, d = x.shape
    out = $empty
    for j in range(d):
        column = x[:, j]
        mean = $mean
        var = $var
        out[:, j] = $out
    return out, $cache
""",
    {
        "empty": ("np.empty((n, d))", "np.zeros((n, d))", "np.zeros_like(x)", "np.empty_like(x)"),
        "mean": ("column.mean()", "column.sum() / n", "sum(column) / n", "np.mean(column)"),
        "var": ("((column - mean) ** 2).mean()", "column.var()", "sum((v - mean) ** 2 for v in column) / n",
                "np.var(column)"),
        "out": ("gamma[j] * (column - mean) / np.sqrt(var + eps) + beta[j]",
                "(column - mean) / (var + eps) ** 0.5 * gamma[j] + beta[j]",
                "beta[j] + gamma[j] * ((column - mean) / np.sqrt(var + eps))"),
        "cache": ("None", "(x, gamma, eps)", "{}"),
    },
    {"unbiased variance (ddof=1)": {"var": "((column - mean) ** 2).sum() / max(n - 1, 1)"},
     "eps outside the root": {"out": "gamma[j] * (column - mean) / (np.sqrt(var) + eps) + beta[j]"}},
)  # fmt: skip
BATCHNORM_2D = Form(
    """
def batchnorm2d_forward(x, gamma, beta, eps=1e-5):
    mean = $mean
    var = $var
    xhat = $xhat
    return $out
""",
    {
        "mean": ("x.mean(axis=(0, 2, 3), keepdims=True)", "np.mean(x, axis=(0, 2, 3), keepdims=True)",
                 "x.mean((0, 2, 3))[None, :, None, None]", "x.sum((0, 2, 3), keepdims=True) / (x.size / x.shape[1])"),
        "var": ("x.var(axis=(0, 2, 3), keepdims=True)", "np.var(x, axis=(0, 2, 3), keepdims=True)",
                "((x - mean) ** 2).mean(axis=(0, 2, 3), keepdims=True)", "x.var((0, 2, 3))[None, :, None, None]"),
        "xhat": ("(x - mean) / np.sqrt(var + eps)", "(x - mean) / (var + eps) ** 0.5",
                 "(x - mean) * (var + eps) ** -0.5"),
        "out": ("gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1)",
                "gamma[None, :, None, None] * xhat + beta[None, :, None, None]",
                "xhat * gamma[:, None, None] + beta[:, None, None]"),
    },
    {
        "statistics for each image alone (instance norm)": {
            "mean": "x.mean(axis=(2, 3), keepdims=True)", "var": "x.var(axis=(2, 3), keepdims=True)"},
        "statistics for each pixel alone": {"mean": "x.mean(axis=0)", "var": "x.var(axis=0)"},
        "gamma and beta along the last axis": {"out": "gamma * xhat + beta"},
        "one mean for all features": {"mean": "x.mean()", "var": "x.var()"},
    },
)  # fmt: skip
SOFTMAX = Form(
    """
def softmax(logits):
    shifted = $shifted
    weights = $weights
    return $out
""",
    {
        "shifted": ("logits - logits.max(axis=1, keepdims=True)", "logits - np.max(logits, axis=1, keepdims=True)",
                    "logits - logits.max(1)[:, None]", "(logits.T - logits.max(axis=1)).T",
                    "np.subtract(logits, logits.max(axis=-1, keepdims=True))"),
        "weights": ("np.exp(shifted)", "np.e**shifted", "np.exp(1.0 * shifted)"),
        "out": ("weights / weights.sum(axis=1, keepdims=True)", "weights / weights.sum(1)[:, None]",
                "weights / np.sum(weights, axis=1, keepdims=True)", "(weights.T / weights.sum(axis=1)).T"),
    },
    {
        "overflow at large logits": {"shifted": "logits"},
        "softmax over the samples (axis 0)": {
            "shifted": "logits - logits.max(axis=0)", "out": "weights / weights.sum(axis=0)"},
        "one maximum for the whole batch": {"shifted": "logits - logits.max()"},
        "exponentials not normalised": {"out": "weights"},
        "one sum for all rows": {"out": "weights / weights.sum()"},
    },
)  # fmt: skip
CROSS_ENTROPY = Form(
    """
def cross_entropy(logits, labels):
    n = $n
    shifted = $shifted
    log_p = $log_p
    loss = $loss
    grad = np.exp(log_p)
    grad[np.arange(n), labels] -= 1
    return $out
""",
    {
        "n": ("len(labels)", "logits.shape[0]", "len(logits)", "labels.shape[0]"),
        "shifted": ("logits - logits.max(axis=1, keepdims=True)", "logits - np.max(logits, axis=1, keepdims=True)",
                    "logits - logits.max(1)[:, None]"),
        "log_p": ("shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
                  "shifted - np.log(np.sum(np.exp(shifted), axis=1))[:, None]",
                  "shifted - np.log(np.exp(shifted).sum(1))[:, None]"),
        "loss": ("-log_p[np.arange(n), labels].mean()", "-np.mean(log_p[np.arange(n), labels])",
                 "-log_p[range(n), labels].sum() / n", "-sum(log_p[i, labels[i]] for i in range(n)) / n"),
        "out": ("loss, grad / n", "(loss, grad / n)", "loss, grad * (1 / n)"),
    },
    {
        "gradient not divided by N": {"out": "loss, grad"},
        "loss summed over the batch": {"loss": "-log_p[np.arange(n), labels].sum()"},
        "loss and gradient summed over the batch": {"loss": "-log_p[np.arange(n), labels].sum()", "out": "loss, grad"},
        "log(0)": {"log_p": "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True))"},
        "minus of the loss forgotten": {"loss": "log_p[np.arange(n), labels].mean()"},
    },
)  # fmt: skip
IOU = Form(
    """
def iou_matrix(a, b):
    low = $low
    high = $high
    inter = $inter
    area_a = $area_a
    area_b = $area_b
    union = $union
    return $out
""",
    {
        "low": ("np.maximum(a[:, None, :2], b[None, :, :2])", "np.maximum(a[:, np.newaxis, :2], b[:, :2])"),
        "high": ("np.minimum(a[:, None, 2:], b[None, :, 2:])", "np.minimum(a[:, np.newaxis, 2:], b[:, 2:])"),
        "inter": ("np.maximum(high - low, 0).prod(axis=2)", "np.clip(high - low, 0, None).prod(-1)",
                  "np.prod(np.maximum(0, high - low), axis=2)",
                  "np.maximum(high[..., 0] - low[..., 0], 0) * np.maximum(high[..., 1] - low[..., 1], 0)"),
        "area_a": ("(a[:, 2:] - a[:, :2]).prod(axis=1)", "(a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])"),
        "area_b": ("(b[:, 2:] - b[:, :2]).prod(axis=1)", "(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])"),
        "union": ("area_a[:, None] + area_b[None, :] - inter", "area_a[:, None] + area_b - inter",
                  "np.add.outer(area_a, area_b) - inter"),
        "out": ("np.divide(inter, union, out=np.zeros_like(union), where=union > 0)",
                "np.where(union > 0, inter / np.where(union > 0, union, 1), 0.0)"),
    },
    {
        "union without the overlap taken away": {"union": "area_a[:, None] + area_b[None, :] + 0 * inter"},
        "negative overlap of disjoint boxes not clipped": {"inter": "(high - low).prod(axis=2)"},
        "NaN for empty boxes": {"out": "inter / union"},
        "+ 1 in widths and heights": {
            "inter": "np.maximum(high - low + 1, 0).prod(axis=2)", "area_a": "(a[:, 2:] - a[:, :2] + 1).prod(axis=1)",
            "area_b": "(b[:, 2:] - b[:, :2] + 1).prod(axis=1)"},
    },
)  # fmt: skip
NMS = Form(
    """
def nms(boxes, scores, threshold):
    order = $order
    kept = []
    while $left:
        best, rest = order[0], order[1:]
        kept.append(best)
        overlap = $overlap
        order = $order_next
    return np.array(kept, dtype=int)
""",
    {
        "order": ('np.argsort(-scores, kind="stable")', 'np.argsort(-1 * scores, kind="stable")',
                  "np.lexsort((np.arange(len(scores)), -scores))", '(-scores).argsort(kind="stable")'),
        "left": ("order.size", "len(order)", "len(order) > 0", "order.size > 0"),
        "overlap": ("iou_matrix(boxes[[best]], boxes[rest])[0]", "iou_matrix(boxes[best : best + 1], boxes[rest])[0]",
                    "iou_matrix(boxes[best][None], boxes[rest]).ravel()"),
        "order_next": ("rest[overlap <= threshold]", "rest[~(overlap > threshold)]",
                       "rest[np.where(overlap <= threshold)[0]]"),
    },
    {
        "≥ in place of >": {"order_next": "rest[overlap < threshold]"},
        "keeps what overlaps": {"order_next": "rest[overlap > threshold]"},
        "the lowest score first": {"order": 'np.argsort(scores, kind="stable")'},
        "not sorted by score": {"order": "np.arange(len(scores))"},
        "equal scores: the higher index first": {"order": 'np.argsort(scores, kind="stable")[::-1]'},
        "threshold fixed at 0.5": {"order_next": "rest[overlap <= 0.5]"},
    },
)  # fmt: skip
FORMS: dict[str, tuple[Form, ...]] = {
    "batchnorm_forward": (BATCHNORM, BATCHNORM_LOOP), "batchnorm2d_forward": (BATCHNORM_2D,), "softmax": (SOFTMAX,),
    "cross_entropy": (CROSS_ENTROPY,), "iou_matrix": (IOU,), "nms": (NMS,),
}  # fmt: skip
