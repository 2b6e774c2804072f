"""48 · Attention: Vaswani et al. 2017, §3.2, and Dosovitskiy et al. 2021, §3.1. Oracle: torch's own in float64, autograd."""

import numpy as np

from utils.exercises.attention import mistakes, oracle, styles
from utils.grading.spec import Case, Exercise, Question


def _qkv(rng, t, s, d, e, scale=1.0):
    return dict(q=scale * rng.normal(size=(t, d)), k=scale * rng.normal(size=(s, d)), v=rng.normal(size=(s, e)))


def _some(rng, t, s):
    """A random mask that hides about half and leaves each query one key at least."""
    mask = rng.random((t, s)) < 0.5
    mask[np.arange(t), rng.integers(0, s, t)] = True
    return mask


def _large(rng):
    """Rows of scores on levels 1e4, 0 and −1e4, each with its own differences."""
    q = np.array([[1e4, 2.0], [0.0, 3.0], [-1e4, 1.0]])
    k = np.array([[1.0, 0.5], [1.0, -0.25], [1.0, 1.25], [1.0, 0.0]])
    return dict(q=q, k=k, v=rng.normal(size=(4, 3)))


def _tiny():
    return dict(q=np.array([[2.0, 0, 0, 0]]), k=np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]]), v=np.array([[1.0], [3]]))


def _hidden_giant():
    """The key that must not be seen has by far the largest score."""
    inputs = dict(q=np.array([[200.0, 1.0], [1.0, 2.0]]), k=np.array([[200.0, 0], [0, 1], [0.01, 0]]))
    return inputs | dict(v=np.array([[1.0], [2], [4]]), mask=np.array([[False, True, True], [True, True, False]]))


ATTENTION = Exercise(
    name="attention",
    returns=("out",),
    oracle=oracle.attention,
    cases=(
        Case("one query, two keys, d = 4", lambda rng: _tiny()),
        Case("five queries, seven keys", lambda rng: _qkv(rng, 5, 7, 4, 3)),
        Case("all lengths 3", lambda rng: _qkv(rng, 3, 3, 3, 3)),
        Case("wide: d = 32", lambda rng: _qkv(rng, 4, 6, 32, 2)),
        Case("a single key", lambda rng: _qkv(rng, 3, 1, 2, 4)),
        Case("a causal mask", lambda rng: _qkv(rng, 4, 4, 4, 4) | dict(mask=np.tri(4, dtype=bool))),
        Case("half of the keys hidden", lambda rng: _qkv(rng, 6, 4, 9, 2) | dict(mask=_some(rng, 6, 4))),
        Case("a mask that hides nothing", lambda rng: _qkv(rng, 2, 5, 3, 3) | dict(mask=np.ones((2, 5), dtype=bool))),
        Case("rows of scores on levels ±1e4 and 0", _large),
        Case("a hidden key with a score of 28000", lambda rng: _hidden_giant()),
    ),
    mistakes=mistakes.ATTENTION,
    accepts=(styles.attention_loops, styles.attention_billion, styles.attention_online, oracle.attention),
    verified="equal to torch's scaled_dot_product_attention in float64; masks, large and hidden scores included",
)  # fmt: skip


def _with_dout(rng, inputs):
    return dict(dout=rng.normal(size=(len(inputs["q"]), inputs["v"].shape[1]))) | inputs


BACKWARD = Exercise(
    name="attention_backward",
    returns=("dq", "dk", "dv"),
    oracle=oracle.attention_backward,
    cases=(
        Case("one query, two keys, d = 4", lambda rng: dict(dout=np.array([[1.0]])) | _tiny()),
        Case("five queries, seven keys", lambda rng: _with_dout(rng, _qkv(rng, 5, 7, 4, 3))),
        Case("all lengths 4", lambda rng: _with_dout(rng, _qkv(rng, 4, 4, 4, 4))),
        Case("wide: d = 16", lambda rng: _with_dout(rng, _qkv(rng, 3, 6, 16, 2, 0.5))),
        Case("a single key: no gradient to q and k", lambda rng: _with_dout(rng, _qkv(rng, 3, 1, 2, 4))),
        Case("values of width 1", lambda rng: _with_dout(rng, _qkv(rng, 2, 5, 3, 1))),
        Case("a query without upstream gradient", lambda rng: _with_dout(rng, _qkv(rng, 3, 4, 9, 2)) | dict(
            dout=np.array([[0.0, 0.0], [1.0, -2.0], [0.5, 0.0]]))),
        Case("rows of scores on levels ±1e4 and 0", lambda rng: _with_dout(rng, _large(rng))),
    ),
    mistakes=mistakes.BACKWARD,
    accepts=(styles.backward_by_output, styles.backward_jacobians, oracle.attention_backward),
    verified="all three gradients equal autograd's in float64 for a random upstream gradient",
)  # fmt: skip


def _tokens(rng, t, d, heads, scale=1.0):
    inputs = dict(x=scale * rng.normal(size=(t, d)), w_qkv=rng.normal(size=(3 * d, d)) / np.sqrt(d))
    return inputs | dict(w_out=rng.normal(size=(d, d)), heads=heads)


def _plain_heads():
    w = np.array([[1.0, 0], [0, 1], [1, 0], [0, 2], [1, 1], [0, 1]])
    return dict(x=np.array([[1.0, 0], [0, 1]]), w_qkv=w, w_out=np.array([[1.0, 1], [0, 1]]), heads=2)


def _two_levels():
    """The scores of one head are near 600, those of the other near −600: exp overflows in neither."""
    w = np.array([[25.0, 0], [0, 25], [24, 0], [0, -24], [1, 0], [0, 1]])
    x = np.array([[1.0, 1.002], [1.003, 0.998], [0.998, 1.001]])
    return dict(x=x, w_qkv=w, w_out=np.array([[1.0, 0.5], [0, 1]]), heads=2)


MULTI_HEAD = Exercise(
    name="multi_head_attention",
    returns=("out",),
    oracle=oracle.multi_head_attention,
    cases=(
        Case("two tokens, two heads of width 1", lambda rng: _plain_heads()),
        Case("five tokens, two heads of width 3", lambda rng: _tokens(rng, 5, 6, 2)),
        Case("three heads of width 2", lambda rng: _tokens(rng, 4, 6, 3)),
        Case("as many tokens as channels", lambda rng: _tokens(rng, 4, 4, 2)),
        Case("one head", lambda rng: _tokens(rng, 3, 5, 1)),
        Case("a single token", lambda rng: _tokens(rng, 1, 6, 2)),
        Case("large activations", lambda rng: _tokens(rng, 4, 8, 4, 100.0)),
        Case("scores near 600 in one head, near −600 in the other", lambda rng: _two_levels()),
    ),
    mistakes=mistakes.MULTI_HEAD,
    accepts=(styles.heads_loops, styles.heads_einsum, oracle.multi_head_attention),
    verified="equal to torch.nn.MultiheadAttention with these weights in float64, for one, two, three and four heads",
)  # fmt: skip


def _image(rng, n, c, h, w, d, p):
    inputs = dict(images=rng.normal(size=(n, c, h, w)), weight=rng.normal(size=(d, c, p, p)))
    return inputs | dict(bias=rng.normal(size=d), patch=p)


PATCHES = Exercise(
    name="patch_embed",
    returns=("tokens",),
    oracle=oracle.patch_embed,
    cases=(
        Case("one image of 2×4 in patches of 2", lambda rng: dict(
            images=np.arange(8.0).reshape(1, 1, 2, 4), weight=np.array([[[[1.0, 10], [100, 1000]]]]), bias=np.zeros(1), patch=2)),
        Case("two images of 3×4×6, patches of 2", lambda rng: _image(rng, 2, 3, 4, 6, 5, 2)),
        Case("square, 3 channels, patches of 3", lambda rng: _image(rng, 1, 3, 9, 9, 4, 3)),
        Case("patches of one pixel", lambda rng: _image(rng, 2, 2, 3, 4, 3, 1)),
        Case("the whole image is one patch", lambda rng: _image(rng, 3, 2, 4, 4, 6, 4)),
        Case("as many outputs as tokens", lambda rng: _image(rng, 2, 1, 6, 4, 6, 2)),
        Case("patches of 2 on a height of 5", lambda rng: _image(rng, 1, 1, 5, 4, 2, 2), raises="ValueError"),
        Case("patches of 2 on a width of 5", lambda rng: _image(rng, 1, 1, 4, 5, 2, 2), raises="ValueError"),
        Case("patches of 2 on 3×5: neither side fits", lambda rng: _image(rng, 1, 1, 3, 5, 2, 2), raises="ValueError"),
        Case("patches of 4 on 2×8: the area fits", lambda rng: _image(rng, 1, 1, 2, 8, 2, 4), raises="ValueError"),
    ),
    mistakes=mistakes.PATCHES,
    accepts=(styles.patch_loops, styles.patch_torch),
    verified="equal to torch's strided conv2d in float64, maps that are not square included; ValueError where p does not divide",
)  # fmt: skip

QUESTION = Question(chapter=6, minutes=40, exercises=(ATTENTION, BACKWARD, MULTI_HEAD, PATCHES))
