# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · Conjugate gradient: why n steps are enough
#
# *共轭梯度法的原理?为什么 n 步就够?*

# %% [markdown]
# ## Question
#
# "Solve $Ax=b$ for a symmetric positive definite $A$ with the conjugate gradient method.
# Where do α and β come from, and why are $n$ steps enough?
# Is it a second-order method?"
#
# "请用共轭梯度法求解 $Ax=b$($A$ 对称正定)。α 和 β 是怎么来的?为什么最多 $n$ 步?它算二阶方法吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Two readings.** Solving $Ax=b$ is minimising a quadratic; the residual is minus its gradient.
# - **Conjugate.** $p_i^\top A\,p_j=0$, and why a line search along such a direction never has to be repeated.
# - **Short memory.** You can say why β needs the last direction only.
# - **Counting.** At most as many steps as there are distinct eigenvalues, in exact arithmetic; and what rounding does to that.
# - **Cost.** One product $A\,p$ and a few vectors per step. No inverse, no Hessian formed.

# %% [markdown]
# ## The idea
#
# Let $A\in\mathbb R^{n\times n}$ be symmetric with $v^\top Av>0$ for all $v\ne0$. Take
#
# $$
# f(x)=\tfrac12x^\top Ax-b^\top x,
# \qquad
# \nabla f(x)=Ax-b=-r,
# \qquad
# r=b-Ax .
# $$
#
# So the residual $r$ is the steepest descent direction, and the minimum $x^*$ has $Ax^*=b$.
# With $b=Ax^*$ the height above the minimum is a squared distance:
#
# $$
# f(x)-f(x^*)=\tfrac12x^\top Ax-x^{*\top}Ax+\tfrac12x^{*\top}Ax^*=\tfrac12(x-x^*)^\top A\,(x-x^*)=\tfrac12\lVert x-x^*\rVert_A^2 .
# $$
#
# This **A-norm** is the ruler that the method works with.

# %% [markdown]
# ### How far to go along a direction
#
# Go from $x$ along $p$. Set the slope at the new point to zero:
#
# $$
# \frac{d}{d\alpha}f(x+\alpha p)=p^\top\big(A(x+\alpha p)-b\big)=\alpha\,p^\top Ap-p^\top r=0
# \quad\Rightarrow\quad
# \alpha=\frac{p^\top r}{p^\top Ap} .
# $$
#
# The new residual follows without another product, and it is orthogonal to $p$:
#
# $$
# r_+=b-A(x+\alpha p)=r-\alpha\,Ap,
# \qquad
# p^\top r_+=p^\top r-\alpha\,p^\top Ap=0 .
# $$

# %% [markdown]
# ### Why conjugate directions never have to be repeated
#
# After the search along $p_0$ we have $p_0^\top r_1=0$: along $p_0$ there is nothing left to gain.
# The next search, along $p_1$, changes that to
#
# $$
# p_0^\top r_2=p_0^\top r_1-\alpha_1\,p_0^\top Ap_1=-\alpha_1\,p_0^\top Ap_1 .
# $$
#
# It stays zero exactly when $p_0^\top Ap_1=0$.
# Directions with $p_i^\top Ap_j=0$ for $i\ne j$ are called **conjugate** (A-orthogonal).
# Once zero, it stays zero under every further conjugate direction: $p_i^\top r_{k+1}=p_i^\top r_k-\alpha_k\,p_i^\top Ap_k=p_i^\top r_k$ for $i<k$.
# And the last search adds $p_k^\top r_{k+1}=0$. So by induction
#
# $$
# p_i^\top r_k=0\quad\text{for all } i<k. \tag{1}
# $$
#
# So the gradient at $x_k$ is orthogonal to $\operatorname{span}(p_0,\dots,p_{k-1})$.
# Since $f$ is convex, $x_k$ is the **minimum over all points** $x_0+\operatorname{span}(p_0,\dots,p_{k-1})$, not only along the last line.

# %% [markdown]
# Nonzero conjugate directions are linearly independent:
# multiply $\sum_i c_ip_i=0$ by $p_j^\top A$, and $c_j\,p_j^\top Ap_j=0$ is left, so $c_j=0$.
# After $n$ of them they span everything.
# Then (1) says that $r_n$ is orthogonal to everything, so $r_n=0$: **$n$ steps are enough**.

# %% [markdown]
# ### Where the directions come from: β
#
# Start with $x_0=0$, $p_0=r_0=b$.
# Make each new residual conjugate to the old directions, as Gram and Schmidt would:
#
# $$
# p_{k+1}=r_{k+1}-\sum_{j\le k}\frac{p_j^\top A\,r_{k+1}}{p_j^\top Ap_j}\,p_j .
# $$
#
# It looks as if all old directions were needed. Three lines show that only the last one is.
#
# 1. The residuals span what the directions span, by this very formula. So (1) gives $r_i^\top r_{k+1}=0$ for $i\le k$: **residuals are orthogonal**.
# 2. From $r_{j+1}=r_j-\alpha_jAp_j$ we have $Ap_j=(r_j-r_{j+1})/\alpha_j$.
# 3. Hence
#
# $$
# r_{k+1}^\top Ap_j=\frac{r_{k+1}^\top r_j-r_{k+1}^\top r_{j+1}}{\alpha_j}=
# \begin{cases}0 & j<k\\[2pt] -\,r_{k+1}^\top r_{k+1}/\alpha_k & j=k .\end{cases}
# $$

# %% [markdown]
# One term of the sum is left: $p_{k+1}=r_{k+1}+\beta_kp_k$ with $\beta_k=\dfrac{r_{k+1}^\top r_{k+1}}{\alpha_k\,p_k^\top Ap_k}$.
#
# Two clean-ups.
# By (1) $p_{k-1}^\top r_k=0$, so $p_k^\top r_k=(r_k+\beta_{k-1}p_{k-1})^\top r_k=r_k^\top r_k$.
# And $\alpha_k\,p_k^\top Ap_k=p_k^\top r_k=r_k^\top r_k$. Therefore
#
# $$
# \boxed{\;\alpha_k=\frac{r_k^\top r_k}{p_k^\top Ap_k}
# \qquad
# x_{k+1}=x_k+\alpha_kp_k
# \qquad
# r_{k+1}=r_k-\alpha_kAp_k
# \qquad
# \beta_k=\frac{r_{k+1}^\top r_{k+1}}{r_k^\top r_k}
# \qquad
# p_{k+1}=r_{k+1}+\beta_kp_k\;}
# $$

# %% [markdown]
# ### Krylov space: why distinct eigenvalues count
#
# $p_0=b$, and each step brings in one more product with $A$.
# So the first $k$ directions span the **Krylov space** $\mathcal K_k=\operatorname{span}(b,Ab,\dots,A^{k-1}b)$.
# An $x$ in it is $x=q(A)\,b$, with a polynomial $q$ of degree below $k$.
# Its error is, with $b=Ax^*$,
#
# $$
# x^*-x=\big(I-q(A)A\big)x^*=P(A)\,x^*,
# \qquad
# P(\lambda)=1-\lambda q(\lambda),
# \qquad
# P(0)=1 .
# $$
#
# Every polynomial $P$ of degree at most $k$ with $P(0)=1$ comes from such a $q$.
# With orthonormal eigenvectors $v_i$ and $x^*=\sum_i\xi_iv_i$, and because $x_k$ is the best point in $\mathcal K_k$:
#
# $$
# \lVert x^*-x_k\rVert_A^2=\min_{\deg P\le k,\;P(0)=1}\;\sum_i\lambda_i\,P(\lambda_i)^2\,\xi_i^2
# \;\le\;\min_P\,\max_iP(\lambda_i)^2\;\lVert x^*\rVert_A^2 . \tag{2}
# $$
#
# CG picks the best polynomial without ever knowing the eigenvalues.
# With $m$ distinct eigenvalues, $P(\lambda)=\prod_{i=1}^m(1-\lambda/\lambda_i)$ has degree $m$ and is zero at each of them: **$m$ steps are enough**.

# %% [markdown]
# ### The rate
#
# Knowing only $\lambda_{\min}$ and $\lambda_{\max}$, put a Chebyshev polynomial into (2): $|T_k|\le1$ on $[-1,1]$, and it grows fast outside.
#
# $$
# P(\lambda)=\frac{T_k\!\left(\frac{\lambda_{\max}+\lambda_{\min}-2\lambda}{\lambda_{\max}-\lambda_{\min}}\right)}{T_k(z)},
# \qquad
# z=\frac{\lambda_{\max}+\lambda_{\min}}{\lambda_{\max}-\lambda_{\min}}=\frac{\kappa+1}{\kappa-1},
# \qquad
# \kappa=\frac{\lambda_{\max}}{\lambda_{\min}} .
# $$
#
# $P(0)=1$, and on the eigenvalues $|P|\le1/T_k(z)$.
# From $T_k(\cosh t)=\cosh kt$ with $z=\cosh t$ and $w=e^t=z+\sqrt{z^2-1}$ we get $T_k(z)=\frac12\big(w^k+w^{-k}\big)\ge\frac12w^k$. Here
#
# $$
# z^2-1=\frac{(\kappa+1)^2-(\kappa-1)^2}{(\kappa-1)^2}=\frac{4\kappa}{(\kappa-1)^2},
# \qquad
# w=\frac{\kappa+1+2\sqrt\kappa}{\kappa-1}=\frac{(\sqrt\kappa+1)^2}{(\sqrt\kappa+1)(\sqrt\kappa-1)}=\frac{\sqrt\kappa+1}{\sqrt\kappa-1},
# $$
#
# $$
# \boxed{\;\lVert x^*-x_k\rVert_A\;\le\;2\left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^{k}\lVert x^*\rVert_A\;}
# $$
#
# Steepest descent with exact line search has $\kappa$ in place of $\sqrt\kappa$ (and no 2).

# %%
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# `A (n, n)` is symmetric positive definite, `b (n,)`. Start at `x = 0`.
# Stop as soon as $\lVert r\rVert\le\text{tol}\cdot\lVert b\rVert$, and after `max_steps` steps at the latest (`n` when it is None).
# Return `x` and `residual_norms`, where `residual_norms[k]` is $\lVert r_k\rVert$; so the first entry is $\lVert b\rVert$.


# %%
def conjugate_gradient(A, b, tol=1e-10, max_steps=None):
    """A (n, n) s.p.d., b (n,) -> (x (n,), residual_norms (steps + 1,))."""
    # BEGIN SOLUTION
    x = np.zeros(len(b))
    r = p = b
    rr = r @ r
    norms = [np.sqrt(rr)]
    for _ in range(len(b) if max_steps is None else max_steps):
        if norms[-1] <= tol * norms[0]:
            break
        Ap = A @ p
        alpha = rr / (p @ Ap)
        x = x + alpha * p
        r = r - alpha * Ap
        rr, old = r @ r, rr
        p = r + rr / old * p
        norms.append(np.sqrt(rr))
    return x, np.array(norms)
    # END SOLUTION


# %%
check(conjugate_gradient)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what to keep</summary>
#
# Four things live from step to step: `x`, the residual `r`, the direction `p`, and the number `r @ r`.
# At `x = 0` the residual is `b`, and so is the first direction.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the order within a step</summary>
#
# test → `A @ p` once → α → `x` → `r` → β from the new and the old `r @ r` → `p` → record the norm.
# The test comes first, so that `b = 0` takes no step and divides by nothing.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `alpha = rr / (p @ Ap)`, `x = x + alpha * p`, `r = r - alpha * Ap`.
# Then `new = r @ r`, `p = r + new / rr * p`, `rr = new`.
# Not `r -= …` when `r` started as `b` itself: that writes into the caller's array.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(conjugate_gradient)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* function that runs.
# Three helpers: a matrix with eigenvalues of our choice, the residual norms as an array, and the points after 0, 1, 2, … steps.


# %%
def with_eigenvalues(eigenvalues, seed=0):
    n = len(eigenvalues)
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    A = Q * eigenvalues @ Q.T
    return (A + A.T) / 2


def residual_norms(A, b, tol, max_steps):
    return np.array(conjugate_gradient(A, b, tol, max_steps)[1])


def iterates(A, b, n_steps):
    return np.array([conjugate_gradient(A, b, 1e-14, k)[0] for k in range(n_steps + 1)])


# %% [markdown]
# ### Two steps in the plane
#
# One step of CG is one step of steepest descent. So steepest descent is your function, restarted after every step.
# The eigenvalues are 1 and 10. How many steps will each need?


# %%
def steepest_descent(A, b, n_steps):
    path = [np.zeros(len(b))]
    for _ in range(n_steps):
        path.append(path[-1] + conjugate_gradient(A, b - A @ path[-1], 1e-14, 1)[0])
    return np.array(path)


turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
A = turn @ np.diag([1.0, 10.0]) @ turn.T
target = turn @ np.array([-3.0, -0.3])
b = A @ target
paths = {"GD (exact search)": steepest_descent(A, b, 30), "CG": iterates(A, b, 2)}


def height(x, y):
    u, v = x - target[0], y - target[1]
    return 0.5 * (A[0, 0] * u * u + 2 * A[0, 1] * u * v + A[1, 1] * v * v)


plots.contours(height, (-3.3, 0.6), (-2.6, 0.6), paths, "CG is there after two steps, steepest descent zigzags",
               minimum=target, xlabel="$x_1$", ylabel="$x_2$")  # fmt: skip
plt.show()

# %% [markdown]
# **Takeaway.** The first step is the same.
# In the second, CG does not go straight down: it bends the gradient by β times the old direction, and hits the centre.
# Steepest descent crosses that line again and again.

# %% [markdown]
# ### See the two orthogonalities
#
# A step $x_{k+1}-x_k$ is a multiple of $p_k$, and $r_k=b-Ax_k$. So your points tell all directions and residuals.
# Here are the cosines between all pairs, 10 unknowns, κ = 30. Which of the three pictures will be white off the diagonal?

# %%
rng = np.random.default_rng(3)
A = with_eigenvalues(np.geomspace(1, 30, 10))
b = rng.normal(size=10)
points = iterates(A, b, 10)
P = np.diff(points, axis=0)
R = b - points[:-1] @ A


def cosines(gram):
    length = np.sqrt(np.diag(gram))
    return gram / np.outer(length, length)


grams = {
    r"directions, $p_i^\top p_j$": (P @ P.T, "$j$", "$i$"),
    r"directions, $p_i^\top A\,p_j$": (P @ A @ P.T, "$j$", ""),
    r"residuals, $r_i^\top r_j$": (R @ R.T, "$j$", ""),
}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for ax, (title, (gram, xlabel, ylabel)) in zip(axes, grams.items(), strict=True):
    image = ax.imshow(cosines(gram), cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xticks=range(0, 10, 3), yticks=range(0, 10, 3))
    ax.grid(False)
fig.colorbar(image, ax=axes, label="cosine", shrink=0.8)
fig.suptitle("Directions are orthogonal only through A; residuals are so as they stand", x=0.01, ha="left")
plt.show()

# %%
off = ~np.eye(10, dtype=bool)
for name, (gram, *_) in zip(["pᵢᵀpⱼ", "pᵢᵀApⱼ", "rᵢᵀrⱼ"], grams.values(), strict=True):
    largest = abs(cosines(gram)[off]).max()
    print(f"largest cosine off the diagonal, {name:<7}: {f'{largest:.2f}' if largest > 1e-4 else 'below 0.0001'}")

# %% [markdown]
# **Takeaway.** Each new direction was made conjugate to the last one only.
# It is conjugate to all, as the derivation promised.

# %% [markdown]
# ### What decides the number of steps?
#
# Four matrices, 200 × 200, all with κ = 1000. Only the eigenvalues between 1 and 1000 lie elsewhere.
# Put them in order before you look.

# %%
n = 200
noise = rng.uniform(0.98, 1.02, size=n)
spectra = {
    "spread evenly over the decades": np.geomspace(1, 1000, n),
    "spread evenly": np.linspace(1, 1000, n),
    "five clusters, ± 2 %": np.clip(np.repeat([1, 6, 30, 180, 1000], n // 5) * noise, 1, 1000),
    "five distinct values": np.repeat([1.0, 6, 30, 180, 1000], n // 5),
}
b = rng.normal(size=n)
residuals = {name: residual_norms(with_eigenvalues(e), b, 1e-8, 400) for name, e in spectra.items()}

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for (name, norms), tint in zip(residuals.items(), ("wrong", "momentum", "adam", "right"), strict=True):
    ax.semilogy(norms / norms[0], color=plots.color(tint), label=f"{name}: {len(norms) - 1} steps")
ax.axvline(n, color="0.5", linestyle=":")
ax.text(n - 3, 5, "n", color="0.35", ha="right")
ax.set(xlabel="step $k$", ylabel=r"residual $\Vert r_k\Vert\,/\,\Vert b\Vert$",
       title="Same size, same κ: what counts is where the eigenvalues lie")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
plt.show()

# %% [markdown]
# **Takeaway.** κ is the worst case, not the whole story.
# Few distinct eigenvalues: as many steps (five bring the residual to about $10^{-8}$ here; the sixth step clears away rounding).
# Clusters: some steps for each cluster. Preconditioners are made to produce that.

# %% [markdown]
# ### The bound, measured in the A-norm
#
# Eigenvalues evenly over [1, 100], 200 unknowns. The derivation gives a line that the error cannot cross; how much is there to spare?

# %%
kappa, n_steps = 100.0, 60
A = with_eigenvalues(np.linspace(1, kappa, n))
b = rng.normal(size=n)
x_star = np.linalg.solve(A, b)


def a_norms(errors):
    return np.sqrt(np.einsum("ki,ij,kj->k", errors, A, errors))


k = np.arange(n_steps + 1)
size = a_norms(x_star[None])[0]
cg_error = a_norms(iterates(A, b, n_steps) - x_star) / size
sd_error = a_norms(steepest_descent(A, b, n_steps) - x_star) / size
cg_bound = 2 * ((np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)) ** k
sd_bound = ((kappa - 1) / (kappa + 1)) ** k

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.semilogy(k, sd_bound, "--", color=plots.color("gd"), label=r"its bound, $\left(\frac{\kappa-1}{\kappa+1}\right)^k$")
ax.semilogy(k, sd_error, color=plots.color("gd"), label="steepest descent")
ax.semilogy(k, cg_bound, "--", color=plots.color("cg"), label=r"its bound, $2\left(\frac{\sqrt{\kappa}-1}{\sqrt{\kappa}+1}\right)^k$")
ax.semilogy(k, cg_error, color=plots.color("cg"), label="CG")
ax.set(xlabel="step $k$", ylabel=r"error $\Vert x^*-x_k\Vert_A\,/\,\Vert x^*\Vert_A$", title="κ = 100: CG pays √κ where steepest descent pays κ")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
assert np.all(cg_error <= cg_bound)
assert np.all(sd_error <= sd_bound)
for kappa in (10, 100, 1000):
    A = with_eigenvalues(np.linspace(1, kappa, n))
    one = len(residual_norms(A, b, 1e-3, 1000)) - 1
    residual, other = b, 0
    while np.linalg.norm(residual) > 1e-3 * np.linalg.norm(b):
        residual = residual - A @ conjugate_gradient(A, residual, 1e-14, 1)[0]
        other += 1
    print(f"κ = {kappa:<4}: residual down to 1/1000 after {one:>2} steps of CG, {other:>4} of steepest descent")

# %% [markdown]
# **Takeaway.** Both bounds hold, and they are pessimistic: they know two eigenvalues, CG feels all of them.

# %% [markdown]
# ### Quasi-Newton walks the same path
#
# BFGS with exact line search, started from $B_0=I$, on a quadratic. It builds an approximate Hessian $B$ (question 14); CG keeps one vector.
# Will the points differ?

# %%
A = with_eigenvalues(np.geomspace(1, 50, 8))
b = rng.normal(size=8)
B, x, path = np.eye(8), np.zeros(8), [np.zeros(8)]
for _ in range(8):
    gradient = A @ x - b
    p = np.linalg.solve(B, -gradient)
    s = -(p @ gradient) / (p @ A @ p) * p
    y = A @ s
    B = B + np.outer(y, y) / (y @ s) - np.outer(B @ s, B @ s) / (s @ B @ s)
    x = x + s
    path.append(x)
apart = abs(np.array(path) - iterates(A, b, 8)).max()
print("largest distance between the two paths below 1e-8:", bool(apart < 1e-8))
print("after 8 steps B equals A to 1e-6:                 ", bool(abs(B - A).max() < 1e-6))

# %% [markdown]
# **Takeaway.** Same points, for a quadratic and exact searches.
# BFGS holds $n^2$ numbers for it. They pay when $f$ is not quadratic and searches are rough.

# %% [markdown]
# ## Folklore on trial
#
# ### "It ends in at most n steps"
#
# In exact arithmetic, yes. Let us *have* exact arithmetic: Python's fractions.
# The Hilbert matrix $1/(i+j+1)$ is the classic bad case; for $n=10$ its κ is about $10^{13}$.
# Below are conjugate directions the long way, by Gram and Schmidt on $b, Ab, A^2b,\dots$

# %%
n = 10
exact_A = [[Fraction(1, i + j + 1) for j in range(n)] for i in range(n)]


def dot(u, v):
    return sum(s * t for s, t in zip(u, v, strict=True))


residual = vector = [Fraction(1)] * n
directions, exact = [], [dot(residual, residual)]
while exact[-1] != 0 and len(exact) < 30:
    p = vector
    for q, Aq in directions:
        share = dot(vector, Aq) / dot(q, Aq)
        p = [s - share * t for s, t in zip(p, q, strict=True)]
    Ap = [dot(row, p) for row in exact_A]
    alpha = dot(p, residual) / dot(p, Ap)
    residual = [s - alpha * t for s, t in zip(residual, Ap, strict=True)]
    directions.append((p, Ap))
    vector = Ap
    exact.append(dot(residual, residual))
exact = np.sqrt(np.array(exact, dtype=float) / float(exact[0]))
print(f"exact residual after 9 steps:  {exact[9]:.2g} of the first one")
print(f"exact residual after 10 steps: {exact[10]:.2g}")

# %% [markdown]
# To the last digit: zero. Now the same matrix, and four kinder ones, in float64.
# Draw the true residual $b-Ax_k$, not the one that the recursion carries along.

# %%
hilbert = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)
problems = {
    "3 distinct eigenvalues, κ = 1000": with_eigenvalues(np.repeat([1.0, 30, 1000], [3, 3, 4])),
    "κ = 10": with_eigenvalues(np.geomspace(1, 10, n)),
    "κ = 1000": with_eigenvalues(np.geomspace(1, 1e3, n)),
    "κ = 10⁶": with_eigenvalues(np.geomspace(1, 1e6, n)),
    "Hilbert, κ ≈ 10¹³": hilbert,
}
b = np.ones(n)
true = {}
for name, M in problems.items():
    x_k = np.array([conjugate_gradient(M, b, 1e-10, k)[0] for k in range(31)])
    true[name] = np.linalg.norm(b - x_k @ M, axis=1) / np.linalg.norm(b)

fig, ax = plt.subplots(figsize=(8.6, 4.2), layout="constrained")
for (name, values), tint in zip(true.items(), ("right", "adam", "momentum", "newton", "wrong"), strict=True):
    end = np.argmax(values <= 1e-8) if values.min() <= 1e-8 else 30
    ax.semilogy(values[: end + 1], "o-", markersize=3.5, color=plots.color(tint), label=name)
ax.semilogy(np.maximum(exact, 1e-17)[:10], "--", color="0.4", label="Hilbert, exact fractions\n(0 after step 10)")
ax.axvline(n, color="0.5", linestyle=":")
ax.text(n + 0.3, 3e-16, "n", color="0.35")
ax.axhline(1e-8, color="0.5", linestyle=":")
ax.text(30, 2e-8, "done", color="0.35", ha="right")
ax.set(xlabel="step $k$", ylabel=r"true residual $\Vert b-Ax_k\Vert\,/\,\Vert b\Vert$", ylim=(1e-16, 1e5),
       title="Ten unknowns: exact arithmetic stops at ten, rounding does not")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
plt.show()

# %%
done = {name: bool(values[: n + 1].min() <= 1e-8) for name, values in true.items()}
three = true["3 distinct eigenvalues, κ = 1000"]
print("three distinct eigenvalues, done after 3 steps:", bool(three[3] <= 1e-8), "- after 2:", bool(three[2] <= 1e-8))

ruling = trial(
    "CG ends in at most n steps (n = 10, residual down to 1e-8)",
    {"Hilbert, exact fractions": exact[n] == 0} | {f"{name}, float64": kept for name, kept in done.items()},
    only_if="arithmetic is exact, or κ small or the distinct eigenvalues few",
)
assert ruling == "holds only if arithmetic is exact, or κ small or the distinct eigenvalues few"
ruling

# %% [markdown]
# Rounding makes the directions lose their conjugacy, and CG does part of the work again.
# It also parts the residual that the recursion carries from the true one: at the end, compute $b-Ax$ once.
# Say instead: *exactly, at most as many steps as distinct eigenvalues; in practice it is an iterative method, and I stop by the residual*.
#
# That is why the default of `n` steps in our contract is a textbook default.
# Libraries allow more: SciPy's `cg` takes up to `10 n`.

# %% [markdown]
# ### "CG is a second-order method, so it needs the Hessian"
#
# Ridge regression with 1000 weights and 200 samples. The Hessian would have a million entries.
# Here `A` is no matrix, only a function that subtracts two gradients: $\nabla f(p)-\nabla f(0)=Ap$.

# %%
X = rng.normal(size=(200, 1000))
labels = rng.normal(size=200)


def ridge_gradient(theta):
    return X.T @ (X @ theta - labels) / 200 + 0.1 * theta


class GradientDifference:
    """Looks like a matrix to `A @ p`; it knows nothing but the gradient."""

    shape, __array_priority__ = (1000, 1000), 1000
    products = 0

    def __matmul__(self, p):
        self.products += 1
        theta = np.ravel(p)
        return (ridge_gradient(theta) - ridge_gradient(0 * theta)).reshape(np.shape(p))

    __rmatmul__ = dot = matvec = __matmul__  # it is symmetric

    def __array__(self, dtype=None, copy=None):  # for an answer that insists on the entries: a product for each column
        return np.stack([self @ column for column in np.eye(1000)])


operator = GradientDifference()
theta, norms = conjugate_gradient(operator, -ridge_gradient(np.zeros(1000)), 1e-8)
ridge_left = np.linalg.norm(ridge_gradient(theta)) / np.linalg.norm(ridge_gradient(0 * theta))
print(f"{len(norms) - 1} steps, {operator.products} products; gradient below 1e-7 of the first:", bool(ridge_left < 1e-7))

# %% [markdown]
# About one product per step (1000 at once if your answer asked for the entries of `A`).
# The Hessian was never formed.
#
# And a function that is not quadratic: Rosenbrock's valley.
# Nonlinear CG puts $-\nabla f$ for $r$, a line search for α, and Polak and Ribière's $\beta=\max\big(0,\;g_+^\top(g_+-g)/g^\top g\big)$.

# %%
def rosenbrock(z):
    return (1 - z[0]) ** 2 + 100 * (z[1] - z[0] ** 2) ** 2


def rosenbrock_gradient(z):
    return np.array([-2 * (1 - z[0]) - 400 * z[0] * (z[1] - z[0] ** 2), 200 * (z[1] - z[0] ** 2)])


def line_search(z, p, step):
    """Bisect until f has fallen enough and a tenth of the slope at most is left."""
    low, high, start = 0.0, None, rosenbrock_gradient(z) @ p
    for _ in range(60):
        slope = rosenbrock_gradient(z + step * p) @ p
        if slope > 0 or rosenbrock(z + step * p) > rosenbrock(z) + 1e-4 * step * start:
            high = step
        elif slope < 0.1 * start:
            low = step
        else:
            break
        step = 2 * step if high is None else (low + high) / 2
    return step


z, step = np.array([-1.2, 1.0]), 1.0
g = rosenbrock_gradient(z)
p, steps = -g, 0
while np.linalg.norm(g) >= 1e-6 and steps < 1000:
    steps += 1
    if g @ p >= 0:
        p = -g  # not downhill: restart
    step = line_search(z, p, step)
    z = z + step * p
    new = rosenbrock_gradient(z)
    p, g = -new + max(0.0, new @ (new - g) / (g @ g)) * p, new
nonlinear_error = np.linalg.norm(z - 1)
print(f"distance to the minimum (1, 1) below 1e-5: {bool(nonlinear_error < 1e-5)}, in fewer than 100 steps: {steps < 100}")

# %%
ruling = trial(
    "CG needs the Hessian",
    {
        "linear CG fails when A is known by its products only": not ridge_left < 1e-7,
        "nonlinear CG fails on Rosenbrock with gradients only": not nonlinear_error < 1e-5,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# Say instead: *CG uses curvature, but only as products $Ap$, one per step; nonlinear CG uses gradients alone*.
# Whether you call that second-order is a matter of words. Newton solves with the Hessian; CG never sees it.

# %% [markdown]
# ### "The residual falls in every step"
#
# CG minimises the error in the A-norm. What do the other two norms do on the way?

# %%
kappas = (3, 10, 100, 1000)
shown, largest, error_rises = {}, {}, 0
for kappa in kappas:
    A = with_eigenvalues(np.geomspace(1, kappa, 40), seed=7)
    factors = []
    for seed in range(10):
        b = np.random.default_rng(seed).normal(size=40)
        norms = residual_norms(A, b, 1e-6, 40)
        factors.append((norms[1:] / norms[:-1]).max())
        errors = iterates(A, b, len(norms) - 1) - np.linalg.solve(A, b)
        a_norm, length = a_norms(errors), np.linalg.norm(errors, axis=1)
        error_rises += int(np.sum(a_norm[1:] > a_norm[:-1]) + np.sum(length[1:] > length[:-1]))
    largest[kappa] = max(factors)
    shown = {"residual ‖b − Axₖ‖": norms / norms[0], "error ‖x* − xₖ‖": length / length[0], "error in the A-norm": a_norm / a_norm[0]}

fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for (name, values), tint in zip(shown.items(), ("wrong", "adam", "right"), strict=True):
    ax.semilogy(values, "o-", markersize=3.5, color=plots.color(tint), label=name)
ax.set(xlabel="step $k$", ylabel="share of the first value", title="κ = 1000: the residual jumps while both errors fall")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# For small κ it cannot rise.
# A CG step is at least as good in the A-norm as a steepest descent step from the same point, a factor $\frac{\kappa-1}{\kappa+1}$.
# And $\lambda_{\min}\lVert e\rVert_A^2\le\lVert r\rVert^2\le\lambda_{\max}\lVert e\rVert_A^2$, so $\lVert r_{k+1}\rVert\le\sqrt\kappa\,\frac{\kappa-1}{\kappa+1}\lVert r_k\rVert$.
# At κ = 3 that factor is 0.87.

# %%
for kappa in kappas:
    factor = f"{largest[kappa]:.1f}" if largest[kappa] < 1 else "more than 1.5" if largest[kappa] > 1.5 else "about 1"
    print(f"κ = {kappa:<4}: the largest factor ‖rₖ₊₁‖ / ‖rₖ‖ for 10 right-hand sides is {factor}")
print("steps in which an error rose, in the A-norm or the Euclidean one:", error_rises)

ruling = trial(
    "the residual norm falls in every step of CG",
    {f"κ = {kappa}": largest[kappa] < 1 for kappa in kappas},
    only_if="κ is small (κ = 3 suffices for certain)",
)
assert error_rises == 0
assert ruling == "holds only if κ is small (κ = 3 suffices for certain)"
ruling

# %% [markdown]
# So in general it does not fall, and a rise is no sign of a bug.
# Say instead: *the error falls in every step, in the A-norm by construction, in the Euclidean norm too; the residual may jump*.
# MINRES is the method that minimises the residual.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Solving A x = b with A positive definite is minimising a quadratic, and the residual is minus the gradient.
# CG goes along directions that are orthogonal through A, so an exact search along each never has to be repeated, and n of them are enough.
# α is rᵀr over pᵀAp, the new direction is the new residual plus β times the old direction, β is the new rᵀr over the old.
# It costs one product with A per step; with rounding I treat it as iterative and stop by the residual."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $f$, its gradient $-r$, and $\alpha=p^\top r/p^\top Ap$ from a zero slope.
# - Show $p_0^\top r_2=-\alpha_1p_0^\top Ap_1$: that one line is the reason for conjugacy.
# - Gram–Schmidt on the residuals, and only the last term survives, because $Ap_j$ is a difference of two residuals and residuals are orthogonal.
# - Write the loop: one product, two inner products, three vector updates; four vectors of memory.
# - $x_k$ is the best point of the Krylov space in the A-norm, so $m$ distinct eigenvalues mean $m$ steps; the rate has √κ where gradient descent has κ.
# - Say what breaks: rounding (more than $n$ steps when ill-conditioned), an indefinite $A$ ($p^\top Ap\le0$), a residual that may rise.
# - Offer a test: compare with `np.linalg.solve`; check that the residuals are orthogonal; a matrix with three distinct eigenvalues must end in three steps.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What is preconditioning?</summary>
#
# Solve a kinder system with the same solution: with $M=LL^\top\approx A$, run CG on $L^{-1}AL^{-\top}$.
# The code only needs one solve $Mz=r$ per step; then $r^\top z$ takes the place of $r^\top r$, and $p=z+\beta p$.
# The aim is a small κ or few clusters. The diagonal of $A$ is the cheapest choice, incomplete Cholesky a usual one.
# The cell below measures the diagonal.
#
# </details>

# %%
scales = 10.0 ** np.random.default_rng(0).uniform(-1.5, 1.5, size=100)
A = with_eigenvalues(np.linspace(1, 5, 100)) * np.outer(scales, scales)
b = np.ones(100)
D = 1 / np.sqrt(np.diag(A))
plain = len(conjugate_gradient(A, b, 1e-8, 10_000)[1]) - 1
scaled = len(conjugate_gradient(A * np.outer(D, D), D * b, 1e-8, 10_000)[1]) - 1
print(f"100 badly scaled unknowns: more than 100 steps as they are: {plain > 100}; with the diagonal scaled to 1: {scaled}")

# %% [markdown]
# <details><summary>How does nonlinear CG differ? Fletcher–Reeves or Polak–Ribière?</summary>
#
# $g=\nabla f$ takes the place of $-r$, and a line search gives α.
# Fletcher–Reeves: $\beta=g_+^\top g_+/g^\top g$. Polak–Ribière: $\beta=g_+^\top(g_+-g)/g^\top g$.
# On a quadratic with exact searches they are equal, because $g_+^\top g=0$.
# Elsewhere Polak–Ribière restarts by itself: after a tiny step $g_+\approx g$, so β ≈ 0. Fletcher–Reeves then has β ≈ 1 and stays stuck.
# In practice: β = max(0, Polak–Ribière), and a restart when the direction is not downhill.
#
# </details>
#
# <details><summary>Can you use it for least squares, or when A is not symmetric?</summary>
#
# For $\min\lVert Xw-y\rVert$ run it on $X^\top Xw=X^\top y$ and apply $X$, then $X^\top$; never form $X^\top X$. That is CGLS, and LSQR is its stabler form.
# κ is squared on the way.
# Symmetric but indefinite: MINRES. Not symmetric: GMRES or BiCGSTAB, which give up the short recursion or the optimality.
#
# </details>
#
# <details><summary>Cost and memory against Newton, BFGS, L-BFGS?</summary>
#
# For $n$ parameters. Newton: $n^2$ numbers, and about $n^3/3$ operations a step for a Cholesky solve.
# BFGS: $n^2$ numbers and $O(n^2)$ a step. L-BFGS: $2mn$ numbers and about $4mn$ multiplications, $m$ usually 3 to 20.
# CG: four vectors, one product (up to $n^2$, far less when sparse) and $O(n)$ besides.
#
# </details>
#
# <details><summary>Why is it not used to train networks with mini-batches?</summary>
#
# Conjugacy is a relation between steps, and it needs the same $A$ in all of them.
# A new batch is a new quadratic: the old direction is conjugate for the wrong one, and a line search fits the noise.
# With large or full batches it works.
#
# </details>
#
# <details><summary>What is Hessian-free optimisation?</summary>
#
# A Newton method whose system $(H+\lambda I)\,d=-g$ is solved by some steps of CG.
# The products $Hv$ come from automatic differentiation at the price of a few gradients (Pearlmutter 1994), no matrix needed.
# Martens (2010) trained deep autoencoders so, with the Gauss–Newton matrix, because CG needs a positive definite one.
#
# </details>
#
# <details><summary>What if A is only positive semidefinite, or indefinite?</summary>
#
# Semidefinite with $b$ in its range: it works, the null space is never entered.
# Indefinite: $p^\top Ap$ can be zero or negative, and the step goes to a saddle or divides by zero.
# Newton–CG methods test for it and use such a $p$ as a direction of negative curvature.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Conjugate means orthogonal." It means orthogonal through $A$.
# - "CG is a quasi-Newton method." It keeps no approximate Hessian.
# - Forming $A^{-1}$, or multiplying by $A$ twice in a step.
# - β from norms that are not squared, or upside down.
# - "n steps, always", without a word on rounding or eigenvalues.
# - Running it on a matrix that is not symmetric positive definite.

# %% [markdown]
# ## References
#
# - M. R. Hestenes, E. Stiefel. *Methods of Conjugate Gradients for Solving Linear Systems.* Journal of Research of the National Bureau of Standards 49(6), 1952: the method, and the fall of both errors.
# - J. R. Shewchuk. *An Introduction to the Conjugate Gradient Method Without the Agonizing Pain.* 1994: the geometry, step by step.
# - J. Nocedal, S. J. Wright. *Numerical Optimization*, 2nd ed., 2006, chapter 5: linear and nonlinear CG; chapters 6–7: BFGS, L-BFGS.
# - R. Fletcher, C. M. Reeves. *Function Minimization by Conjugate Gradients.* The Computer Journal 7, 1964.
# - B. A. Pearlmutter. *Fast Exact Multiplication by the Hessian.* Neural Computation 6, 1994.
# - J. Martens. *Deep Learning via Hessian-Free Optimization.* ICML 2010.
