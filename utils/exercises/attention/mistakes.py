"""What goes wrong in attention: each wrong answer is the right one with a part exchanged."""

import math

import numpy as np

from utils.grading.spec import Mistake


def _named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


# ---- attention ----------------------------------------------------------------------------------------------------


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _bare(s):
    return np.exp(s) / np.exp(s).sum(axis=-1, keepdims=True)


def _one_max(s):
    return _bare(s - s.max())


def _root(q, k, v):
    return math.sqrt(q.shape[-1])


def _hide(s, mask):
    return np.where(mask, s, -np.inf)


def _late(s, mask):
    """Weights of all keys, then the hidden ones taken away and the rest scaled up."""
    return s


def _att(scale=_root, soft=softmax, hide=_hide, after=lambda a, mask: a, out=lambda a, k, v: a @ v, scores=lambda q, k: q @ k.T):  # fmt: skip
    """Attention with one part exchanged: the divisor, the softmax, the mask before or after it, the last product."""

    def wrong(q, k, v, mask=None):
        s = scores(q, k) / scale(q, k, v)
        s = s if mask is None else hide(s, mask)
        a = soft(s)
        return out(a if mask is None else after(a, mask), k, v)

    return wrong


def _renormalised(a, mask):
    kept = a * mask
    return kept / kept.sum(axis=1, keepdims=True)


def _causal(q, k, v, mask=None):
    seen = np.tri(len(q), len(k), dtype=bool)
    return _att()(q, k, v, seen if mask is None else seen & mask)


def _unit(x):
    return x / np.sqrt((x**2).sum(axis=1, keepdims=True) + 1e-12)


_ROOT = "Divide the scores by √d, d the width of a query: a sum of d products of unit variance has the variance d."
_OVER = "Each query shares out one unit of weight over the keys: softmax along the last axis of (T, S)."
_STABLE = "Subtract each row's largest score before exp: no exponent is positive then, and one of them is exp(0)."
_MASK = "Set the scores of hidden keys to −∞ before the softmax: exp(−∞) = 0, and the others still add up to 1."

ATTENTION = _named(
    ("√d forgotten", _ROOT, _att(lambda q, k, v: 1)),
    ("divided by d, not by its root", _ROOT, _att(lambda q, k, v: q.shape[1])),
    ("multiplied by √d", _ROOT, _att(lambda q, k, v: 1 / _root(q, k, v))),
    ("root of the number of keys", _ROOT, _att(lambda q, k, v: math.sqrt(len(k)))),
    ("root of the number of queries", _ROOT, _att(lambda q, k, v: math.sqrt(len(q)))),
    ("root of the values' width", _ROOT, _att(lambda q, k, v: math.sqrt(v.shape[1]))),
    ("divided by √d after the softmax", _ROOT, _att(lambda q, k, v: 1, out=lambda a, k, v: a @ v / math.sqrt(k.shape[1]))),
    ("softmax over the queries (axis 0)", _OVER, _att(soft=lambda s: softmax(s, 0))),
    ("softmax over the whole matrix", _OVER, _att(soft=lambda s: softmax(s, None))),
    ("overflow at large scores", _STABLE, _att(soft=_bare)),
    ("one maximum for all queries", _STABLE, _att(soft=_one_max)),
    ("softmax left out", "The weights are the softmax of the scores.", _att(soft=lambda s: s, hide=lambda s, mask: s * mask)),
    ("exponentials not normalised", _OVER, _att(soft=lambda s: np.exp(s - s.max(axis=1, keepdims=True)))),
    ("sigmoid of each score", "Softmax ties the keys together: their weights add up to 1.",
     _att(soft=lambda s: np.exp(-np.logaddexp(0, -s)))),
    ("the best key alone (argmax)", "Softmax shares the weight out: every key that is allowed keeps some of it.",
     _att(soft=lambda s: (s == s.max(axis=1, keepdims=True)) * 1.0)),
    ("mask added as 0 and 1", _MASK, _att(hide=lambda s, mask: s + mask)),
    ("mask inverted (True hides)", "Here True allows, as in torch's scaled_dot_product_attention; True hides is the convention "
     "of nn.MultiheadAttention.", _att(hide=lambda s, mask: _hide(s, ~mask))),
    ("mask ignored", _MASK, _att(hide=lambda s, mask: s)),
    ("hidden scores set to 0", "A score of 0 still has the weight exp(0) = 1: hidden keys get −∞.",
     _att(hide=lambda s, mask: s * mask)),
    ("hidden scores lowered too little", "A hidden score may itself be large: set it to −∞ instead of subtracting a constant.",
     _att(hide=lambda s, mask: s - 1e4 * ~mask)),
    ("0 · ∞ in the mask", "(1 − mask)·(−∞) is NaN where the mask allows: choose with np.where.",
     _att(hide=lambda s, mask: s + (1 - mask) * -np.inf)),
    ("weights of hidden keys set to 0 after the softmax", _MASK, _att(hide=_late, after=lambda a, mask: a * mask)),
    ("hidden keys left in the maximum", "Take the maximum over the allowed keys: a large hidden score would push all others to 0, "
     "and 0/0 is left.", _att(hide=_late, after=_renormalised)),
    ("mask transposed", "mask[t, s] says whether query t may see key s: shape (T, S), the shape of the scores.",
     _att(hide=lambda s, mask: _hide(s, mask.T))),
    ("causal without being asked", "Without a mask every query sees every key.", _causal),
    ("weights returned", "Return the weighted sum of the values, weights @ v.", _att(out=lambda a, k, v: a)),
    ("keys averaged in place of values", "The weights come from keys; what they average are the values.",
     _att(out=lambda a, k, v: a @ k)),
    ("scores transposed (keys ask)", "scores[t, s] = q[t]·k[s]: q @ k.T.", _att(scores=lambda q, k: k @ q.T)),
    ("cosine in place of the dot product", "The score is the plain dot product over √d; nothing is normalised.",
     _att(scores=lambda q, k: _unit(q) @ _unit(k).T)),
    ("distance in place of the dot product", "The score is q·k, not −‖q − k‖.",
     _att(scores=lambda q, k: -np.sqrt(((q[:, None] - k) ** 2).sum(axis=-1)))),
    ("√d forgotten, and overflow", _ROOT, _att(lambda q, k, v: 1, soft=_bare)),
    ("softmax over the queries, and overflow", _OVER, _att(soft=lambda s: np.exp(s) / np.exp(s).sum(axis=0))),
)  # fmt: skip


# ---- its backward pass --------------------------------------------------------------------------------------------


def _row_term(a, da):
    return a * (da - (a * da).sum(axis=1, keepdims=True))


def _back(jacobian=_row_term, soft=softmax, before=_root, after=_root, out=lambda dq, dk, dv: (dq, dk, dv)):
    """The backward pass with one part exchanged; the divisor of the forward and of the backward pass apart."""

    def wrong(dout, q, k, v):
        a = soft(q @ k.T / before(q, k, v))
        ds = jacobian(a, dout @ v.T) / after(q, k, v)
        return out(ds @ k, ds.T @ q, a.T @ dout)

    return wrong


def _one(q, k, v):
    return 1


def _products(dq=lambda ds, q, k: ds @ k, dk=lambda ds, q, k: ds.T @ q, dv=lambda a, dout: a.T @ dout):
    def wrong(dout, q, k, v):
        a = softmax(q @ k.T / _root(q, k, v))
        ds = _row_term(a, dout @ v.T) / _root(q, k, v)
        return dq(ds, q, k), dk(ds, q, k), dv(a, dout)

    return wrong


_TERM = "ds = a·(da − Σ a·da), the sum over the keys of each query: raising one score lowers all other weights."
_CHAIN = "The scores are q·k/√d, so √d divides dq and dk once more; dv has none."
_SHAPES = "Shapes tell: dq (T, d) = ds @ k, dk (S, d) = ds.T @ q, dv (S, e) = a.T @ dout."

BACKWARD = _named(
    ("the softmax's row term forgotten", _TERM, _back(lambda a, da: a * da)),
    ("the diagonal of the softmax's Jacobian alone", _TERM, _back(lambda a, da: a * (1 - a) * da)),
    ("softmax passed over", _TERM, _back(lambda a, da: da)),
    ("row term summed over the queries", _TERM, _back(lambda a, da: a * (da - (a * da).sum(axis=0, keepdims=True)))),
    ("row term summed over the whole matrix", _TERM, _back(lambda a, da: a * (da - (a * da).sum()))),
    ("row term averaged, not summed", _TERM, _back(lambda a, da: a * (da - (a * da).mean(axis=1, keepdims=True)))),
    ("row term without the weights", _TERM, _back(lambda a, da: a * (da - da.sum(axis=1, keepdims=True)))),
    ("row term not weighted by a", _TERM, _back(lambda a, da: a * da - (a * da).sum(axis=1, keepdims=True))),
    ("row term added", _TERM, _back(lambda a, da: a * (da + (a * da).sum(axis=1, keepdims=True)))),
    ("√d forgotten in the gradient", _CHAIN, _back(after=_one)),
    ("√d forgotten in both passes", _CHAIN, _back(before=_one, after=_one)),
    ("√d forgotten in the forward pass", _CHAIN, _back(before=_one)),
    ("√d applied twice in the gradient", _CHAIN, _back(after=lambda q, k, v: q.shape[1])),
    ("√d multiplied in the gradient", _CHAIN, _back(after=lambda q, k, v: 1 / _root(q, k, v))),
    ("root of the number of keys", _ROOT, _back(before=lambda q, k, v: len(k) ** 0.5, after=lambda q, k, v: len(k) ** 0.5)),
    ("dv divided by √d too", _CHAIN, _products(dv=lambda a, dout: a.T @ dout / math.sqrt(dout.shape[1]))),
    ("softmax over the queries", _OVER, _back(soft=lambda s: softmax(s, 0))),
    ("overflow at large scores", _STABLE, _back(soft=_bare)),
    ("one maximum for all queries", _STABLE, _back(soft=_one_max)),
    ("dq and dk exchanged", _SHAPES, _back(out=lambda dq, dk, dv: (dk, dq, dv))),
    ("dv returned first", "Return (dq, dk, dv) in this order.", _back(out=lambda dq, dk, dv: (dv, dq, dk))),
    ("dk without the transpose", _SHAPES, _products(dk=lambda ds, q, k: ds @ q)),
    ("dq with a transpose too many", _SHAPES, _products(dq=lambda ds, q, k: ds.T @ k)),
    ("dv without the transpose", _SHAPES, _products(dv=lambda a, dout: a @ dout)),
    ("dq from the queries", "dq is a sum of keys: ∂(q·k)/∂q = k.", _products(dq=lambda ds, q, k: ds @ ds.T @ q)),
    ("upstream gradient ignored (ones)", "Start from dout; ones are only right for a plain sum.",
     lambda dout, q, k, v: _back()(np.ones_like(dout), q, k, v)),
    ("sign of dq and dk", "da = dout @ v.T goes in with a plus.", _back(lambda a, da: -_row_term(a, da))),
    ("gradients averaged over the queries", "dk and dv are sums over the queries that used them; nothing is averaged.",
     lambda dout, q, k, v: _back()(dout / len(q), q, k, v)),
)  # fmt: skip


# ---- several heads ------------------------------------------------------------------------------------------------


def _split(m, heads):
    """(T, D) → (heads, T, D/heads), consecutive slices."""
    return m.reshape(len(m), heads, -1).transpose(1, 0, 2)


def _merge(m):
    return m.transpose(1, 0, 2).reshape(m.shape[1], -1)


def _thirds(x, w):
    return np.split(x @ w.T, 3, axis=1)


def _heads(parts=_thirds, split=_split, merge=_merge, width=lambda x, h: x.shape[1] / h, soft=softmax, out=lambda m, w: m @ w.T):  # fmt: skip
    """Multi-head attention with one part exchanged."""

    def wrong(x, w_qkv, w_out, heads):
        q, k, v = (split(part, heads) for part in parts(x, w_qkv))
        a = soft(q @ k.transpose(0, 2, 1) / math.sqrt(width(x, heads)))
        return out(merge(a @ v), w_out)

    return wrong


def _order(*order):
    return lambda x, w: [_thirds(x, w)[i] for i in order]


def _by_head(x, w_qkv, w_out, heads):
    """Rows of w_qkv as (head, q/k/v, width): the layout of some libraries."""
    width = x.shape[1] // heads
    w = w_qkv.reshape(heads, 3, width, -1).transpose(1, 0, 2, 3).reshape(w_qkv.shape)
    return _heads()(x, w, w_out, heads)


def _over_heads(x, w_qkv, w_out, heads):
    q, k, v = (part.reshape(len(x), heads, -1) for part in _thirds(x, w_qkv))
    a = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1]))
    return (a @ v).reshape(x.shape) @ w_out.T


def _interleaved(m, heads):
    return m.reshape(len(m), -1, heads).transpose(2, 0, 1)


_SLICES = "Head h owns the columns h·D/heads to (h + 1)·D/heads: reshape (T, D) to (T, heads, D/heads), then move heads to the front."
_BACK = "Bring the heads back behind the tokens before you reshape: (heads, T, w) → (T, heads, w) → (T, D)."
_NARROW = "Each head is D/heads wide, and its scores are divided by the root of that."
_THIRDS = "Rows of w_qkv: the first D make queries, the next D keys, the last D values."
_TRANSPOSE = "Weights are (out, in), as in torch: multiply by the transpose, x @ w.T."

MULTI_HEAD = _named(
    ("heads interleaved", _SLICES, _heads(split=_interleaved, merge=lambda m: m.transpose(1, 2, 0).reshape(m.shape[1], -1))),
    ("heads interleaved when split", _SLICES, _heads(split=_interleaved)),
    ("heads interleaved when merged", _BACK, _heads(merge=lambda m: m.transpose(1, 2, 0).reshape(m.shape[1], -1))),
    ("reshaped to (heads, T, width) directly", _SLICES, _heads(split=lambda m, heads: m.reshape(heads, len(m), -1))),
    ("merged without moving the heads back", _BACK, _heads(merge=lambda m: m.reshape(m.shape[1], -1))),
    ("√D in place of √(D/heads)", _NARROW, _heads(width=lambda x, h: x.shape[1])),
    ("√ of the number of heads", _NARROW, _heads(width=lambda x, h: h)),
    ("√ of the number of tokens", _NARROW, _heads(width=lambda x, h: len(x))),
    ("√ forgotten", _NARROW, _heads(width=lambda x, h: 1)),
    ("divided by the width, not by its root", _NARROW, _heads(width=lambda x, h: (x.shape[1] / h) ** 2)),
    ("a single head", _SLICES, lambda x, w_qkv, w_out, heads: _heads()(x, w_qkv, w_out, 1)),
    ("order k, q, v", _THIRDS, _heads(_order(1, 0, 2))),
    ("order q, v, k", _THIRDS, _heads(_order(0, 2, 1))),
    ("order v, k, q", _THIRDS, _heads(_order(2, 1, 0))),
    ("order k, v, q", _THIRDS, _heads(_order(1, 2, 0))),
    ("order v, q, k", _THIRDS, _heads(_order(2, 0, 1))),
    ("rows of w_qkv sorted by head first", f"{_THIRDS} Head by head is another layout.", _by_head),
    ("rows of w_qkv taken in turn", _THIRDS, _heads(lambda x, w: [x @ w[i::3].T for i in range(3)])),
    ("w_qkv not transposed", _TRANSPOSE, _heads(lambda x, w: [x @ part for part in np.split(w, 3)])),
    ("w_out not transposed", _TRANSPOSE, _heads(out=lambda m, w: m @ w)),
    ("neither weight transposed", _TRANSPOSE, _heads(lambda x, w: [x @ p for p in np.split(w, 3)], out=lambda m, w: m @ w)),
    ("w_out left out", "The heads are mixed by w_out at the end.", _heads(out=lambda m, w: m)),
    ("heads averaged", "The heads stand side by side; only w_out mixes them.",
     lambda x, w_qkv, w_out, heads: _heads(merge=lambda m: np.tile(m.mean(axis=0), heads))(x, w_qkv, w_out, heads)),
    ("attention between heads", "Tokens attend to tokens, within each head.", _over_heads),
    ("softmax over the queries", _OVER, _heads(soft=lambda s: softmax(s, 1))),
    ("overflow at large scores", _STABLE, _heads(soft=_bare)),
    ("one maximum for all heads and queries", _STABLE, _heads(soft=_one_max)),
    ("softmax left out", "The weights are the softmax of the scores.", _heads(soft=lambda s: s)),
    ("causal without being asked", "Every token sees every token.", _heads(soft=lambda s: softmax(_hide(s, np.tri(s.shape[1], dtype=bool))))),
    ("input added (shortcut)", "The shortcut belongs to the block, not to this layer.",
     lambda x, w_qkv, w_out, heads: x + _heads()(x, w_qkv, w_out, heads)),
)  # fmt: skip


# ---- patches ------------------------------------------------------------------------------------------------------


def _blocks(images, p):
    """(N, C, H, W) → (N, rows, columns, C, p, p)."""
    n, c, h, w = images.shape
    return images.reshape(n, c, h // p, p, w // p, p).transpose(0, 2, 4, 1, 3, 5)


def _refuse(images, p):
    if images.shape[2] % p or images.shape[3] % p:
        raise ValueError("p must divide the height and the width")


def _patches(refuse=_refuse, blocks=_blocks, kernel=lambda w: w, bias=lambda b: b, out=lambda y: y):
    """A patch embedding with one part exchanged; tokens (N, rows·columns, D)."""

    def wrong(images, weight, b, patch):
        refuse(images, patch)
        cut = blocks(images, patch)
        tokens = cut.reshape(len(images), cut.shape[1] * cut.shape[2], -1)
        return out(tokens @ kernel(weight).reshape(len(weight), -1).T + bias(b))

    return wrong


def _cropped(images, weight, bias, patch):
    h, w = (size // patch * patch for size in images.shape[2:])
    return _patches()(images[:, :, :h, :w], weight, bias, patch)


def _padded(images, weight, bias, patch):
    h, w = (-size % patch for size in images.shape[2:])
    return _patches()(np.pad(images, ((0, 0), (0, 0), (0, h), (0, w))), weight, bias, patch)


def _check_area(images, p):
    if images.shape[2] * images.shape[3] % (p * p):
        raise ValueError("p² must divide the area")


def _check_side(axis):
    def refuse(images, p):
        if images.shape[axis] % p:
            raise ValueError("p must divide it")

    return refuse


def _checked(refuse, function):
    def wrong(images, weight, bias, patch):
        refuse(images, patch)
        return function(images, weight, bias, patch)

    return wrong


def _grid_kept(images, weight, bias, patch):
    tokens = _patches()(images, weight, bias, patch)
    h, w = (size // patch for size in images.shape[2:])
    return tokens.transpose(0, 2, 1).reshape(len(images), -1, h, w)


def _reshaped(images, p):
    """The memory order kept: a patch is a run of p·p·C numbers."""
    n, c, h, w = images.shape
    return images.reshape(n, h // p, w // p, c, p, p)


_ORDER = "Row by row: token r·(W/p) + s is the patch in row r, column s."
_INSIDE = "Flatten a patch as the weight is: (C, p, p), channel first."
_DIVIDE = "p must divide H and W, or raise ValueError: both sides, each for itself."

PATCHES = _named(
    ("patches column by column", _ORDER, _patches(blocks=lambda x, p: _blocks(x, p).transpose(0, 2, 1, 3, 4, 5))),
    ("reshape without transposing", "A patch is not contiguous in memory: reshape to (N, C, H/p, p, W/p, p), then transpose.",
     _patches(blocks=_reshaped)),
    ("channel last in the patch", _INSIDE, _patches(blocks=lambda x, p: _blocks(x, p).transpose(0, 1, 2, 4, 5, 3))),
    ("rows and columns exchanged in the patch", _INSIDE, _patches(blocks=lambda x, p: _blocks(x, p).transpose(0, 1, 2, 3, 5, 4))),
    ("kernel flipped", "No flip: deep learning's convolution is a correlation.", _patches(kernel=lambda w: w[:, :, ::-1, ::-1])),
    ("bias forgotten", "Add the bias, one number for each of the D outputs.", _patches(bias=lambda b: 0)),
    ("tokens and channels exchanged (N, D, T)", "A sequence of tokens is (N, T, D).", _patches(out=lambda y: y.transpose(0, 2, 1))),
    ("grid kept (N, D, H/p, W/p)", "Flatten the grid to T tokens and move the channels to the end: (N, T, D).",
     _checked(_refuse, _grid_kept)),
    ("border cropped instead of ValueError", _DIVIDE, _cropped),
    ("border padded instead of ValueError", _DIVIDE, _padded),
    ("width not checked, border cropped", _DIVIDE, _checked(_check_side(2), _cropped)),
    ("height not checked, border cropped", _DIVIDE, _checked(_check_side(3), _cropped)),
    ("area checked, not the sides", _DIVIDE, _checked(_check_area, _cropped)),
    ("averaged over the patch", "The products are summed, not averaged.", _patches(kernel=lambda w: w / w[0].size)),
    ("tokens in reversed order", _ORDER, _patches(out=lambda y: y[:, ::-1])),
)  # fmt: skip
