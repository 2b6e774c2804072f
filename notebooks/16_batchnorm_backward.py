# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 16 · Derive and write batch normalisation's backward pass
#
# *推导并手写 BN 的反向传播*

# %% [markdown]
# ## Question
#
# "You have the forward pass of batch normalisation for `x (N, D)` in training mode.
# Draw the graph, derive the gradients with respect to `x`, `gamma` and `beta`, and write the code.
# Can you bring `dx` into one line?"
#
# "已知批归一化训练时的前向过程,请画出计算图,推导对 `x`、`gamma`、`beta` 的梯度,并手写代码;能化简成一行吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Three paths.** `x` reaches the output directly, through the mean and through the variance; the gradients add up.
# - **Where sums come from.** What was broadcast forwards is summed backwards.
# - **Which sums vanish.** $\sum_i (x_i-\mu)=0$, and you say so before you use it.
# - **The closed form**, and what it says: take out of the upstream gradient its mean and its component along $\hat x$.
# - **How you would test it.** Central differences, with a random upstream gradient.

# %% [markdown]
# ## The idea
#
# Take one feature; its $m$ values in the batch are $x_1,\dots,x_m$ (here $m=N$).
# Write $s=\sqrt{\sigma^2+\varepsilon}$, and $g_i=\partial L/\partial y_i$ for what arrives from above (`dout` in the code).
#
# $$
# \mu=\frac1m\sum_i x_i\qquad
# \sigma^2=\frac1m\sum_i(x_i-\mu)^2\qquad
# \hat x_i=\frac{x_i-\mu}{s}\qquad
# y_i=\gamma\,\hat x_i+\beta
# $$
#
# The two parameters are easy.
# Every sample uses the same γ and the same β, so their gradients are sums over the samples: $d\gamma=\sum_i g_i\,\hat x_i$ and $d\beta=\sum_i g_i$.
#
# The input is the hard part, because $x_i$ moves *every* output $y_j$: it moves μ and σ², which all samples share.
#
# ### The graph
#
# Arrows point forwards; the words on an arrow are the gradient that comes *back* along it.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, gradcheck, hint, numeric_gradient, plots, settings, stagecheck, trial

plots.style()

# %% tags=["hide-input"]
nodes = {
    "x": (0, 0, "x", "input"),
    "mu": (1.4, -1.5, "mu\nmean(x)", "op"),
    "xmu": (2.8, 0, "xmu\nx − mu", "plain"),
    "sq": (2.8, 1.8, "sq\nxmu²", "parameter"),
    "var": (4.4, 1.8, "var\nmean(sq)", "parameter"),
    "sqrtvar": (6.3, 1.8, "sqrtvar\n√(var + eps)", "parameter"),
    "ivar": (8.3, 1.8, "ivar\n1 / sqrtvar", "parameter"),
    "xhat": (5.6, 0, "xhat\nxmu · ivar", "output"),
    "out": (8.3, 0, "out\ngamma · xhat + beta", "input"),
    "gamma": (7.4, -1.5, "gamma", "loss"),
    "beta": (9.2, -1.5, "beta", "loss"),
}
edges = [
    ("x", "mu", "dmu / N"), ("mu", "xmu", "−Σ dxmu"), ("x", "xmu", "dxmu"),
    ("xmu", "sq", "2 · xmu · dsq"), ("sq", "var", "dvar / N"), ("var", "sqrtvar", "½ ivar ·\ndsqrtvar"),
    ("sqrtvar", "ivar", "−ivar² ·\ndivar"), ("ivar", "xhat", "Σ dxhat · xmu"), ("xmu", "xhat", "dxhat · ivar"),
    ("xhat", "out", "dout ·\ngamma"), ("gamma", "out", "Σ dout · xhat"), ("beta", "out", "Σ dout"),
]
fig, ax = plt.subplots(figsize=(9.5, 4.6), layout="constrained")
plots.graph(nodes, edges, "x reaches the output along three paths, so dx is a sum of three terms", ax=ax)
branch_color = {"direct": plots.color("right"), "mean": plots.color("adam"), "variance": plots.color("momentum")}
words = {"direct": (4.2, -0.35), "mean": (1.4, -2.0), "variance": (4.9, 1.15)}
for branch, place in words.items():
    text = branch if branch == "direct" else f"through the {branch}"
    ax.text(*place, text, color=branch_color[branch], ha="center", va="center", weight="bold")
plt.show()


# %% [markdown]
# **Takeaway.** Two arrows leave `x`, and two leave `xmu`.
# At both places the gradients that come back are *added*; a term overwritten there is a branch lost.

# %% [markdown]
# ### Backwards, one box at a time
#
# Two rules are all you need.
#
# - **Used twice: add.** A value that goes into two boxes gets the sum of what comes back.
# - **Shared forwards: summed backwards.** `ivar (D,)` serves all $N$ rows of `xmu`, so `divar` is a sum over the rows.
#   A mean is the mirror image: `var` came from $N$ entries, so each entry gets `dvar / N`.
#
# Cover the second column and write it down yourself before you read it.
#
# | forwards | backwards | shape | because |
# |---|---|---|---|
# | `out = gamma · xhat + beta` | `dxhat = dout · gamma` | `(N, D)` | a product |
# | `xhat = xmu · ivar` | `divar = Σ dxhat · xmu` | `(D,)` | a product, `ivar` was shared by the rows |
# | `ivar = 1 / sqrtvar` | `dsqrtvar = −ivar² · divar` | `(D,)` | $(1/u)'=-1/u^2$ |
# | `sqrtvar = √(var + eps)` | `dvar = ½ · ivar · dsqrtvar` | `(D,)` | $(\sqrt u)'=1/(2\sqrt u)$ |
# | `var = mean(sq)` | `dsq = dvar / N` | `(D,)`, for each row | a mean |
# | `sq = xmu²`, `xhat = xmu · ivar` | `dxmu = dxhat · ivar + 2 · xmu · dsq` | `(N, D)` | used twice |
# | `xmu = x − mu` | `dmu = −Σ dxmu` | `(D,)` | `mu` was shared by the rows |
# | `mu = mean(x)`, `xmu = x − mu` | `dx = dxmu + dmu / N` | `(N, D)` | used twice |
#
# Each line uses only lines above it. That is the staged backward pass.

# %% [markdown]
# ### A term that is zero
#
# Into `dmu` goes the sum of *both* parts of `dxmu`. The second part is
#
# $$
# \sum_i 2\,(x_i-\mu)\,\tfrac1m\,d\sigma^2=\frac{2\,d\sigma^2}{m}\sum_i(x_i-\mu)=0
# $$
#
# The variance does not change when all $x_i$ shift together, so it sends nothing back through the mean.
# You may leave that term out, if you say why. The check accepts both.

# %% [markdown]
# ### The closed form
#
# Substitute each line into the next, with $x_i-\mu=s\,\hat x_i$ wherever it occurs. All sums run over the batch.
#
# - **Direct:** $\frac{\gamma}{s}\,g_i$.
# - **Through the variance:** $d\,\texttt{ivar}=\gamma s\,d\gamma$, so $d\sigma^2=-\frac{\gamma}{2s^2}\,d\gamma$, and each $x_i$ gets $2\,(x_i-\mu)\,\frac{d\sigma^2}{m}=-\frac{\gamma}{ms}\,\hat x_i\,d\gamma$.
# - **Through the mean:** $d\mu=-\frac{\gamma}{s}\,d\beta$, because $\sum_i\hat x_i=0$, and each $x_i$ gets $-\frac{\gamma}{ms}\,d\beta$.
#
# $$
# \boxed{\;dx_i=\frac{\gamma}{m\,s}\Big[\,m\,g_i-\sum_j g_j-\hat x_i\sum_j g_j\hat x_j\Big]\;}
# $$
#
# The two sums are $d\beta$ and $d\gamma$: you have them already.
#
# **In words:** take the upstream gradient, subtract its mean, subtract its component along $\hat x$, scale by $\gamma/s$.
# Batch norm takes a shift or a stretch of the whole batch out again, so the loss does not depend on either.
# Therefore the gradient has no component in these two directions (for the stretch only if ε = 0).
#
# Two consequences, with $\sum_i\hat x_i=0$ and $\sum_i\hat x_i^2=\frac{m\,\sigma^2}{\sigma^2+\varepsilon}$:
#
# $$
# \sum_i dx_i=0
# \qquad\qquad
# \sum_i dx_i\,\hat x_i
# =\frac{\gamma}{s}\,d\gamma\Big[1-\frac{\sigma^2}{\sigma^2+\varepsilon}\Big]
# =\frac{\gamma}{s}\cdot\frac{\varepsilon}{\sigma^2+\varepsilon}\,d\gamma
# $$
#
# The first is exact for every ε: a bias in front of batch norm gets no gradient (question 19). The second is zero only for ε = 0.

# %% [markdown] tags=["deeper"]
# ### Deeper: the same from the Jacobian
#
# Some interviewers want the derivative of $\hat x_j$ with respect to $x_i$. With $\delta_{ij}=1$ for $i=j$, else 0:
#
# $$
# \frac{\partial(x_j-\mu)}{\partial x_i}=\delta_{ij}-\frac1m
# \qquad
# \frac{\partial\sigma^2}{\partial x_i}=\frac{2(x_i-\mu)}{m}
# \qquad
# \frac{\partial s}{\partial x_i}=\frac1{2s}\,\frac{\partial\sigma^2}{\partial x_i}=\frac{\hat x_i}{m}
# $$
#
# $$
# \frac{\partial\hat x_j}{\partial x_i}
# =\frac{(\delta_{ij}-\frac1m)\,s-(x_j-\mu)\,\frac{\hat x_i}{m}}{s^2}
# =\frac1s\Big[\delta_{ij}-\frac1m-\frac{\hat x_i\hat x_j}{m}\Big]
# $$
#
# Each $g_j$ comes back through $\partial\hat x_j/\partial x_i$, and the boxed line is there again:
#
# $$
# dx_i=\sum_j \gamma\,g_j\,\frac1s\Big[\delta_{ij}-\frac1m-\frac{\hat x_i\hat x_j}{m}\Big]
# =\frac{\gamma}{s}\Big[g_i-\frac1m\sum_j g_j-\frac{\hat x_i}{m}\sum_j g_j\hat x_j\Big]
# $$

# %% [markdown]
# ## Your turn
#
# ### Given: the forward pass, stage by stage
#
# It keeps more than it must, so that every line of your backward pass finds what it needs.

# %%
def staged_forward(x, gamma, beta, eps=1e-5):
    """x (N, D), gamma (D,), beta (D,) -> (out (N, D), cache)."""
    mu = x.mean(axis=0)
    xmu = x - mu
    sq = xmu**2
    var = sq.mean(axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var, eps)


# %% [markdown]
# ### Exercise 1: through the graph
#
# `dout (N, D)` and the cache. Return `(dx, dgamma, dbeta)`.
# Call your gradients as in the table (`dxhat`, `divar`, `dsqrtvar`, `dvar`, `dsq`, `dxmu`, `dmu`, `dx`):
# a tool below then checks each of them alone.

# %%
def batchnorm_backward(dout, cache):
    """dout (N, D), cache of staged_forward -> (dx (N, D), dgamma (D,), dbeta (D,)).

    The gradients of a loss whose gradient with respect to out is dout: dgamma and dbeta are sums over the samples.
    gamma may contain zeros and negative numbers, N may be 1; dout and the cache stay as they were.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(batchnorm_backward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: where to begin</summary>
#
# Start at the output and write one line for each box of the graph, in the table's order.
# Write the shape beside each line: `(N, D)` or `(D,)`. Where a `(D,)` comes from an `(N, D)`, there is a sum over axis 0.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: where branches meet</summary>
#
# `xmu` has two arrows out: into `xhat` and into `sq`. Its gradient is `dxhat * ivar` *plus* `2 * xmu * dsq`.
# `x` has two as well: into `xmu` and into `mu`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `dxhat = dout * gamma` → `divar = (dxhat * xmu).sum(axis=0)` → `dvar = -0.5 * ivar**3 * divar` → `dsq = dvar / N`
# → `dxmu` from its two parts → `dmu = -dxmu.sum(axis=0)` → `dx` from its two parts.
#
# </details>

# %% [markdown]
# ### Each stage alone
#
# This is not graded, but handy when the check says "wrong" and you cannot see where.
# It reads the variables of your function as they are when it ends, even if it ends in an error,
# and compares each with finite differences of the rest of the graph.

# %%
STEPS = {
    "mu": lambda v: v["x"].mean(axis=0),
    "xmu": lambda v: v["x"] - v["mu"],
    "sq": lambda v: v["xmu"] ** 2,
    "var": lambda v: v["sq"].mean(axis=0),
    "sqrtvar": lambda v: np.sqrt(v["var"] + 0.1),
    "ivar": lambda v: 1 / v["sqrtvar"],
    "xhat": lambda v: v["xmu"] * v["ivar"],
    "out": lambda v: np.array([2.0, -1.0, 0.5]) * v["xhat"],
}
rng = np.random.default_rng(0)
x, dout = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
_, cache = staged_forward(x, np.array([2.0, -1.0, 0.5]), np.zeros(3), eps=0.1)
print(stagecheck(batchnorm_backward, (dout, cache), STEPS, {"x": x}, dout))


# %% [markdown]
# ### Exercise 2: the closed form
#
# The same three gradients, without walking through the graph.

# %%
def batchnorm_backward_compact(dout, cache):
    """dout (N, D), cache of staged_forward -> (dx (N, D), dgamma (D,), dbeta (D,)), the same by the closed form.

    gamma may contain zeros, N may be 1; dout and the cache stay as they were.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(batchnorm_backward_compact)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what you need from the cache</summary>
#
# Three things: `xhat`, `gamma` and `ivar`. And two sums over the batch, which you return anyway.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: in words</summary>
#
# Upstream gradient, minus its mean, minus `xhat` times the mean of `dout * xhat`; all of it times `gamma * ivar`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `dx = gamma * ivar / N * (N * dout - … - xhat * …)`, where the dots are `dbeta` and `dgamma`. Which goes where?
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### Is the gradient right? Ask finite differences
#
# $(f(x+h)-f(x-h))/2h$ needs no derivation at all, so it can judge yours.

# %%
def forward(x, gamma, beta):
    return staged_forward(x, gamma, beta)[0]


def backward(dout, x, gamma, beta):
    return batchnorm_backward(dout, staged_forward(x, gamma, beta)[1])


rng = np.random.default_rng(0)
inputs = dict(x=rng.normal(size=(6, 4)), gamma=rng.normal(size=4), beta=rng.normal(size=4))
report = gradcheck(forward, backward, inputs)
report

# %% [markdown]
# Which $h$ should one take? A smaller one is nearer to the derivative.
# Guess what happens to the error when $h$ goes from $10^{-1}$ to $10^{-12}$, then run the cell.

# %% tags=["hide-input"]
dout = np.random.default_rng(1).normal(size=(6, 4))
right = batchnorm_backward(dout, staged_forward(**inputs)[1])[0]


def loss(x):
    return np.sum(dout * forward(x, inputs["gamma"], inputs["beta"]))


steps = 10.0 ** np.arange(-1, -21, -1)
complex_errors = [np.linalg.norm(numeric_gradient(loss, inputs["x"], h, "complex") - right) / np.linalg.norm(right) for h in steps]
fig, ax = plt.subplots(figsize=(8.5, 4), layout="constrained")
report.plot(ax)
ax.loglog(steps, np.maximum(complex_errors, 1e-17), "s-", color=plots.color("right"), markersize=4, label="complex step")
ax.set(title="Central differences: truncation error on the right, rounding on the left", xlim=(1e-20, 1), ylim=(1e-17, 10))
ax.legend(loc="upper left", fontsize=9)
plt.show()

# %% [markdown]
# **Takeaway.** The U has its floor near the cube root of the machine epsilon, at an error of about $10^{-11}$; no choice of $h$ gets below it.
# On the right the formula is off by $O(h^2)$, on the left two nearly equal numbers cancel.
# The complex step, $\mathrm{Im}\,f(x+ih)/h$, subtracts nothing, so it has no left arm.

# %% [markdown]
# ### Why the upstream gradient must be random
#
# Suppose you had returned zeros for `dx`. Would a check with `dout` of ones notice?

# %%
_, cache = staged_forward(**inputs)
for name, upstream in {"ones": np.ones((6, 4)), "random": dout}.items():
    numeric = numeric_gradient(lambda x, up=upstream: np.sum(up * forward(x, inputs["gamma"], inputs["beta"])), inputs["x"])
    direct = upstream * cache[1] * cache[3]
    answers = {
        "yours": batchnorm_backward(upstream, cache)[0],
        "zeros": np.zeros((6, 4)),
        "no variance branch": direct - direct.mean(axis=0),
    }
    passing = [answer for answer, dx in answers.items() if np.allclose(dx, numeric, atol=1e-6)]
    print(f"dout = {name:6}  passing: {', '.join(passing)}")

# %% [markdown]
# With ones, the loss is the sum of the outputs, $m\beta$ for each feature, whatever `x` is. The right gradient *is* zero.
# Such a test cannot tell your answer from no answer.

# %% [markdown]
# ### What if mean and variance are taken as constants?
#
# Then `dx = dout · gamma · ivar`, one line, no sums. That is right for frozen statistics and wrong in training. Would one notice?
# Train $y=\gamma\,\mathrm{BN}(u+b)$ on a toy problem, with γ and a bias $b$ *in front* of batch norm: once with your gradient, once with that one.
# And once more with β learnt as well.

# %%
rng = np.random.default_rng(0)
u = rng.normal(size=(64, 1))
target = np.tanh(2 * u) + 0.3


def constants(dout, cache):
    """The gradient for frozen statistics."""
    xhat, gamma, _, ivar, *_ = cache
    return dout * gamma * ivar, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def train(backward, learn_beta=False, n_steps=400, lr=0.1):
    """The losses and the biases b on the way."""
    gamma, beta, b, losses, biases = np.full(1, 0.1), np.zeros(1), np.zeros(1), [], []
    for _ in range(n_steps):
        out, cache = staged_forward(u + b, gamma, beta)
        dx, dgamma, dbeta = backward(2 * (out - target) / len(u), cache)
        losses.append(np.mean((out - target) ** 2))
        biases.append(b.item())
        gamma, b = gamma - lr * dgamma, b - lr * dx.sum(axis=0)
        beta = beta - lr * dbeta if learn_beta else beta
    return losses, biases


runs = {"your gradient": train(batchnorm_backward), "statistics as constants": train(constants), "the same, β learnt": train(constants, True)}

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for (name, (losses, biases)), tint, dash in zip(runs.items(), ("right", "wrong", "momentum"), ("-", "--", ":"), strict=True):
    axes[0].plot(losses, dash, color=plots.color(tint), label=name)
    axes[1].plot(biases, dash, color=plots.color(tint), label=name)
axes[0].set(xlabel="step", ylabel="mean squared error", ylim=(0, None), title="The loss cannot tell the first two apart …")
axes[1].set(xlabel="step", ylabel="bias $b$ before batch norm", title="… but without β the bias runs away")
axes[0].legend()
plt.show()

# %% [markdown]
# **Takeaway.** Batch norm takes the bias out again, so the output does not depend on it, but the wrong gradient is not zero and keeps moving it.
# This is the example of Ioffe & Szegedy, §2: $b$ grows without bound while the loss stays.
# The bias drifts here because β is left out and the target has a mean of 0.3, so $\sum g$ never becomes 0. With β learnt the drift stops.
# In either case a falling loss does not prove a gradient right.

# %% [markdown] tags=["deeper"]
# ### Deeper: who moves whom
#
# Feed your function a `dout` that is 1 for one sample and 0 for the others: out comes one row of the Jacobian.
# Here are twelve samples, sorted by $x$, and the three branches of which the Jacobian is the sum.

# %% tags=["deeper"]
m = 12
values = np.sort(np.random.default_rng(3).normal(size=m))
_, cache = staged_forward(values[:, None], np.ones(1), np.zeros(1))
xhat, ivar = cache[0][:, 0], cache[3][0]
jacobian = np.array([batchnorm_backward(row[:, None], cache)[0][:, 0] for row in np.eye(m)])
branches = {
    "direct": ivar * np.eye(m),
    "mean": -ivar / m * np.ones((m, m)),
    "variance": -ivar / m * np.outer(xhat, xhat),
}
print("the three branches add up to your Jacobian:", np.allclose(sum(branches.values()), jacobian, atol=1e-12))

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(9.5, 2.9), layout="constrained")
for ax, (name, matrix) in zip(axes, (branches | {"all (yours)": jacobian}).items(), strict=True):
    shown = ax.imshow(matrix, cmap="RdBu_r", vmin=-0.35, vmax=0.35)
    ax.set(xlabel="input sample $i$", xticks=[0, m - 1], yticks=[0, m - 1])
    ax.set_title(name, color=branch_color.get(name, "black"))
    ax.grid(False)
axes[0].set_ylabel("output sample $j$")
fig.colorbar(shown, ax=axes, shrink=0.75, label=r"$\partial \hat x_j/\partial x_i$", extend="both")
fig.suptitle("Every sample moves every other, the outermost most of all", x=0.01, ha="left")
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** At inference only the diagonal is left.
# In training all samples are coupled: by the mean evenly, by the variance in proportion to $\hat x_i\hat x_j$, so most between extreme ones.

# %% [markdown] tags=["deeper"]
# ### Deeper: images
#
# For `(N, C, H, W)` a channel is a feature, and its values are the $m=N\,H\,W$ pixels of all images.
# So fold them into rows, use what you have, and unfold.

# %% tags=["deeper"]
def to_rows(a):
    return a.transpose(0, 2, 3, 1).reshape(-1, a.shape[1])


def to_images(rows, n, c, h, w):
    return rows.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def forward_2d(x, gamma, beta):
    return to_images(staged_forward(to_rows(x), gamma, beta)[0], *x.shape)


def backward_2d(dout, x, gamma, beta):
    dx, dgamma, dbeta = batchnorm_backward_compact(to_rows(dout), staged_forward(to_rows(x), gamma, beta)[1])
    return to_images(dx, *x.shape), dgamma, dbeta


images = dict(x=rng.normal(size=(2, 3, 2, 4)), gamma=rng.normal(size=3), beta=rng.normal(size=3))
gradcheck(forward_2d, backward_2d, images)

# %% [markdown] tags=["deeper"]
# ### Deeper: two workers, and which numbers they must exchange
#
# A batch of 8 is split between two workers; the statistics are those of the whole batch.
# What does a worker need to know about the other half to compute its own `dx`?

# %% tags=["deeper"]
x, dout = rng.normal(size=(8, 5)), rng.normal(size=(8, 5))
gamma = rng.normal(size=5)
_, cache = staged_forward(x, gamma, np.zeros(5))
xhat, ivar = cache[0], cache[3]
whole, _, _ = batchnorm_backward_compact(dout, cache)

halves = [slice(0, 4), slice(4, 8)]
local = [(dout[h].sum(axis=0), (dout[h] * xhat[h]).sum(axis=0)) for h in halves]
sum_dout, sum_dout_xhat = (sum(part) for part in zip(*local, strict=True))  # the all-reduce


def half_dx(h, total, total_xhat, m):
    return gamma * ivar / m * (m * dout[h] - total - xhat[h] * total_xhat)


exchanged = np.vstack([half_dx(h, sum_dout, sum_dout_xhat, 8) for h in halves])
alone = np.vstack([half_dx(h, *sums, 4) for h, sums in zip(halves, local, strict=True)])
print("two sums per feature exchanged: equal to the whole batch:", np.allclose(exchanged, whole))
print("nothing exchanged:              equal to the whole batch:", np.allclose(alone, whole))

# %% [markdown] tags=["deeper"]
# **Takeaway.** The forward pass exchanges two numbers per feature (for μ and σ²), the backward pass two more: $\sum g$ and $\sum g\hat x$.
# These are all the numbers that synchronised batch norm sends (and the counts, where the parts differ in size).

# %% [markdown] tags=["deeper"]
# ### Deeper: staged or closed, time and memory
#
# Both read the same cache and give the same numbers. How much does the shorter formula save?

# %% tags=["deeper", "hide-input"]
import time
import tracemalloc


def median_time(call, repeats=9):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return np.median(times)


def peak_memory(call):
    """The largest amount of memory that NumPy held during a call, in bytes."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


rows = [4, 16, 64, 256, 1024, 4096]
methods = {"staged (yours)": batchnorm_backward, "closed form (yours)": batchnorm_backward_compact}
per_entry = {name: [] for name in methods}
for n in rows:
    x, dout, ones = rng.normal(size=(n, 256)), rng.normal(size=(n, 256)), np.ones(256)
    _, cache = staged_forward(x, ones, 0 * ones)
    for name, function in methods.items():
        function(dout, cache)
        per_entry[name].append(1e9 * median_time(lambda f=function, d=dout, c=cache: f(d, c)) / x.size)
memory = {name: peak_memory(lambda f=function: f(dout, cache)) / x.nbytes for name, function in methods.items()}

tints = {"staged (yours)": plots.color("wrong"), "closed form (yours)": plots.color("right")}
fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), width_ratios=[1.7, 1], layout="constrained")
for name, times in per_entry.items():
    axes[0].loglog(np.multiply(rows, 256), times, "o-", color=tints[name], label=name)
axes[0].set(title="Time", xlabel="entries of x", ylabel="nanoseconds per entry")
axes[0].legend()
drawn = axes[1].bar([name.replace(" (", "\n(") for name in memory], list(memory.values()), color=[tints[n] for n in memory])
axes[1].bar_label(drawn, [f"{value:.1f}" for value in memory.values()], padding=3)
axes[1].set(title="Peak memory", ylabel="arrays of the size of x")
axes[1].margins(y=0.15)
fig.suptitle("The closed form needs less memory, and less time", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The arithmetic is cheap; what costs is reading and writing arrays of the size of `x`.
# A fused kernel reads `dout` and `xhat` twice, once for the two sums and once for `dx`, and needs no temporary array of that size.

# %% [markdown]
# ## Folklore on trial
#
# ### "The gradient of a batch-normalised feature has zero mean over the batch"
#
# The derivation says so for every ε. We measure the sum of your `dx` over the sum of its absolute values, the largest of 50 features: below $10^{-9}$ (second threshold: $10^{-7}$).
# As a control, the gradient that takes the statistics as constants.

# %%
BACKWARD = {"graph": batchnorm_backward, "closed form": batchnorm_backward_compact, "constants": constants}


def has_zero_mean(n, spread, eps, function="closed form"):
    rng = np.random.default_rng(n)
    x, dout = spread * rng.normal(size=(n, 50)), rng.normal(size=(n, 50))
    dx, _, _ = BACKWARD[function](dout, staged_forward(x, rng.normal(size=50), np.zeros(50), eps)[1])
    balance = np.max(np.abs(dx.sum(axis=0)) / np.abs(dx).sum(axis=0))
    return balance < 1e-9, balance < 1e-7


trial(
    "dx has zero mean over the batch",
    has_zero_mean,
    over=settings(n=[3, 64], spread=[0.003, 1.0], eps=[1e-5, 1.0], function=["graph", "closed form"]),
    control=dict(n=64, spread=1.0, eps=1e-5, function="constants"),
    expect="holds",
)


# %% [markdown]
# ### "… and it is orthogonal to x̂"
#
# The derivation left $\frac{\gamma}{s}\frac{\varepsilon}{\sigma^2+\varepsilon}\,d\gamma$. What does that mean in practice?
# Orthogonal means that the cosine of the angle between `dx` and $\hat x$ is below 0.01 (second threshold: 0.02), for each of 20 features with a standard deviation σ.

# %%
def is_orthogonal(spread, eps, seed):
    rng = np.random.default_rng(seed)
    x, dout = rng.normal(size=(32, 20)), rng.normal(size=(32, 20))
    x = spread * (x - x.mean(axis=0)) / x.std(axis=0)
    _, cache = staged_forward(x, np.ones(20), np.zeros(20), eps)
    dx, xhat = batchnorm_backward_compact(dout, cache)[0], cache[0]
    cosine = np.abs((dx * xhat).sum(axis=0)) / np.linalg.norm(dx, axis=0) / np.linalg.norm(xhat, axis=0)
    return cosine.max() < 0.01, cosine.max() < 0.02


trial(
    "dx is orthogonal to x̂",
    is_orthogonal,
    over=settings(spread=[1.0, 0.1, 0.003, 0.001], eps=[1e-5, 1e-3], seed=[0, 1]),
    held_out=settings(spread=[3.0, 0.5, 0.002, 0.0005], eps=[1e-6, 1e-5, 1e-3], seed=[2, 3]),
    only_if=("the variance is at least a hundred times eps", lambda spread, eps: spread**2 > 100 * eps),
    expect="holds only if the variance is at least a hundred times eps",
)

# %% [markdown]
# For a feature that hardly varies it is not orthogonal, and there the gradient does change the feature's spread.
#
# Say: *"Orthogonal to x̂ up to a factor ε over σ² plus ε, so exactly only for ε = 0."*

# %% [markdown]
# ## Answer in 30 seconds
#
# "An input reaches the output directly, through the batch mean and through the batch variance, so its gradient has three terms.
# The closed form in words: take the upstream gradient, subtract its mean, subtract its component along x̂, and scale by γ over the standard deviation.
# The gradients of γ and β are sums over the batch.
# I would check it by central differences with a random upstream gradient. Shall I derive it?"
#
# ### 三十秒回答
#
# "每个输入通过三条路径影响输出:直接影响、通过均值、通过方差,所以梯度有三项。
# 化简后用一句话说:上游梯度减去自己的均值,再减去它在 x̂ 方向上的分量,最后乘以 γ 再除以标准差。
# γ、β 的梯度是在 batch 上求和。
# 验证时我会用中心差分,上游梯度取随机数。要我推导一遍吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw the graph: `x` → `mu`, `xmu`; `xmu` → `sq` → `var` → root → inverse; both meet in `xhat`; then γ and β. Circle the two forks.
# - Give the two rules: gradients add at a fork; a broadcast forwards is a sum backwards, a mean is a division by $N$.
# - Walk back: `dxhat`, `divar`, `dvar` $=-\frac12 s^{-3}\sum d\hat x\,(x-\mu)$, `dxmu` from two parts, `dmu`, `dx`. Say each shape.
# - Point at $\sum(x_i-\mu)=0$: the variance sends nothing through the mean.
# - Substitute $x-\mu=s\hat x$ and write the box: $\frac{\gamma}{ms}\big[m g_i-\sum g-\hat x_i\sum g\hat x\big]$.
# - Read it: the mean and the component along $\hat x$ are taken out, because a shift or a stretch of the batch changes nothing.
# - Check yourself aloud: $\sum dx=0$ exactly; $\sum dx\,\hat x$ is zero up to $\varepsilon/(\sigma^2+\varepsilon)$.
# - Cost: the closed form reads `dout` and `xhat` twice and needs only `xhat`, γ and $1/s$ from the forward pass.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>And for images, (N, C, H, W)?</summary>
#
# The same formula, all sums over axes (0, 2, 3), and $m=N\,H\,W$.
# Reshape γ and $1/s$ to `(1, C, 1, 1)` and keep the axes of the sums inside `dx`; return dγ and dβ as `(C,)`.
# The backward sums run over exactly the entries that shared a mean and a γ in the forward pass.
#
# </details>
#
# <details><summary>Why is a sum taken at all? Each sample has its own gradient.</summary>
#
# γ, β, μ and σ² exist once per feature, and every sample has used them.
# The gradient of a shared value is the sum of what each use sends back; `dout` already carries the 1/N of a mean loss.
#
# </details>
#
# <details><summary>Must I keep the variance's term in dmu?</summary>
#
# Many write $d\mu=-\sum d\hat x_i/s-\frac{2}{m}\,d\sigma^2\sum(x_i-\mu)$. The second term is in the graph, and it is zero, because deviations from the mean sum to zero.
# In floating point only rounding errors are left of it.
#
# </details>
#
# <details><summary>What becomes of the gradient when the statistics are frozen?</summary>
#
# Mean and variance are constants then, and the two branches are gone: `dx = dout · gamma / √(running_var + eps)`, each sample for itself.
# dγ and dβ keep their sums, with $\hat x$ from the running statistics.
# That happens in `eval()` and when one fine-tunes with frozen batch norm (question 17).
#
# </details>
#
# <details><summary>What does synchronised batch norm send in the backward pass?</summary>
#
# Two sums per channel, $\sum g$ and $\sum g\hat x$ (or $\sum g\,(x-\mu)$, as torch does), added over all workers; $m$ is the global count.
# With them each worker computes its own `dx`.
# dγ and dβ are left local, because the usual averaging of parameter gradients takes care of them.
#
# </details>
#
# <details><summary>How do layer norm and RMS norm differ backwards?</summary>
#
# Layer norm has the same box, with the sums over the features of one sample. There each feature has its own γ, so γ moves inside: read $\gamma_jg_j$ for $g_j$ in every term.
# RMS norm does not subtract a mean, so the mean's term $\sum_j g_j$ is dropped. Question 44 writes both.
#
# </details>
#
# <details><summary>What do you watch in mixed precision?</summary>
#
# The sums. Activations and `dout` may be half precision; statistics, both backward sums, γ and β stay in float32.
# float16 ends at 65504, so the square of a deviation of 256 already overflows; and counting by ones it stops at 2048.
#
# </details>
#
# <details><summary>What must be kept from the forward pass?</summary>
#
# $\hat x$ `(N, D)`, $1/s$ `(D,)` and γ `(D,)`. `xmu` is $\hat x\,s$, so it need not be kept.
# One can even keep the output alone: $\hat x=(y-\beta)/\gamma$ where γ is not 0. In-place activated batch norm saves memory that way.
# Frameworks often keep `x`, which the layer before holds anyway, with μ and $1/s$, and compute $\hat x$ again.
#
# </details>
#
# <details><summary>What is dx for a batch of two?</summary>
#
# Nearly nothing. With $\hat x=(a,-a)$, $a^2=\sigma^2/(\sigma^2+\varepsilon)$, and $g$ less its mean $(d,-d)$:
# $dx_1=\frac{\gamma}{s}\,d\,(1-a^2)=\frac{\gamma}{s}\,d\,\frac{\varepsilon}{\sigma^2+\varepsilon}$.
# Two values have only a mean and a standard deviation, and both are normalised away. With one sample `dx` is exactly 0.
#
# </details>
#
# <details><summary>Does the scale of the weights before batch norm get a gradient?</summary>
#
# The weight column $w$ of $x=u\,w$ gets $u^\top dx$, which is orthogonal to $w$ for ε = 0:
# $w^\top u^\top dx=\sum_i x_i\,dx_i=s\sum_i\hat x_i\,dx_i+\mu\sum_i dx_i=0$.
# So plain gradient steps can only lengthen $w$ (question 18).
#
# </details>
#
# <details><summary>How would you test it?</summary>
#
# Central differences in float64 with $h$ about $10^{-5}$ and a random upstream gradient; relative error below $10^{-6}$.
# Shapes with $N\ne D$ and with $N=D$, a feature without spread, and the two invariants $\sum dx=0$ and $\sum dx\,\hat x$.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "dx = dout · γ / σ." That is inference.
# - Only one of the two branches, or `dxmu` overwritten where it should be added to.
# - dγ and dβ averaged "because it is a batch".
# - A sum over axis 1, unnoticed because the test batch was square.
# - A gradient check with an upstream gradient of ones.
# - "The variance also acts through the mean", without seeing that the term is zero.
# - The closed form by heart, and no answer to "where does the second sum come from?"

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. §2: what happens when the gradient ignores the normalisation; §3: the gradients by the chain rule.
# - W. Squire, G. Trapp. *Using Complex Variables to Estimate Derivatives of Real Functions.* SIAM Review 40(1), 1998: the complex step.
# - S. Rota Bulò, L. Porzi, P. Kontschieder. *In-Place Activated BatchNorm for Memory-Optimized Training of DNNs.* CVPR 2018: recovering what the backward pass needs from the output.
# - PyTorch source, `torch/nn/modules/_functions.py`: the two sums that `SyncBatchNorm` exchanges in its backward pass.
