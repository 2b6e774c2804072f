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

from utils import check, gradcheck, hint, numeric_gradient, plots, trial

plots.style()

# %%
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
# Each $g_j$ comes back through $\partial\hat x_j/\partial x_i$, and the boxed line is there again:
#
# $$
# dx_i=\sum_j \gamma\,g_j\,\frac1s\Big[\delta_{ij}-\frac1m-\frac{\hat x_i\hat x_j}{m}\Big]
# =\frac{\gamma}{s}\Big[g_i-\frac1m\sum_j g_j-\frac{\hat x_i}{m}\sum_j g_j\hat x_j\Big]
# $$

# %% [markdown]
# ### What the closed form says
#
# Take the upstream gradient, subtract its mean, subtract its component along $\hat x$, scale by $\gamma/s$.
# A shift or a stretch of the whole batch would be normalised away, so no gradient asks for one.
#
# Two consequences, with $\sum_i\hat x_i=0$ and $\sum_i\hat x_i^2=\frac1{s^2}\sum_i(x_i-\mu)^2=\frac{m\,\sigma^2}{\sigma^2+\varepsilon}$:
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
def gap(came, right):
    """How far a gradient is off, as a share of the largest entry; None when its shape cannot be right."""
    came = np.asarray(came)
    came = came[0] if came.shape[:1] == (1,) else came  # keepdims is no mistake
    if came.ndim > right.ndim or came.shape != right.shape[right.ndim - came.ndim :]:
        return None
    return np.max(np.abs(came - right)) / np.max(np.abs(right))


def check_stages(function):
    """Compare every gradient inside `function` with finite differences, from the end of the graph to its start."""
    rng = np.random.default_rng(0)
    given = dict(x=rng.normal(size=(5, 3)), gamma=rng.normal(size=3), beta=rng.normal(size=3), eps=0.1)
    dout = rng.normal(size=(5, 3))
    yours = variables_of(function, dout, staged_forward(**given)[1])
    for name, value in reversed(list(run_graph(**given).items())):
        if name in ("out", "gamma", "beta", "eps"):
            continue

        def loss(changed, name=name):
            return np.sum(dout * run_graph(**given | {name: changed})["out"])

        right, came = numeric_gradient(loss, value), yours.get("d" + name)
        off = None if came is None else gap(came, right)
        if came is None:
            words = "○ not there"
        elif off is None:
            words = f"✗ its shape is {np.shape(came)}, not {right.shape}"
        else:
            words = "✓" if off < 1e-6 else f"✗ off by {off:.0%} of its largest entry"
        print(f"{'d' + name:9} {words}")
    if "stopped by" in yours:
        print(f"(your function ended in a {yours['stopped by']})")


check_stages(batchnorm_backward)


# %% [markdown]
# ### Exercise 2: the closed form
#
# The same three gradients, without walking through the graph.

# %%
def batchnorm_backward_compact(dout, cache):
    """dout (N, D), cache of staged_forward -> (dx (N, D), dgamma (D,), dbeta (D,))."""
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

# %%
dout = np.random.default_rng(1).normal(size=(6, 4))
right = batchnorm_backward(dout, staged_forward(**inputs)[1])[0]


def loss(x):
    return np.sum(dout * forward(x, inputs["gamma"], inputs["beta"]))


steps = 10.0 ** np.arange(-1, -21, -1)
complex_errors = [
    np.linalg.norm(numeric_gradient(loss, inputs["x"], h, "complex") - right) / np.linalg.norm(right) for h in steps
]

# %%
fig, ax = plt.subplots(figsize=(8.5, 4.4), layout="constrained")
report.plot(ax)
ax.loglog(steps, np.maximum(complex_errors, 1e-17), "s-", color=plots.color("right"), markersize=4, label="complex step")
ax.set(title="Central differences: too large an h bends, too small an h rounds", xlim=(1e-20, 1), ylim=(1e-17, 10))
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
# ### Who moves whom
#
# Feed your function a `dout` that is 1 for one sample and 0 for the others: out comes one row of the Jacobian.
# Here are twelve samples, sorted by $x$, and the three branches of which the Jacobian is the sum.

# %%
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

# %%
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

# %% [markdown]
# **Takeaway.** At inference only the diagonal is left.
# In training the batch is one object: the mean couples all samples evenly, the variance couples the extreme ones.

# %% [markdown]
# ### Three samples on a map
#
# Three values with their mean taken out have two degrees of freedom, so they fit on a plane; the distance from the centre is $\sqrt{3}\,\sigma$.
# Each column of one large batch is a point of that plane, and your function gives the descent direction $-dx$ at all of them at once.
# What will the contours of the loss look like?

# %%
e1, e2 = np.array([1, -1, 0]) / np.sqrt(2), np.array([1, 1, -2]) / np.sqrt(6)
weights = np.array([[1.0], [0.2], [-0.6]])


def plane(a, b, eps):
    """The loss Σ w·y, and −dx in the plane's two directions, at the points (a, b)."""
    x = np.outer(e1, a.ravel()) + np.outer(e2, b.ravel())
    ones = np.ones(a.size)
    out, cache = staged_forward(x, ones, 0 * ones, eps)
    dx, _, _ = batchnorm_backward(np.repeat(weights, a.size, axis=1), cache)
    return (weights * out).sum(axis=0).reshape(a.shape), -(e1 @ dx).reshape(a.shape), -(e2 @ dx).reshape(a.shape)


# %%
grid = np.linspace(-2.5, 2.5, 201)
angles, radii = np.meshgrid(np.linspace(0, 2 * np.pi, 16, endpoint=False) + 0.1, [0.8, 1.5, 2.2])
fig, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for ax, eps, title in zip(axes, (1e-5, 1.0), ("ε = 10⁻⁵: a step only turns x", "ε = 1: it stretches x too"), strict=True):
    a, b = np.meshgrid(grid, grid)
    ax.contour(a, b, plane(a, b, eps)[0], levels=15, cmap="cividis", linewidths=1)
    a, b = radii * np.cos(angles), radii * np.sin(angles)
    _, right_, up = plane(a, b, eps)
    for radius in radii[:, 0]:
        ax.add_patch(plt.Circle((0, 0), radius, fill=False, color="0.6", linestyle=":"))
    ax.quiver(a, b, right_, up, color=plots.color("wrong"), width=0.007, scale=12)
    ax.set(title=title, aspect="equal", xlabel="$(x_1-x_2)/\\sqrt{2}$", ylabel="$(x_1+x_2-2x_3)/\\sqrt{6}$")
    ax.grid(False)
plt.show()


# %% [markdown]
# **Takeaway.** For small ε the loss depends on the direction alone: its contours are rays, and $-dx$ runs along circles.
# Nothing is gained by stretching $x$. With a large ε something is, and part of the gradient points in or out.

# %% [markdown]
# ### Images: the same function
#
# For `(N, C, H, W)` a channel is a feature, and its values are the $m=N\,H\,W$ pixels of all images.
# So fold them into rows, use what you have, and unfold.

# %%
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

# %% [markdown]
# ### Two workers: which numbers must they exchange?
#
# A batch of 8 is split between two workers; the statistics are those of the whole batch.
# What does a worker need to know about the other half to compute its own `dx`?

# %%
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


# %% [markdown]
# **Takeaway.** The forward pass exchanges two numbers per feature (for μ and σ²), the backward pass two more: $\sum g$ and $\sum g\hat x$.
# That is all there is to synchronised batch norm.

# %% [markdown]
# ### Staged or closed: time and memory
#
# Both read the same cache and give the same numbers. How much does the shorter formula save?
# torch's own kernel runs beside them, on one thread and in float64 like NumPy.

# %%
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


def torch_backward(x, gamma, beta, dout):
    """A call that runs torch's backward pass alone, its forward pass being done."""
    x, gamma, beta, dout = map(torch.from_numpy, (x, gamma, beta, dout))
    leaves = [a.requires_grad_() for a in (x, gamma, beta)]
    out = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
    return lambda: torch.autograd.grad(out, leaves, dout, retain_graph=True)


try:
    import torch

    torch.set_num_threads(1)
except ModuleNotFoundError:  # in the browser
    torch = None

# %%
rows = [4, 16, 64, 256, 1024, 4096]
methods = {"staged (yours)": batchnorm_backward, "closed form (yours)": batchnorm_backward_compact}
per_entry = {name: [] for name in [*methods, *(["torch"] if torch else [])]}
for n in rows:
    x, dout, ones = rng.normal(size=(n, 256)), rng.normal(size=(n, 256)), np.ones(256)
    _, cache = staged_forward(x, ones, 0 * ones)
    calls = {name: (lambda f=f, c=cache, d=dout: f(d, c)) for name, f in methods.items()}
    if torch:
        calls["torch"] = torch_backward(x, ones, 0 * ones, dout)
    for name, call in calls.items():
        call()
        per_entry[name].append(1e9 * median_time(call) / x.size)
memory = {name: peak_memory(calls[name]) / x.nbytes for name in methods}

tints = {"staged (yours)": plots.color("wrong"), "closed form (yours)": plots.color("right"), "torch": plots.color("sgd")}
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), width_ratios=[1.7, 1], layout="constrained")
for name, times in per_entry.items():
    axes[0].loglog(np.multiply(rows, 256), times, "o-", color=tints[name], label=name)
axes[0].set(title="Time", xlabel="entries of x", ylabel="nanoseconds per entry")
axes[0].set_yticks([2, 5, 10, 20, 50], [2, 5, 10, 20, 50])
axes[0].yaxis.set_minor_formatter("")
axes[0].legend()
drawn = axes[1].bar([name.replace(" (", "\n(") for name in memory], list(memory.values()), color=[tints[n] for n in memory])
axes[1].bar_label(drawn, [f"{value:.1f}" for value in memory.values()], padding=3)
axes[1].set(title="Peak memory", ylabel="arrays of the size of x")
axes[1].margins(y=0.15)
fig.suptitle("The closed form needs half the memory, and less time", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** The arithmetic is cheap; what costs is reading and writing arrays of the size of `x`.
# A fused kernel reads `dout` and `xhat` twice, once for the two sums and once for `dx`, and makes no temporary array at all.
# Times of arrays that outgrow the cache change from run to run; memory does not.
# (torch's allocator is invisible to `tracemalloc`, so it has no bar.)

# %% [markdown]
# ## Folklore on trial
#
# ### "The gradient of a batch-normalised feature has zero mean over the batch"
#
# Derived above for every ε. Measured as the sum of `dx` over the sum of its absolute values.

# %%
def balance(n, spread=1.0, eps=1e-5, function=batchnorm_backward_compact):
    """|Σ dx| / Σ |dx|, the largest over 200 features."""
    rng = np.random.default_rng(n)
    x, dout = spread * rng.normal(size=(n, 200)), rng.normal(size=(n, 200))
    dx, _, _ = function(dout, staged_forward(x, rng.normal(size=200), np.zeros(200), eps)[1])
    return np.max(np.abs(dx.sum(axis=0)) / np.abs(dx).sum(axis=0))


ruling = trial(
    "dx has zero mean over the batch",
    {
        "64 samples": balance(64) < 1e-9,
        "64 samples, ε = 1": balance(64, eps=1.0) < 1e-9,
        "64 samples, ε = 0": balance(64, eps=0.0) < 1e-9,
        "64 samples with a spread of √ε": balance(64, spread=3e-3) < 1e-9,
        "3 samples": balance(3) < 1e-9,
        "64 samples, through the graph": balance(64, function=batchnorm_backward) < 1e-9,
    },
)
assert ruling == "holds"
ruling

# %% [markdown]
# Say it with its consequence: *a bias just before batch norm gets the gradient* $\sum_i dx_i = 0$*, so leave it out*.
#
# ### "… and it is orthogonal to x̂"
#
# The derivation left $\frac{\gamma}{s}\frac{\varepsilon}{\sigma^2+\varepsilon}\,d\gamma$. Is it that, and how large is it beside `dx`?

# %%
rng = np.random.default_rng(4)
unit, dout = rng.normal(size=(32, 1)), rng.normal(size=(32, 1))
unit = (unit - unit.mean()) / unit.std()


def inner(spread, eps):
    """(Σ dx·x̂, what the derivation says it is, the cosine of the angle between dx and x̂)."""
    _, cache = staged_forward(spread * unit, np.ones(1), np.zeros(1), eps)
    xhat, _, _, ivar, _, var, _ = cache
    dx, dgamma, _ = batchnorm_backward_compact(dout, cache)
    product = np.sum(dx * xhat)
    predicted = ivar * eps / (var + eps) * dgamma
    return product, predicted.item(), product / np.linalg.norm(dx) / np.linalg.norm(xhat)


for spread in (1.0, 0.01, 0.001):
    product, predicted, cosine = inner(spread, 1e-5)
    print(f"σ = {spread:<6} Σ dx·x̂ = {product:10.3e}   derived {predicted:10.3e}   cosine {abs(cosine):.1e}")

# %%
eps = 1e-5
spreads = np.logspace(-5, 1, 31)
cosines = [abs(inner(s, eps)[2]) for s in spreads]
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.loglog(spreads, cosines, "o-", color=plots.color("wrong"), markersize=4, label="measured, ε = 10⁻⁵")
ax.loglog(spreads, np.minimum(1, eps / (spreads**2 + eps)), "--", color="0.4", label="ε / (σ² + ε)")
ax.axvline(np.sqrt(eps), color="0.5", linestyle=":")
ax.text(np.sqrt(eps) * 1.2, 1e-6, "σ = √ε", color="0.35")
ax.set(xlabel="standard deviation σ of the feature", ylabel="|cosine| of the angle between dx and x̂",
       title="Orthogonal only as far as σ² is large beside ε")
ax.legend()
plt.show()

# %%
ruling = trial(
    "dx is orthogonal to x̂",
    {f"σ = {spread:g}, ε = {eps:g}": abs(inner(spread, eps)[2]) < 1e-12
     for spread, eps in [(1.0, 0.0), (0.01, 0.0), (1.0, 1e-5), (0.01, 1e-5), (0.001, 1e-5)]},
    only_if="eps = 0",
)  # fmt: skip
assert ruling == "holds only if eps = 0"
ruling

# %% [markdown]
# For a feature of ordinary spread the cosine is of the size of ε, $10^{-5}$: orthogonal for all practical purposes.
# For a nearly dead feature it is not, and there the gradient does push the spread apart.
# Say: *orthogonal to* $\hat x$ *up to a factor* $\varepsilon/(\sigma^2+\varepsilon)$.
#
# ### "In the backward pass, mean and variance are constants"
#
# Then `dx = dout · gamma · ivar`, one line, no sums. Would one notice?
# Train $y=\gamma\,\mathrm{BN}(u+b)$ on a toy problem, γ and $b$ being learnt: once with your gradient, once with that one.

# %%
rng = np.random.default_rng(0)
u = rng.normal(size=(64, 1))
target = np.tanh(2 * u) + 0.3


def constants(dout, cache):
    """The gradient for frozen statistics."""
    xhat, gamma, _, ivar, *_ = cache
    return dout * gamma * ivar, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def train(backward, n_steps=400, lr=0.1):
    """The losses and the biases b on the way."""
    gamma, b, losses, biases = np.full(1, 0.1), np.zeros(1), [], []
    for _ in range(n_steps):
        out, cache = staged_forward(u + b, gamma, np.zeros(1))
        dx, dgamma, _ = backward(2 * (out - target) / len(u), cache)
        losses.append(np.mean((out - target) ** 2))
        biases.append(b.item())
        gamma, b = gamma - lr * dgamma, b - lr * dx.sum(axis=0)
    return losses, biases


runs = {"your gradient": train(batchnorm_backward), "statistics as constants": train(constants)}

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), layout="constrained")
for (name, (losses, biases)), tint, dash in zip(runs.items(), ("right", "wrong"), ("-", "--"), strict=True):
    axes[0].plot(losses, dash, color=plots.color(tint), label=name)
    axes[1].plot(biases, dash, color=plots.color(tint), label=name)
axes[0].set(xlabel="step", ylabel="mean squared error", ylim=(0, None), title="The loss cannot tell them apart …")
axes[1].set(xlabel="step", ylabel="bias $b$ before batch norm", title="… but with one of them the bias runs away")
axes[0].legend()
plt.show()

# %%
final = {name: (losses[-1], biases[-1]) for name, (losses, biases) in runs.items()}
for name, (loss_, bias) in final.items():
    print(f"{name:24} loss {loss_:.3f}   bias {abs(bias):5.2f}")

# %% [markdown]
# Batch norm takes the bias out again, so the output never feels it, and the wrong gradient never learns that.
# It is the example of Ioffe & Szegedy, §2: $b$ grows without bound while the loss stays.
# A falling loss does not prove a gradient right.

# %%
x0, dout, gamma = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), rng.normal(size=4)
mu, sigma = x0.mean(axis=0), np.sqrt(x0.var(axis=0) + 1e-5)


def loss_in_training(x):
    return np.sum(dout * staged_forward(x, gamma, np.zeros(4))[0])


def loss_frozen(x):
    return np.sum(dout * gamma * (x - mu) / sigma)


wrong, _, _ = constants(dout, staged_forward(x0, gamma, np.zeros(4))[1])
in_training, frozen = numeric_gradient(loss_in_training, x0), numeric_gradient(loss_frozen, x0)

ruling = trial(
    "in the backward pass, mean and variance are constants",
    {
        "inference, frozen statistics: agrees with finite differences": np.allclose(wrong, frozen, atol=1e-6),
        "training: agrees with finite differences": np.allclose(wrong, in_training, atol=1e-6),
        "training: the bias before it stays": abs(final["statistics as constants"][1]) < 0.1,
    },
    only_if="the statistics are frozen",
)
assert ruling == "holds only if the statistics are frozen"
ruling

# %% [markdown]
# ### "You must not forget the variance's term in dmu"
#
# Many write $d\mu=-\sum d\hat x_i/s-\frac{2}{m}\,d\sigma^2\sum(x_i-\mu)$, and call it a mistake to drop the second term.

# %%
rng = np.random.default_rng(5)
largest = {}
for name, spread, offset in [("spread 1", 1, 0), ("mean 1000, spread 1", 1, 1000), ("spread 0.001", 1e-3, 0)]:
    x, dout = offset + spread * rng.normal(size=(50, 100)), rng.normal(size=(50, 100))
    _, (xhat, gamma, xmu, ivar, *_) = staged_forward(x, rng.normal(size=100), np.zeros(100))
    dxhat = dout * gamma
    dvar = (dxhat * xmu).sum(axis=0) * -0.5 * ivar**3
    kept, dropped = -(dxhat * ivar).sum(axis=0), -2 / 50 * dvar * xmu.sum(axis=0)
    largest[name] = np.max(np.abs(dropped)) / np.max(np.abs(kept))

ruling = trial(
    "leaving the variance's term out of dmu changes the gradient",
    {f"{name}: by more than 1e-9 of it": share > 1e-9 for name, share in largest.items()},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# What is left is rounding.
# Say: *it is there in the graph, and it is zero, because deviations from the mean sum to zero*.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Every x reaches the output along three paths: directly, through the batch mean and through the batch variance, so dx has three terms.
# dbeta is the sum of dout, dgamma the sum of dout times xhat, both over the batch.
# When I substitute, the sum of the deviations vanishes, and dx is gamma over N times sigma, times: N dout, minus the sum of dout, minus xhat times the sum of dout times xhat.
# In words: take the mean out of the upstream gradient, take out its component along xhat, and scale.
# I would check it with central differences and a random upstream gradient."

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
# Why these axes: the backward sums run over exactly the entries that shared a mean and a γ in the forward pass.
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
# <details><summary>What becomes of the gradient when the statistics are frozen?</summary>
#
# Mean and variance are constants then, the two branches are gone: `dx = dout · gamma / √(running_var + eps)`, each sample for itself.
# dγ and dβ keep their sums, with $\hat x$ from the running statistics.
# That happens in `eval()` and when one fine-tunes with frozen batch norm.
# The formula with the three terms is wrong there.
#
# </details>
#
# <details><summary>What does synchronised batch norm send in the backward pass?</summary>
#
# Two sums per channel, $\sum g$ and $\sum g\hat x$ (or $\sum g\,(x-\mu)$, as torch does), added over all workers; $m$ is the global count.
# With them each worker computes its own `dx`, as in the experiment above.
# dγ and dβ are left local, because the usual averaging of parameter gradients takes care of them.
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
# $dx_1=\frac{\gamma}{s}\big[d-a\cdot\frac{2ad}{2}\big]=\frac{\gamma}{s}\,d\,(1-a^2)=\frac{\gamma}{s}\,d\,\frac{\varepsilon}{\sigma^2+\varepsilon}$.
# Two values have only a mean and a spread, and both are normalised away. With one sample `dx` is exactly 0.
#
# </details>
#
# <details><summary>Does a bias or the scale of the weights before batch norm get a gradient?</summary>
#
# The bias gets $\sum_i dx_i=0$. The weight column $w$ of $x=u\,w$ gets $u^\top dx$, which is orthogonal to $w$ for ε = 0:
# $w^\top u^\top dx=\sum_i x_i\,dx_i=s\sum_i\hat x_i\,dx_i+\mu\sum_i dx_i=0$.
# So plain gradient steps can only lengthen $w$.
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
