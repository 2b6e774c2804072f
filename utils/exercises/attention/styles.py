"""Right answers in other styles, which the check accepts."""

import math

import numpy as np

from utils.exercises.attention import oracle
from utils.exercises.attention.mistakes import softmax


def attention_loops(q, k, v, mask=None):
    out = []
    for t, query in enumerate(q.tolist()):
        seen = [s for s in range(len(k)) if mask is None or mask[t, s]]
        scores = [sum(a * b for a, b in zip(query, k[s].tolist(), strict=True)) / len(query) ** 0.5 for s in seen]
        weights = [math.exp(score - max(scores)) for score in scores]
        out.append(sum(w * v[s] for w, s in zip(weights, seen, strict=True)) / sum(weights))
    return np.array(out)


def attention_billion(q, k, v, mask=None):
    scores = np.einsum("td,sd->ts", q / math.sqrt(q.shape[1]), k)
    scores = scores if mask is None else scores - 1e9 * (1 - mask)
    return np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)) @ v


def attention_online(q, k, v, mask=None):
    """One key after the other with a running maximum, as FlashAttention does."""
    top, total, out = np.full((len(q), 1), -np.inf), np.zeros((len(q), 1)), np.zeros((len(q), v.shape[1]))
    for s in range(len(k)):
        score = (q @ k[s])[:, None] / math.sqrt(q.shape[1])
        score = score if mask is None else np.where(mask[:, s : s + 1], score, -np.inf)
        higher = np.maximum(top, score)
        old, new = (np.where(np.isneginf(part), 0, np.exp(part - higher)) for part in (top, score))
        top, total, out = higher, total * old + new, out * old + new * v[s]
    return out / total


def backward_by_output(dout, q, k, v):
    """FlashAttention's form: the row term is Σ dout·out."""
    a = softmax(q @ k.T / math.sqrt(q.shape[1]))
    ds = a * (dout @ v.T - (dout * (a @ v)).sum(axis=1, keepdims=True))
    return ds @ k / math.sqrt(q.shape[1]), ds.T @ (q / math.sqrt(q.shape[1])), a.T @ dout


def backward_jacobians(dout, q, k, v):
    """The softmax's whole Jacobian, diag(a) − a aᵀ, for each query in turn."""
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for t, query in enumerate(q):
        a = softmax(k @ query / math.sqrt(len(query)))
        ds = (np.diag(a) - np.outer(a, a)) @ (v @ dout[t]) / math.sqrt(len(query))
        dq[t] = ds @ k
        dk += np.outer(ds, query)
        dv += np.outer(a, dout[t])
    return [dq, dk, dv]


def heads_loops(x, w_qkv, w_out, heads):
    d = x.shape[1]
    w = d // heads
    out = 0
    for h in range(heads):
        rows = slice(h * w, (h + 1) * w)
        q, k, v = (x @ w_qkv[part * d : (part + 1) * d][rows].T for part in range(3))
        out = out + attention_loops(q, k, v) @ w_out[:, rows].T  # each head's share of the sum that w_out makes
    return out


def heads_einsum(x, w_qkv, w_out, heads):
    w = w_qkv.reshape(3, heads, -1, x.shape[1])
    q, k, v = np.einsum("td,phwd->phtw", x, w)
    a = softmax(np.einsum("htw,hsw->hts", q, k) / q.shape[-1] ** 0.5)
    return np.einsum("hts,hsw,dhw->td", a, v, w_out.reshape(x.shape[1], heads, -1))


def patch_loops(images, weight, bias, patch):
    h, w = images.shape[2:]
    if h % patch or w % patch:
        raise ValueError(f"patches of {patch} do not tile {h}×{w}")
    corners = [(r, s) for r in range(0, h, patch) for s in range(0, w, patch)]
    cut = [images[:, :, r : r + patch, s : s + patch] for r, s in corners]
    return np.stack([np.einsum("ncij,dcij->nd", part, weight) + bias for part in cut], axis=1)


def patch_torch(images, weight, bias, patch):
    if any(size % patch for size in images.shape[2:]):
        raise ValueError
    return oracle.patch_embed(images, weight, bias, patch)
