# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 43 · How do you initialise a deep network, and which activation do you take?
#
# *权重如何初始化?推导 Xavier 和 He;激活函数怎么选?什么是 dead ReLU?*

# %% [markdown]
# ## Question
#
# "You build a network of thirty layers. From which distribution do you draw the weights, and why?
# Derive Xavier and He. Which activation do you take, what are its derivative and its weakness?
# And what is a dead ReLU: can it come back?"
#
# "要训练一个三十层的网络,权重从什么分布里采样,为什么?请推导 Xavier 和 He 初始化。
# 激活函数怎么选,导数是什么,有什么缺点?什么是 dead ReLU,它还能恢复吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Two jobs.** Random weights break the symmetry between units; their *scale* decides whether signals grow or vanish with depth.
# - **A derivation.** The mean square of the activations, layer by layer; fan-in for the forward pass, fan-out for the backward pass.
# - **Where the 2 comes from.** ReLU throws away half of the mean square.
# - **What each activation costs you.** Saturation, zero gradients, time; and that ReLU's kink at 0 is no problem.
# - **When it matters less.** With normalisation and residual connections.

# %% [markdown]
# ## The idea
#
# ### The mean square, one layer at a time
#
# One unit computes $z=\sum_{i=1}^{n} w_i h_i$, with $n$ the *fan-in*. The weights are independent of the inputs and of each other, with mean 0 and variance $v$.
# Then the mixed terms have mean 0, and
#
# $$
# \mathbb E[z^2]=\sum_i \mathbb E[w_i^2]\,\mathbb E[h_i^2]=n\,v\;\mathbb E[h^2]
# $$
#
# It is the mean *square* of the inputs that counts, not their variance: behind a ReLU the mean is not 0.
#
# **A unit that is nearly linear** (tanh near 0): $\mathbb E[h^2]\approx\mathbb E[z^2]$ of the layer below. The signal keeps its size if $n v=1$: $\;v=1/n_{\text{in}}$ (LeCun).
#
# **ReLU**: the weights are symmetric about 0, so $z$ is, and the positive half carries half of the mean square:
#
# $$
# \mathbb E[\mathrm{relu}(z)^2]=\tfrac12\,\mathbb E[z^2]
# \qquad\Rightarrow\qquad
# \tfrac12\,n\,v=1
# \qquad\Rightarrow\qquad
# v=\frac{2}{n_{\text{in}}}\quad\text{(He)}
# $$
#
# A leaky ReLU of slope $a$ keeps $\frac12(1+a^2)$, so $v=2/((1+a^2)\,n_{\text{in}})$.

# %% [markdown]
# ### The backward pass, and Xavier's compromise
#
# The gradient at an input is $g_i=\sum_j w_{ji}\,g_j$, a sum over the *fan-out* $n_{\text{out}}$. The same steps give $v=1/n_{\text{out}}$.
# Xavier (Glorot) cannot have both unless the layer is square, and takes the mean of the two fans:
#
# $$
# v=\frac{1}{(n_{\text{in}}+n_{\text{out}})/2}=\frac{2}{n_{\text{in}}+n_{\text{out}}}
# $$
#
# A wrong factor is multiplied from layer to layer. With Xavier on a square ReLU layer each layer keeps half of the mean square, so the spread after $L$ layers is $2^{-L/2}$: for $L=50$ that is $3\cdot10^{-8}$.
#
# - **Convolution.** One output sees $C_{\text{in}}k_Hk_W$ inputs: the fans contain the kernel's area.
# - **Uniform draws.** $U(-b,b)$ has variance $b^2/3$, so the bound is $b=\sqrt{3v}$. Do not confuse it with the standard deviation $\sqrt v$.
# - **Biases** start at 0: the random weights break the symmetry already.

# %% [markdown]
# ### Why not all zeros?
#
# Let all units of a hidden layer have the same incoming weights and the same outgoing weights. Then they put out the same number, receive the same gradient, and take the same step: they stay equal for ever.
# The layer works like one unit. With zeros and ReLU or tanh it is worse: $h=0$ and $W=0$ make all weight gradients 0, and only the last bias learns.
# Random draws break the symmetry. A model without a hidden layer has no symmetry to break: logistic regression may start at zero.

# %% [markdown]
# ### The activations
#
# | | value | derivative | note |
# |---|---|---|---|
# | sigmoid | $\sigma=1/(1+e^{-x})$ | $\sigma(1-\sigma)\le\frac14$ | saturates on both sides, mean ½; for gates and outputs |
# | tanh | $t=2\sigma(2x)-1$ | $1-t^2\le1$ | saturates, but its mean is 0 |
# | ReLU | $\max(x,0)$ | 0 or 1 | cheap; a unit can die |
# | leaky ReLU | $\max(x,0.01x)$ | 0.01 or 1 | cannot die |
# | ELU | $x$, or $e^x-1$ for $x\le0$ | 1, or value + 1 | mean nearer 0; an exponential |
# | softplus | $\ln(1+e^x)$ | $\sigma(x)$ | smooth ReLU; never 0 |
# | GELU | $x\,\Phi(x)$ | $\Phi(x)+x\,\varphi(x)$ | transformers, ConvNeXt |
# | SiLU (Swish) | $x\,\sigma(x)$ | $\sigma+x\,\sigma(1-\sigma)$ | EfficientNet; inside SwiGLU |
#
# Φ and φ are the normal distribution and its density. In hidden layers: ReLU or its smooth kin. The short derivatives take the *value*: $t=\tanh x$ first, then $1-t^2$.

# %%
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: activations and their derivatives
#
# Eight names, `"sigmoid"`, `"tanh"`, `"relu"`, `"leaky_relu"`, `"elu"`, `"softplus"`, `"gelu"` and `"silu"`, must work for $|x|$ up to 1000.
# A `nan` fails; a warning does not.


# %%
def activation(name, x):
    """x, an array of any shape -> (value, derivative), both of that shape, float.

    relu: derivative 0 at 0. leaky_relu: slope 0.01, at 0 too. elu: α = 1. gelu: exact, with erf (`math.erf` entry
    by entry will do). Finite for |x| up to 1000. ValueError for any other name.
    """
    # BEGIN SOLUTION
    x = np.asarray(x, dtype=float)
    small = np.exp(-np.abs(x))  # never overflows
    sigmoid = np.where(x >= 0, 1, small) / (1 + small)
    if name == "sigmoid":
        return sigmoid, sigmoid * (1 - sigmoid)
    if name == "tanh":
        return np.tanh(x), 1 - np.tanh(x) ** 2
    if name == "relu":
        return np.maximum(x, 0), np.where(x > 0, 1.0, 0.0)
    if name == "leaky_relu":
        return np.where(x > 0, x, 0.01 * x), np.where(x > 0, 1.0, 0.01)
    if name == "elu":
        below = np.exp(np.minimum(x, 0))
        return np.where(x > 0, x, below - 1), below
    if name == "softplus":
        return np.logaddexp(0, x), sigmoid
    if name == "gelu":
        cdf = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.flat]).reshape(x.shape)
        return x * cdf, cdf + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    if name == "silu":
        return x * sigmoid, sigmoid + x * sigmoid * (1 - sigmoid)
    raise ValueError(f"no activation is called {name!r}")
    # END SOLUTION


# %%
check(activation)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: value first</summary>
#
# Compute the value and write the derivative with it where you can: sigmoid, tanh and elu have such a form.
# For gelu and silu use the product rule on $x\cdot f(x)$.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: no overflow</summary>
#
# `np.exp(1000)` is `inf`, and `inf / inf` or `0 * inf` is `nan`. `np.where` computes both branches!
# `np.exp(-np.abs(x))` and `np.exp(np.minimum(x, 0))` cannot overflow, and `np.logaddexp(0, x)` is softplus.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: GELU</summary>
#
# $\Phi(x)=\frac12\big(1+\mathrm{erf}(x/\sqrt2)\big)$ and $\varphi(x)=e^{-x^2/2}/\sqrt{2\pi}$. `math.erf` takes one number: loop over `x.flat` and reshape.
#
# </details>

# %% [markdown]
# ### Exercise 2: the fans


# %%
def fans(shape):
    """shape (out, in) or (C_out, C_in, kH, kW), a tuple -> (fan_in, fan_out), two integers, by torch's rule."""
    # BEGIN SOLUTION
    area = math.prod(shape[2:])  # 1 for a matrix
    return shape[1] * area, shape[0] * area
    # END SOLUTION


# %%
check(fans)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: count the wires</summary>
#
# How many input numbers enter one output of a 3×3 convolution with 64 input channels? 64·9.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one line for both shapes</summary>
#
# `math.prod(shape[2:])` is the kernel's area, and 1 where there is no kernel. (`np.prod(())` is the float 1.0.)
#
# </details>

# %% [markdown]
# ### Exercise 3: the standard deviation


# %%
def init_std(fan_in, fan_out, scheme, negative_slope=0.0):
    """Standard deviation of the weights, a float.

    "xavier": √(2/(fan_in + fan_out)); "he": √(2/((1 + a²)·fan_in)) with a = negative_slope; "lecun": √(1/fan_in).
    Only "he" looks at negative_slope. ValueError for any other scheme.
    """
    # BEGIN SOLUTION
    if scheme == "xavier":
        return math.sqrt(2 / (fan_in + fan_out))
    if scheme == "he":
        return math.sqrt(2 / ((1 + negative_slope**2) * fan_in))
    if scheme == "lecun":
        return math.sqrt(1 / fan_in)
    raise ValueError(f"no scheme is called {scheme!r}")
    # END SOLUTION


# %%
check(init_std)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: variance or spread?</summary>
#
# The derivation fixes the variance. You are asked for its root, and not for the bound of a uniform draw.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: who uses what</summary>
#
# He: fan-in and the 2. LeCun: fan-in without it. Xavier: the sum of the fans below a 2.
#
# </details>

# %% [markdown]
# ### Exercise 4: dead units


# %%
def dead_units(x, weight, bias):
    """x (n, d), weight (H, d), bias (H,) -> (H,) bool: True where relu(x @ weight.T + bias) is 0 for every row.

    A unit whose largest input is exactly 0 is dead too. With no rows (n = 0) all units are.
    """
    # BEGIN SOLUTION
    return np.all(x @ weight.T + bias <= 0, axis=0)
    # END SOLUTION


# %%
check(dead_units)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which axis?</summary>
#
# `x @ weight.T + bias` is (n, H): one column for each unit. A unit is dead if its whole column is at most 0.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one call</summary>
#
# `np.all(condition, axis=0)` gives one bool for each column.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# The wrong answers to exercise 1 that the check knows by name; the table scrolls.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(activation)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### All activations and their derivatives
#
# Before you look: which two derivatives exceed 1 somewhere?

# %% tags=["nbval-ignore-output", "hide-input"]
names = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu")
grid = np.linspace(-4, 4, 401)
fig, axes = plt.subplots(2, 4, figsize=(9, 4.6), sharex=True, sharey=True, layout="constrained")
for ax, name in zip(axes.flat, names, strict=True):
    value, derivative = activation(name, grid)
    ax.plot(grid, value, color=plots.color("adam"), label="value")
    ax.plot(grid, derivative, "--", color=plots.color("nesterov"), label="derivative")
    ax.axhline(0, color="0.7", linewidth=0.8)
    ax.set(title=name.replace("_", " "), ylim=(-1.2, 2.2))
axes[0, 0].legend(loc="upper left", fontsize=9)
for ax in axes[1]:
    ax.set_xlabel("x")
fig.suptitle("Sigmoid and tanh go flat on both sides; the ReLU family keeps one side open", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** A chain of 10 sigmoids multiplies ten factors of at most ¼: $10^{-6}$. That is the vanishing gradient in one line.
# GELU and SiLU have a dip, so their derivative is negative there and exceeds 1 (by about 0.1) on the other side.

# %% [markdown]
# ### Fifty layers: which initialisation keeps the signal's size?
#
# Standard normal inputs, 50 layers of 256 units, weights of five spreads.
# Which lines stay flat? Guess for ReLU with Xavier first.


# %%
def stds(name, std, layers=50, width=256, seed=0):
    """Standard deviation of the activations after each layer; `std` a number or a scheme."""
    rng = np.random.default_rng(seed)
    h, found = rng.normal(size=(128, width)), []
    spread = init_std(width, width, std) if isinstance(std, str) else std
    for _ in range(layers):
        h = activation(name, h @ rng.normal(0, spread, (width, width)).T)[0]
        found.append(h.std())
    return np.array(found)


for name in ("tanh", "relu"):
    for std in (0.01, "xavier", "he", 0.2):
        print(f"{name:5s} {std!s:7s} after 50 layers: {stds(name, std)[-1]:8.1e}")

# %% tags=["nbval-ignore-output", "hide-input"]
styles = {0.01: ("0.01", "0.45", ":"), "lecun": ("LeCun", plots.color("momentum"), "-."),
          "xavier": ("Xavier", plots.color("nesterov"), "--"), "he": ("He", plots.color("adam"), "-"),
          0.2: ("0.2", "black", ":")}
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.9), sharey=True, layout="constrained")
for ax, name in zip(axes, ("sigmoid", "tanh", "relu"), strict=True):
    for std, (label, tint, dash) in styles.items():
        ax.semilogy(np.arange(1, 51), np.maximum(stds(name, std), 1e-16), dash, color=tint, label=label)
    ax.set(title=name, xlabel="layer", ylim=(1e-16, 1e16))
axes[0].set_ylabel("standard deviation (log scale)")
axes[0].legend(loc="lower left", fontsize=9, title="std of weights")
fig.suptitle("For ReLU only He stays level; tanh hides a scale that is too large by saturating", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** With ReLU a factor of √2 in the spread of the weights is a factor of $2^{25}$ after 50 layers. (For a square layer Xavier and LeCun agree, so their lines lie on each other.)
# Tanh and sigmoid cannot explode forwards: a spread that is too large pushes their units into saturation.
#
# What happens to a gradient on its way back through such a net? Guess for both, with weights of spread 0.2.


# %%
def growth(name, std, layers=50, width=256, seed=0):
    """How many times longer a random gradient becomes on its way back through all layers."""
    rng = np.random.default_rng(seed)
    h, passed = rng.normal(size=(128, width)), []
    for _ in range(layers):
        w = rng.normal(0, std, (width, width))
        h, slope = activation(name, h @ w.T)
        passed.append((w, slope))
    g = start = rng.normal(size=h.shape)
    for w, slope in reversed(passed):
        g = (g * slope) @ w
    return np.linalg.norm(g) / np.linalg.norm(start)


for name in ("sigmoid", "tanh"):
    print(f"{name:7s} spread 0.2: after 50 layers the gradient is {growth(name, 0.2):.0e} times as long")

# %% [markdown]
# **Takeaway.** With sigmoid the gradient vanishes. With tanh it *explodes*: the derivatives are small, but the weights are so large that they more than make up for it.
# Saturated units alone do not tell you which of the two happens; look at the gradient's size, layer by layer.

# %% [markdown] tags=["deeper"]
# ### Deeper: the gain of an activation
#
# For $z\sim N(0,1)$ an activation keeps the share $\mathbb E[f(z)^2]$ of the mean square. The *gain* $1/\sqrt{\mathbb E[f(z)^2]}$ makes up for it: std = gain/√fan-in.
# He's √2 is the gain of ReLU. Measure the others, forwards and, with $f'$ in place of $f$, backwards.

# %% tags=["deeper"]
z = np.linspace(-12, 12, 48_001)
density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
for name in names:
    value, derivative = activation(name, z)
    print(f"{name:10s} gain forwards {1 / np.sqrt(np.sum(value**2 * density)):.3f}, "
          f"backwards {1 / np.sqrt(np.sum(derivative**2 * density)):.3f}")

# %% [markdown] tags=["deeper"]
# Of these, only ReLU and leaky ReLU have two equal gains, because their derivative is value/x.
# (torch's table says 5/3 for tanh: a rule of thumb, and neither of the two.)

# %% [markdown] tags=["deeper"]
# ### Deeper: inputs become alike with depth
#
# He keeps the mean square *on average*. How far do two inputs stay apart? The cosine between the activations of two independent inputs, by layer, for He and for random orthogonal matrices times √2.

# %% tags=["deeper"]
def cosines(draw, layers=50, width=256):
    """Cosine between the activations of two inputs after each layer."""
    rng = np.random.default_rng(1)
    pair, found = rng.normal(size=(2, width)), []
    for _ in range(layers):
        pair = activation("relu", pair @ draw(rng, width).T)[0]
        found.append(pair[0] @ pair[1] / np.linalg.norm(pair[0]) / np.linalg.norm(pair[1]))
    return found


def orthogonal(rng, width):
    """A random orthogonal matrix times ReLU's gain."""
    return math.sqrt(2) * np.linalg.qr(rng.normal(size=(width, width)))[0]


for label, draw in {"He": lambda rng, n: rng.normal(0, init_std(n, n, "he"), (n, n)), "orthogonal": orthogonal}.items():
    print(f"{label:10s}", "  ".join(f"layer {k}: {cosines(draw)[k - 1]:.2f}" for k in (1, 5, 20, 50)))

# %% [markdown] tags=["deeper"]
# In both cases two unrelated inputs point nearly the same way after 50 layers. The scale of the weights plays no part: ReLU without biases passes it through, and a cosine does not see it.
# It is one likely reason why very deep plain ReLU nets train badly even with He. Residual connections and normalisation help.

# %% [markdown]
# ## Folklore on trial
#
# ### "All-zero weights break training"
#
# And equal constants? And if only the last layer starts at zero? A small net on digits, 300 steps; broken shall mean: below 60 % of the *training* set (second threshold: below 80 %).
# The folded cell holds the net: forward, backward, SGD, in 40 lines of NumPy on your `activation` and `init_std`.

# %% tags=["hide-input"]
mean, std = data.digits()[0].mean(axis=0), data.digits()[0].std(axis=0) + 0.1
X, y, X_test, y_test = data.digits()
X, X_test = (X - mean) / std, (X_test - mean) / std


def drawn(scheme, hidden, seed, width=64):
    """Weights of a net 64 → width → … → 10 with that many hidden layers."""
    rng, sizes = np.random.default_rng(seed), [64, *[width] * hidden, 10]
    return [rng.normal(0, init_std(i, o, scheme), (o, i)) for i, o in pairwise(sizes)]


def normalised(z):
    """Batch norm without γ and β, and 1/σ for the way back."""
    inverse = 1 / np.sqrt(z.var(axis=0) + 1e-5)
    return (z - z.mean(axis=0)) * inverse, inverse


def forward(weights, biases, x, name, norm=False):
    """The logits, the activations of all layers, and what the way back needs; `name` may be a function too."""
    hs, kept = [x], []
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        z, inverse = hs[-1] @ w.T + b, None
        if norm:
            z, inverse = normalised(z)
        value, derivative = name(z) if callable(name) else activation(name, z)
        hs.append(value)
        kept.append((derivative, z, inverse))
    return hs[-1] @ weights[-1].T + biases[-1], hs, kept


def train(weights, biases, name, lr, seed, *, norm=False, steps=300, batch=64):
    """Plain SGD on softmax cross-entropy; returns new weights and biases."""
    rng, weights, biases = np.random.default_rng(seed), list(weights), list(biases)
    for _ in range(steps):
        rows = rng.integers(0, len(y), batch)
        logits, hs, kept = forward(weights, biases, X[rows], name, norm)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        g = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[y[rows]]) / batch
        for k in reversed(range(len(weights))):
            below = g @ weights[k]
            weights[k], biases[k] = weights[k] - lr * g.T @ hs[k], biases[k] - lr * g.sum(axis=0)
            if k:
                derivative, z, inverse = kept[k - 1]
                g = below * derivative
                g = inverse * (g - g.mean(axis=0) - z * (g * z).mean(axis=0)) if norm else g
    return weights, biases


def accuracy(weights, biases, name, x, labels, norm=False):
    return float(np.mean(forward(weights, biases, x, name, norm)[0].argmax(axis=1) == labels))


def zeros(weights):
    return [np.zeros(len(w)) for w in weights]


# %%
def broken(hidden, constant, where, name, seed):
    weights = drawn("he", hidden, seed, width=32)
    first = 0 if where == "all layers" else len(weights) - 1
    weights = [w if k < first else np.full_like(w, constant) for k, w in enumerate(weights)]
    found = accuracy(*train(weights, zeros(weights), name, 0.3, seed), name, X, y)
    return found < 0.6, found < 0.8


trial(
    "starting all weights at one constant, 0 for instance, breaks training",
    broken,
    over=settings(hidden=[0, 1, 2], constant=[0, 0.05], where=["all layers", "last layer"], name=["tanh", "relu"], seed=0),
    held_out=settings(hidden=[0, 1, 2, 3], constant=[0, 0.02, -0.1], where=["all layers", "last layer"], name="tanh", seed=1),
    only_if=("all layers of a net with a hidden layer start so", lambda hidden, where: hidden > 0 and where == "all layers"),
    expect="holds only if all layers of a net with a hidden layer start so",
)

# %% [markdown]
# Linear models may start at zero, and so may the *last* layer: its gradient is not zero, and the units below differ already.
# Many recipes for residual networks do something similar: the last γ of each branch starts at 0, so that the branch adds nothing at first.

# %% [markdown]
# ### "He initialisation is needed with ReLU"
#
# Needed shall mean: with Xavier the net ends 10 points of training accuracy below He (second threshold: 5), with the learning rate tuned for each.
# The runs take minutes, so they are recorded; one is repeated live.


# %%
def trained(depth, norm, scheme, lr, seed):
    """Training accuracy after 150 steps of a ReLU net with `depth` hidden layers."""
    with np.errstate(all="ignore"):
        weights = drawn(scheme, depth, seed)
        after = train(weights, zeros(weights), "relu", lr, seed, norm=norm, steps=150)
        return accuracy(*after, "relu", X, y, norm)


rates = [0.01, 0.03, 0.1, 0.3]
family = settings(depth=[2, 8, 16], norm=[False, True], seed=[0, 1])
fresh = settings(depth=[4, 6, 20, 24], norm=[False, True], seed=[2, 3, 4])
both = [s | dict(scheme=scheme, lr=lr) for s in family + fresh for scheme in ("xavier", "he") for lr in rates]
recorded = evidence("he_or_xavier_by_depth", trained, both, sample=1)
recorded

# %%
def needed(depth, norm, seed):
    best = {s: max(recorded(depth=depth, norm=norm, scheme=s, lr=lr, seed=seed) for lr in rates) for s in ("xavier", "he")}
    return best["he"] - best["xavier"] > 0.1, best["he"] - best["xavier"] > 0.05


trial(
    "with ReLU one needs He initialisation",
    needed,
    over=family,
    held_out=fresh,
    only_if=("the net is deep (here: more than 12 layers) and has no normalisation", lambda depth, norm: depth > 12 and not norm),
    published=[
        published("He et al. 2015, fig. 3", "30 layers, no normalisation: He converges, Xavier stalls", holds=True, inside=True),
        published("He et al. 2015, fig. 2", "22 layers: both converge, He starts earlier", holds=False),
    ],
    expect="holds only if the net is deep (here: more than 12 layers) and has no normalisation",
)

# %% [markdown]
# Where the limit lies depends on the net and on how long it trains (here 150 steps): in the paper 22 layers still converged with Xavier, and a net of 14 layers ended nearly equal (Xavier 33.90 %, He 33.82 % top-1 error).
# Batch norm divides the lost factor out again in every layer.

# %% [markdown]
# ### "A dead unit does not come back"
#
# In a net of two hidden layers we kill half of one layer's units: their biases are set so low that no training image reaches 0, by a margin. Then SGD goes on. Does any come back? (Second threshold: more than one in ten.)


# %%
def stays_dead(layer, margin, lr, seed):
    weights = drawn("he", 2, seed, width=32)
    biases = zeros(weights)
    inputs = forward(weights, biases, X, "relu")[1][layer - 1]
    biases[layer - 1][:16] = -(inputs @ weights[layer - 1].T).max(axis=0)[:16] - margin
    before = dead_units(inputs, weights[layer - 1], biases[layer - 1])
    weights, biases = train(weights, biases, "relu", lr, seed)
    inputs = forward(weights, biases, X, "relu")[1][layer - 1]
    back = before & ~dead_units(inputs, weights[layer - 1], biases[layer - 1])
    return not back.any(), back.sum() <= 0.1 * before.sum()


trial(
    "a dead ReLU does not come back",
    stays_dead,
    over=settings(layer=[1, 2], margin=[0.1, 0.5], lr=[0.1, 0.3], seed=[0, 1]),
    held_out=settings(layer=[1, 2], margin=[0.05, 0.3], lr=[0.2, 0.4], seed=[2, 3]),
    only_if=("nothing below it is learning", lambda layer: layer == 1),
    expect="holds only if nothing below it is learning",
)

# %% [markdown]
# A dead unit's own weights get no gradient. But layers below go on moving its *inputs*, and in every run above on layer 2 that woke some of them.
# In the first layer only something else can wake it: new data, weight decay that treats weights and biases differently, or the momentum it had when it died.
# The usual cause of death is a step that is far too long. Cures: a smaller rate or warm-up, He, normalisation, leaky ReLU or GELU.

# %% [markdown] tags=["deeper"]
# ### Deeper: "ReLU cannot be used, for it is not differentiable at 0"
#
# Cannot be used shall mean: below 90 % of the test digits at every rate of 0.03, 0.1, 0.3. The value at 0 is ours to choose: 0, ½ or 1.
# As a control, a step function, whose derivative is 0 almost everywhere.

# %% tags=["deeper"]
def kinked(slope_at_0):
    """ReLU with another derivative at 0."""
    return lambda z: (np.maximum(z, 0), np.where(z == 0, slope_at_0, np.where(z > 0, 1.0, 0.0)))


def step_function(z):
    """Not differentiable at 0 either, and of derivative 0 everywhere else."""
    return np.where(z > 0, 1.0, 0.0), np.zeros_like(z)


def useless(slope_at_0, seed):
    unit = step_function if slope_at_0 == "step function" else kinked(slope_at_0)
    weights = drawn("he", 2, seed, width=16)
    runs = (train(weights, zeros(weights), unit, lr, seed, steps=200) for lr in (0.03, 0.1, 0.3))
    best = max(accuracy(*run, unit, X_test, y_test) for run in runs)
    return best < 0.9, best < 0.8


trial(
    "ReLU cannot be used, for it is not differentiable at 0",
    useless,
    over=settings(slope_at_0=[0, 0.5, 1], seed=[0, 1]),
    control=settings(slope_at_0="step function", seed=[0, 1]),
    expect="does not hold",
)

# %% [markdown] tags=["deeper"]
# The input is seldom *exactly* 0, and where it is, any number between the two one-sided derivatives, a subgradient, will do; frameworks take 0.
# What training needs is a derivative that says something almost everywhere. The step function has one almost everywhere, too: 0.
# (With finite precision the choice can matter: Bertoin et al. 2021, abstract, see different gradients about half of the time in float32, always at 16 bits, never in float64.
# For plain SGD 0 seemed best to them.)

# %% [markdown] tags=["deeper"]
# ### Deeper: "GELU beats ReLU"
#
# Both with their best of four rates, test accuracy on digits, six seeds. Beats shall mean: better at all (second threshold: by half a point).

# %% tags=["deeper"]
def tested(name, lr, seed):
    """Test accuracy after 300 steps of a net with three hidden layers."""
    with np.errstate(all="ignore"):
        weights = drawn("he", 3, seed)
        return accuracy(*train(weights, zeros(weights), name, lr, seed), name, X_test, y_test)


faster = [0.1, 0.3, 0.6, 1.0]
by_name = evidence("gelu_or_relu", tested, settings(name=["relu", "gelu"], lr=faster, seed=range(6)), sample=1)


def gelu_wins(seed):
    best = {name: max(by_name(name=name, lr=lr, seed=seed) for lr in faster) for name in ("relu", "gelu")}
    return best["gelu"] > best["relu"], best["gelu"] > best["relu"] + 0.005


trial(
    "GELU beats ReLU",
    gelu_wins,
    over=settings(seed=range(6)),
    published=[
        published("Hendrycks & Gimpel 2016, section 3.5", "CIFAR-10, shallow CNN: error 7.89 % with GELU, 8.16 % with ReLU", holds=True),
        published("Hendrycks & Gimpel 2016, section 3.5", "CIFAR-100, wide ResNet 40-4: 20.74 % and 21.77 %", holds=True),
        published("Liu et al. 2022 (ConvNeXt), section 2.6", "ImageNet: GELU for ReLU leaves the accuracy at 80.6 %", holds=False),
    ],
    expect="not decided here",
)

# %% [markdown] tags=["deeper"]
# Say: *a small gain in some nets, none in others; it is the default of transformers, and costs an erf or a tanh*.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Random weights break the symmetry between units; their scale must keep the signal's size.
# A layer multiplies the mean square by fan-in times the weights' variance, so a linear unit wants one over fan-in.
# ReLU drops half of it, hence He: 2 over fan-in. Xavier averages both fans.
# I take ReLU, or GELU in transformers. A dead ReLU outputs zero for all data, so its weights get no gradient.
# Shall I derive the backward pass?"
#
# ### 三十秒回答
#
# "随机初始化是为了打破神经元的对称性,方差要让信号逐层不衰减、不爆炸。
# 每层把均方值乘上 fan_in × 权重方差,线性层取 1/fan_in;ReLU 使均方值减半,He 取 2/fan_in;Xavier 用两个 fan 的平均。
# 激活默认用 ReLU,Transformer 用 GELU。dead ReLU 对所有样本输出 0,自身权重没有梯度。要我推导反向传播吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Symmetry first: equal weights, equal gradients, equal for ever. Biases may be 0, the last layer may be 0, a linear model may be 0.
# - $\mathbb E[z^2]=n_{\text{in}}\,v\,\mathbb E[h^2]$. Linear: LeCun. ReLU halves: He. Backwards the same with fan-out. Xavier: the mean of the fans.
# - A wrong scale grows or shrinks exponentially with depth: $2^{-L/2}$ for Xavier with ReLU.
# - Convolution: fan-in is $C_{\text{in}}k_Hk_W$. Uniform: bound $\sqrt{3v}$.
# - Activations: sigmoid's derivative is at most ¼; tanh is centred; ReLU is cheap and does not saturate above 0; leaky, ELU, GELU, SiLU leave the left side a gradient.
# - Dead: zero for every input, so no gradient reaches its own weights. It can come back only if something else moves: layers below that go on learning, or other data. Watch the share of dead units; smaller rate, warm-up, normalisation, leaky.
# - With normalisation the scale of the weights hardly matters at the start; it then sets the effective learning rate. In residual nets scale the branches down, or start them at 0.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What is the gain, and which one has each activation?</summary>
#
# std = gain/√fan-in, with gain $=1/\sqrt{\mathbb E[f(z)^2]}$ for $z\sim N(0,1)$: 1 linear, √2 ReLU, $\sqrt{2/(1+a^2)}$ leaky.
# torch's table has 5/3 for tanh and 1 for sigmoid. The Experiments have the measured gains, forwards and backwards.
#
# </details>
#
# <details><summary>Why start residual branches at zero?</summary>
#
# $x_{l+1}=x_l+F(x_l)$ adds variances: with unit branches the mean square grows with depth (question 26). With the last γ (or the last convolution) of each branch at 0 the net starts as the identity, and the branches open when they are useful.
# Weaker forms scale the branch by $1/\sqrt{L}$ for $L$ branches (GPT-2 does so with the weights of its output projections), or learn a small scale for each channel (LayerScale).
#
# </details>
#
# <details><summary>What do large language models use in place of GELU?</summary>
#
# Mostly a gated layer, SwiGLU: $(\mathrm{SiLU}(xW)\odot xV)\,W_2$; PaLM and Llama have it. It has three matrices in place of two, so Shazeer (2020) makes the hidden layer ⅔ as wide (2048 in place of 3072), and at equal cost finds a lower perplexity than with ReLU or GELU.
#
# </details>
#
# <details><summary>Orthogonal initialisation?</summary>
#
# An orthogonal matrix keeps every length exactly, so the product of many linear layers keeps all singular values at 1, where a Gaussian product spreads them over orders of magnitude.
# Take Q of a QR decomposition times the gain. It is usual in recurrent nets.
#
# </details>
#
# <details><summary>LSUV?</summary>
#
# Layer-sequential unit variance (Mishkin & Matas 2016): start orthogonal, then go through the layers with one batch and divide each layer's weights by the standard deviation of its output, until that is 1.
# It needs no formula for the activation; it is like the scaling of batch norm, done once.
#
# </details>
#
# <details><summary>μP in two sentences?</summary>
#
# Maximal update parametrisation chooses how initial spread, learning rate and output multiplier of each kind of layer scale with the *width*, so that the updates, too, keep their size when the width grows (with Adam, hidden matrices get a rate ∝ 1/width).
# Then the best learning rate of a narrow model is close to that of a wide one, and one tunes the small model.
#
# </details>
#
# <details><summary>What does torch do by default?</summary>
#
# Linear and convolution: `kaiming_uniform_` with $a=\sqrt5$, that is a bound of $1/\sqrt{\text{fan-in}}$ and a variance of $1/(3\,\text{fan-in})$. That is a sixth of He's: an old convention, harmless with normalisation, too small for a deep plain ReLU net.
#
# </details>
#
# <details><summary>Why not sigmoid in hidden layers?</summary>
#
# Its derivative is at most ¼, so gradients shrink by a factor of 4 or more in each layer unless the weights make up for it; it saturates on both sides; and its values are all positive, so for one sample all weight gradients of a unit in the next layer share a sign. It stays right where a number between 0 and 1 is meant: gates, outputs.
#
# </details>
#
# <details><summary>How do you find dead units in a real run?</summary>
#
# Log, for each layer, the share of units that are 0 for a whole large batch, and the mean share of zeros. At the start about half of the outputs are 0, and that is normal; units that are zero for *all* samples are dead. If the share jumps at one step, look at the gradient norm of that step.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Small random numbers, 0.01, always." In the nets above nothing is left after 50 layers.
# - "He has a 2 because ReLU's mean is not zero." It is the mean *square* that halves.
# - The bound of a uniform draw taken for the standard deviation.
# - Fan-in of a convolution without the kernel's area.
# - "ReLU is not differentiable, so backpropagation breaks."
# - "Dead means that the output is 0." For one image that is normal; dead is 0 for all.
# - "With batch norm initialisation does not matter at all." All zeros still fail.

# %% [markdown]
# ## References
#
# - Y. LeCun, L. Bottou, G. Orr, K.-R. Müller. *Efficient BackProp.* 1998: section 4.6, variance 1/fan-in.
# - X. Glorot, Y. Bengio. *Understanding the Difficulty of Training Deep Feedforward Neural Networks.* AISTATS 2010: eq. 12 and 16.
# - K. He, X. Zhang, S. Ren, J. Sun. *Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification.* ICCV 2015: section 2.2, figures 2 and 3.
# - D. Hendrycks, K. Gimpel. *Gaussian Error Linear Units (GELUs).* 2016: section 3.5 (section number from memory).
# - D.-A. Clevert, T. Unterthiner, S. Hochreiter. *Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs).* ICLR 2016.
# - P. Ramachandran, B. Zoph, Q. V. Le. *Searching for Activation Functions.* 2017: Swish.
# - N. Shazeer. *GLU Variants Improve Transformer.* 2020.
# - D. Bertoin, J. Bolte, S. Gerchinovitz, E. Pauwels. *Numerical Influence of ReLU'(0) on Backpropagation.* NeurIPS 2021.
# - D. Mishkin, J. Matas. *All You Need Is a Good Init.* ICLR 2016: LSUV.
# - A. M. Saxe, J. L. McClelland, S. Ganguli. *Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks.* ICLR 2014: orthogonal weights.
# - G. Yang et al. *Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer.* 2022: μP.
# - Z. Liu et al. *A ConvNet for the 2020s.* CVPR 2022: section 2.6.
