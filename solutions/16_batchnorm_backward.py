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
# - **Three ways.** `x` reaches the output directly, through the mean and through the variance; the gradients add up.
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
# The two parameters are quickly done.
# Every sample uses the same γ and the same β, so their gradients are sums over the samples:
#
# $$
# d\gamma=\sum_i g_i\,\hat x_i\qquad\qquad d\beta=\sum_i g_i
# $$

# %% [markdown]
# The input is the hard part, because $x_i$ moves *every* output $y_j$: it moves μ and σ², which all samples share.
#
# ### The graph
#
# Arrows point forwards; the words on an arrow are the gradient that comes *back* along it.

# %%
import sys
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

from utils import check, gradcheck, numeric_gradient, plots, trial

plots.style()

# %% tags=["nbval-ignore-output"]
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
]  # fmt: skip
fig, ax = plt.subplots(figsize=(9.5, 4.6), layout="constrained")
plots.graph(nodes, edges, "x reaches the output on three ways, so dx is a sum of three terms", ax=ax)
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
# | forwards | backwards | shape |
# |---|---|---|
# | `out = gamma · xhat + beta` | `dxhat = dout · gamma` | `(N, D)` |
# | `xhat = xmu · ivar` | `divar = Σ dxhat · xmu` | `(D,)` |
# | `ivar = 1 / sqrtvar` | `dsqrtvar = −ivar² · divar` | `(D,)` |
# | `sqrtvar = √(var + eps)` | `dvar = ½ · ivar · dsqrtvar` | `(D,)` |
# | `var = mean(sq)` | `dsq = dvar / N`, the same for each row | `(D,)` |
# | `sq = xmu²` and `xhat = xmu · ivar` | `dxmu = dxhat · ivar + 2 · xmu · dsq` | `(N, D)` |
# | `xmu = x − mu` | `dmu = −Σ dxmu` | `(D,)` |
# | `mu = mean(x)` and `xmu = x − mu` | `dx = dxmu + dmu / N` | `(N, D)` |
#
# Each line uses only lines above it. That is the staged backward pass.

# %% [markdown]
# ### A term that is zero
#
# Into `dmu` goes the sum of *both* parts of `dxmu`. Look at the second part:
#
# $$
# \sum_i 2\,(x_i-\mu)\,\tfrac1m\,d\sigma^2=\frac{2\,d\sigma^2}{m}\sum_i(x_i-\mu)=0
# $$
#
# The variance does not change when all $x_i$ shift together, so it sends nothing back through the mean.
# You may leave that term out, if you say why. The check accepts both.

# %% [markdown]
# ### The closed form, from the stages
#
# Put the lines into one another, with $x_i-\mu=s\,\hat x_i$ wherever it occurs.
# All sums run over the batch.
#
# **The variance branch.** First up to σ²:
#
# $$
# d\,\texttt{ivar}=\sum_j \gamma g_j\,(x_j-\mu)=\gamma s\sum_j g_j\hat x_j=\gamma s\,d\gamma
# $$
#
# $$
# d\sigma^2=\tfrac12\cdot\frac1s\cdot\Big(-\frac1{s^2}\Big)\cdot\gamma s\,d\gamma=-\frac{\gamma}{2s^2}\,d\gamma
# $$
#
# then on to $x_i-\mu$:
#
# $$
# 2\,(x_i-\mu)\,\frac{d\sigma^2}{m}=2\,s\,\hat x_i\cdot\frac1m\cdot\Big(-\frac{\gamma}{2s^2}\,d\gamma\Big)=-\frac{\gamma}{ms}\,\hat x_i\,d\gamma
# $$

# %% [markdown]
# **The mean branch.** The sum over the variance's part vanishes, because $\sum_i\hat x_i=0$:
#
# $$
# d\mu=-\sum_i\Big(\frac{\gamma}{s}\,g_i-\frac{\gamma}{ms}\,\hat x_i\,d\gamma\Big)
# =-\frac{\gamma}{s}\,d\beta+\frac{\gamma}{ms}\,d\gamma\underbrace{\sum_i\hat x_i}_{0}
# =-\frac{\gamma}{s}\,d\beta
# $$
#
# **The three terms together:** direct, variance, mean.
#
# $$
# dx_i=\frac{\gamma}{s}\,g_i-\frac{\gamma}{ms}\,\hat x_i\,d\gamma-\frac{\gamma}{ms}\,d\beta
# $$
#
# $$
# \boxed{\;dx_i=\frac{\gamma}{m\,s}\Big[\,m\,g_i-\sum_j g_j-\hat x_i\sum_j g_j\hat x_j\Big]\;}
# $$
#
# The two sums are $d\beta$ and $d\gamma$: you have them already.

# %% [markdown]
# ### The same from the Jacobian
#
# Some interviewers want the derivative of $\hat x_j$ with respect to $x_i$. With $\delta_{ij}=1$ for $i=j$, else 0:
#
# $$
# \frac{\partial(x_j-\mu)}{\partial x_i}=\delta_{ij}-\frac1m
# $$
#
# $$
# \frac{\partial\sigma^2}{\partial x_i}=\frac1m\sum_j 2(x_j-\mu)\Big(\delta_{ij}-\frac1m\Big)
# =\frac2m\Big[(x_i-\mu)-\frac1m\underbrace{\sum_j(x_j-\mu)}_{0}\Big]=\frac{2(x_i-\mu)}{m}
# $$
#
# $$
# \frac{\partial s}{\partial x_i}=\frac1{2s}\,\frac{\partial\sigma^2}{\partial x_i}=\frac{x_i-\mu}{m\,s}=\frac{\hat x_i}{m}
# $$
#
# $$
# \frac{\partial\hat x_j}{\partial x_i}
# =\frac{(\delta_{ij}-\frac1m)\,s-(x_j-\mu)\,\frac{\hat x_i}{m}}{s^2}
# =\frac1s\Big[\delta_{ij}-\frac1m-\frac{\hat x_i\hat x_j}{m}\Big]
# $$
#
# Then $dx_i=\sum_j \gamma\,g_j\,\partial\hat x_j/\partial x_i$ is the boxed line again.

# %% [markdown]
# ### What the closed form says
#
# Take the upstream gradient, subtract its mean, subtract its component along $\hat x$, scale by $\gamma/s$.
# A shift or a stretch of the whole batch would be normalised away, so no gradient asks for one.
#
# Two consequences, with $\sum_i\hat x_i=0$ and $\sum_i\hat x_i^2=m\,\sigma^2/(\sigma^2+\varepsilon)$:
#
# $$
# \sum_i dx_i=\frac{\gamma}{ms}\Big[m\,d\beta-m\,d\beta-d\gamma\sum_i\hat x_i\Big]=0
# $$
#
# $$
# \sum_i dx_i\,\hat x_i
# =\frac{\gamma}{ms}\Big[m\,d\gamma-d\beta\sum_i\hat x_i-d\gamma\sum_i\hat x_i^2\Big]
# =\frac{\gamma}{s}\,d\gamma\Big[1-\frac{\sigma^2}{\sigma^2+\varepsilon}\Big]
# =\frac{\gamma}{s}\cdot\frac{\varepsilon}{\sigma^2+\varepsilon}\,d\gamma
# $$
#
# The first is exact. The second is zero only for ε = 0. Both go on trial below.

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
    """dout (N, D), cache of staged_forward -> (dx (N, D), dgamma (D,), dbeta (D,))."""
    # BEGIN SOLUTION
    xhat, gamma, xmu, ivar, _, _, _ = cache
    n = len(dout)
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma

    divar = (dxhat * xmu).sum(axis=0)
    dsqrtvar = -(ivar**2) * divar
    dvar = 0.5 * ivar * dsqrtvar
    dsq = dvar / n

    dxmu = dxhat * ivar + 2 * xmu * dsq
    dmu = -dxmu.sum(axis=0)
    dx = dxmu + dmu / n
    return dx, dgamma, dbeta
    # END SOLUTION


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
# Not graded, but handy when the check says "wrong" and you cannot see where.
# It reads the variables of your function as they are when it ends (even if it ends in `raise NotImplementedError()`),
# and compares each with finite differences of the rest of the graph.

# %%
STEPS = {
    "mu": lambda v: v["x"].mean(axis=0),
    "xmu": lambda v: v["x"] - v["mu"],
    "sq": lambda v: v["xmu"] ** 2,
    "var": lambda v: v["sq"].mean(axis=0),
    "sqrtvar": lambda v: np.sqrt(v["var"] + v["eps"]),
    "ivar": lambda v: 1 / v["sqrtvar"],
    "xhat": lambda v: v["xmu"] * v["ivar"],
    "out": lambda v: v["gamma"] * v["xhat"] + v["beta"],
}


def run_graph(**held):
    """All nodes of the graph by name; a node that is given keeps its value, the others are computed."""
    values = dict(held)
    for name, step in STEPS.items():
        if name not in held:
            values[name] = step(values)
    return values


# %%
def variables_of(function, *args):
    """The local variables of a function when it ended, be it in an error."""
    found, before = {}, sys.getprofile()

    def watch(frame, event, _):
        if event == "return" and frame.f_code is function.__code__:
            found.update(frame.f_locals)

    sys.setprofile(watch)
    try:
        function(*args)
    except Exception as error:
        found["stopped by"] = type(error).__name__
    finally:
        sys.setprofile(before)
    return found


# %%
def check_stages(function):
    """Compare every gradient inside `function` with finite differences, from the end of the graph to its start."""
    rng = np.random.default_rng(0)
    given = dict(x=rng.normal(size=(5, 3)), gamma=rng.normal(size=3), beta=rng.normal(size=3), eps=0.1)
    dout = rng.normal(size=(5, 3))
    _, cache = staged_forward(**given)
    nodes, yours = run_graph(**given), variables_of(function, dout, cache)
    for name in ["xhat", "ivar", "sqrtvar", "var", "sq", "xmu", "mu", "x"]:
        loss = lambda value, name=name: np.sum(dout * run_graph(**given | {name: value})["out"])
        right = numeric_gradient(loss, nodes[name])
        came = yours.get("d" + name)
        if came is None:
            words = "○ no variable of that name"
        elif np.shape(came) not in (right.shape, (1, *right.shape)) and name != "sq":
            words = f"✗ its shape is {np.shape(came)}, not {right.shape}"
        else:
            off = np.max(np.abs(came - right)) / np.max(np.abs(right)) if name != "mu" else np.max(np.abs(came - right))
            words = "✓" if off < 1e-6 else f"✗ off by {off:.1%} of its largest entry"
        print(f"d{name:8} {words}")


check_stages(batchnorm_backward)
