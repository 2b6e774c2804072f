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
# CG minimises the error in this **A-norm**.

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
# An $x$ in it is $x=q(A)\,b$, with a polynomial $q$ of degree below $k$. With $b=Ax^*$ its error is $x^*-x=P(A)\,x^*$, where $P(\lambda)=1-\lambda q(\lambda)$: any polynomial of degree at most $k$ with $P(0)=1$.
# Because $x_k$ is the best point in $\mathcal K_k$,
#
# $$
# \lVert x^*-x_k\rVert_A\;\le\;\min_{\deg P\le k,\;P(0)=1}\;\max_i|P(\lambda_i)|\;\lVert x^*\rVert_A . \tag{2}
# $$
#
# CG picks the best polynomial without ever knowing the eigenvalues.
# With $m$ distinct eigenvalues, $P(\lambda)=\prod_{i=1}^m(1-\lambda/\lambda_i)$ has degree $m$ and is zero at each of them: **$m$ steps are enough**.
# Knowing only $\lambda_{\min}$ and $\lambda_{\max}$, the best choice gives
#
# $$
# \boxed{\;\lVert x^*-x_k\rVert_A\;\le\;2\left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^{k}\lVert x^*\rVert_A\;}
# $$
#
# Steepest descent with exact line search has $\kappa$ in place of $\sqrt\kappa$ (and no 2).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()

# %% [markdown] tags=["deeper"]
# ### Deeper: the rate, by Chebyshev polynomials
#
# Which polynomial with $P(0)=1$ is smallest on a whole interval? $T_k(\cos t)=\cos kt$ is a polynomial of degree $k$ with $|T_k|\le1$ on $[-1,1]$ that grows as fast as possible outside. Shift it to $[\lambda_{\min},\lambda_{\max}]$ and put it into (2):
#
# $$
# P(\lambda)=\frac{T_k\!\left(\frac{\lambda_{\max}+\lambda_{\min}-2\lambda}{\lambda_{\max}-\lambda_{\min}}\right)}{T_k(z)},
# \qquad
# z=\frac{\kappa+1}{\kappa-1}.
# $$
#
# $P(0)=1$, and on the eigenvalues $|P|\le1/T_k(z)$.
# From $T_k(\cosh t)=\cosh kt$ with $z=\cosh t$ and $w=e^t=z+\sqrt{z^2-1}$ we get $T_k(z)=\frac12\big(w^k+w^{-k}\big)\ge\frac12w^k$. Here
#
# $$
# z^2-1=\frac{4\kappa}{(\kappa-1)^2},
# \qquad
# w=\frac{\kappa+1+2\sqrt\kappa}{\kappa-1}=\frac{\sqrt\kappa+1}{\sqrt\kappa-1}.
# $$

# %% [markdown]
# ## Your turn
#
# `A (n, n)` is symmetric positive definite, `b (n,)`. Start at `x = 0`.
# Stop as soon as $\lVert r\rVert\le\text{tol}\cdot\lVert b\rVert$, and after `max_steps` steps at the latest (`n` when it is None).
# Return `x` and `residual_norms`, where `residual_norms[k]` is $\lVert r_k\rVert$; so the first entry is $\lVert b\rVert$.

# %%
def conjugate_gradient(A, b, tol=1e-10, max_steps=None):
    """A (n, n) s.p.d., b (n,) -> (x (n,), residual_norms (steps + 1,)); the arguments are not changed.

    x starts at zeros. Stops when ‖r‖ <= tol ‖b‖, tested before each step, or after max_steps (None: n); b = 0 takes none.
    residual_norms[k] is ‖r‖ after k steps, the recursion's own r.
    """
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

# %% tags=["hide-input"]
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
               minimum=target, xlabel="$x_1$", ylabel="$x_2$")
plt.show()

# %% [markdown]
# **Takeaway.** The first step is the same.
# The second direction is the new residual plus β times the old direction, and it hits the centre.
# Steepest descent crosses that line again and again.

# %% [markdown]
# ### See the two orthogonalities
#
# A step $x_{k+1}-x_k$ is a multiple of $p_k$, and $r_k=b-Ax_k$. So your points tell all directions and residuals.
# Here are the cosines between all pairs, 10 unknowns, κ = 30. Which of the three pictures will be white off the diagonal?

# %% tags=["hide-input"]
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
fig.suptitle("Directions are orthogonal only through A; residuals are plainly orthogonal", x=0.01, ha="left")
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
# Four matrices, 200 × 200, all with κ = 1000. They differ only in the eigenvalues between 1 and 1000.
# Put them in order before you look.

# %% tags=["hide-input"]
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

# %% [markdown] tags=["deeper"]
# ### Deeper: the bound, measured in the A-norm
#
# Eigenvalues evenly over [1, 100], 200 unknowns. The derivation gives a line that the error cannot cross; how much is there to spare?

# %% tags=["deeper", "hide-input"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** Both bounds hold, and they are pessimistic: they know two eigenvalues, CG adapts to all of them.

# %% [markdown] tags=["deeper"]
# ### Deeper: quasi-Newton walks the same path
#
# BFGS with exact line search, started from $B_0=I$, on a quadratic. It builds an approximate Hessian $B$ (question 14); CG keeps one vector.
# Will the points differ?

# %% tags=["deeper"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** Same points, for a quadratic and exact searches.
# BFGS holds $n^2$ numbers for it. They pay when $f$ is not quadratic and searches are rough.

# %% [markdown]
# ## Folklore on trial
#
# ### "It ends in at most n steps"
#
# In exact arithmetic, yes. In float64? Take $n$ steps for $n$ unknowns and compute the true residual $b-Ax_n$. Is it below $10^{-8}$ of $b$? Below $10^{-7}$?
# Spectra: spread over the decades from 1 to κ, or three distinct values.

# %%
def ends_in_n(n, kappa, spectrum, seed):
    eigenvalues = np.geomspace(1, kappa, n) if spectrum == "spread" else np.array([1.0, np.sqrt(kappa), kappa])[np.arange(n) % 3]
    A = with_eigenvalues(eigenvalues, seed)
    b = np.random.default_rng(seed).normal(size=n)
    x, _ = conjugate_gradient(A, b, 1e-12, n)
    left = np.linalg.norm(b - A @ x) / np.linalg.norm(b)
    return bool(left < 1e-8), bool(left < 1e-7)


trial(
    "conjugate gradient ends in at most n steps, in float64",
    ends_in_n,
    over=settings(n=[20, 60], kappa=[6.0, 1e3, 1e6], spectrum=["spread", "three values"], seed=[0, 1]),
    held_out=settings(n=[30, 80], kappa=[3.0, 10.0, 90.0, 1e4, 1e5, 1e7], spectrum=["spread", "three values"], seed=[2, 3]),
    only_if=("√κ is below n/8, or the distinct eigenvalues are few", lambda n, kappa, spectrum: np.sqrt(kappa) < n / 8 or spectrum == "three values"),
    expect="holds only if √κ is below n/8, or the distinct eigenvalues are few",
)

# %% [markdown]
# Where √κ is small beside $n$, CG has *converged* before step $n$, by the rate of the idea; it need not end.
# Elsewhere rounding makes the directions lose their conjugacy, and CG does part of the work again.
# The residual that the recursion carries also drifts away from the true one: at the end, compute $b-Ax$ once.
# Say: *exactly, at most as many steps as distinct eigenvalues; in practice it is an iterative method, and I stop by the residual*.
# (So `n` as the default of `max_steps` is a textbook default. SciPy's `cg` takes up to `10 n`.)
#
# ### "The residual falls in every step"
#
# CG minimises the error in the A-norm. The residual?
# A CG step is at least as good in the A-norm as a steepest descent step from the same point, a factor $\frac{\kappa-1}{\kappa+1}$,
# and $\lambda_{\min}\lVert e\rVert_A^2\le\lVert r\rVert^2\le\lambda_{\max}\lVert e\rVert_A^2$. So $\lVert r_{k+1}\rVert\le\sqrt\kappa\,\frac{\kappa-1}{\kappa+1}\lVert r_k\rVert$, and where that factor is below 1 the residual cannot rise. And elsewhere?

# %%
def residual_falls(kappa, seed):
    """Down to 1e-6 of b, 40 unknowns, 5 right-hand sides."""
    A = with_eigenvalues(np.geomspace(1, kappa, 40), seed)
    several = np.random.default_rng(seed).normal(size=(5, 40))
    return all(bool(np.all(np.diff(residual_norms(A, b, 1e-6, 200)) < 0)) for b in several)


trial(
    "the residual norm falls in every step of CG",
    residual_falls,
    over=settings(kappa=[2.0, 100.0, 1000.0], seed=[0, 1]),
    held_out=settings(kappa=[1.5, 2.5, 3.0, 150.0, 500.0, 5000.0], seed=[2, 3]),
    only_if=("κ is so small that √κ(κ − 1)/(κ + 1) < 1", lambda kappa: np.sqrt(kappa) * (kappa - 1) / (kappa + 1) < 1),
    expect="holds only if κ is so small that √κ(κ − 1)/(κ + 1) < 1",
)

# %% [markdown]
# No κ between 3 and 100 was tried, so the trial does not say where the residual begins to rise: the condition is sufficient, and perhaps not sharp.
# A rise is no sign of a bug.
# Say: *the error falls in every step, in the A-norm by construction, in the Euclidean norm too (Hestenes & Stiefel 1952); the residual may jump*.
# MINRES is the method that minimises the residual.
#
# ### "CG is a second-order method, so it needs the Hessian"
#
# A matter of words, so no trial: it uses curvature, but only as one product $Ap$ per step. Such a product is a difference of two gradients of a quadratic, or $Hv$ by automatic differentiation. Newton solves with the Hessian; CG never forms it, and nonlinear CG uses gradients alone.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Solving A x equals b, with A positive definite, is minimising a quadratic; the residual is minus the gradient.
# CG searches along directions that are orthogonal through A, so no search is repeated: n steps are enough, or as many as there are distinct eigenvalues.
# The next direction needs only the last one, so a step costs one product with A.
# With rounding I treat it as iterative. Shall I derive beta?"
#
# ### 三十秒回答
#
# "A 对称正定时,解 Ax=b 就是最小化一个二次函数,残差就是负梯度。
# 共轭梯度沿关于 A 正交的方向逐个精确搜索,走过的方向不必再走,所以精确运算下最多 n 步;有几个不同的特征值,就最多走几步。
# 新方向只用到上一个方向,每步只需一次 A 乘向量。
# 有舍入误差时当迭代法用,看残差停。"

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
# Solve a better conditioned system that gives the same solution: with $M=LL^\top\approx A$, run CG on $L^{-1}AL^{-\top}$.
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
# A Newton method whose system $(H+\tau I)\,d=-g$ is solved by some steps of CG.
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
