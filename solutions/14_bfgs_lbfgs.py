# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 14 · Quasi-Newton methods: BFGS and L-BFGS
#
# *拟牛顿法、BFGS 与 L-BFGS 的原理?*

# %% [markdown]
# ## Question
#
# "Newton's method needs the inverse Hessian. How do BFGS and L-BFGS do without it?
# Write BFGS's update of the inverse and L-BFGS's two-loop recursion.
# When may the update go wrong, and what does each method cost?"
#
# "牛顿法需要 Hessian 的逆。BFGS 和 L-BFGS 如何避免它?请写出 BFGS 的逆矩阵更新和 L-BFGS 的双循环递归。更新什么时候会出错?代价各是多少?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Secant equation.** $Hy=s$, with $s$ the step and $y$ the change of the gradient; where it comes from.
# - **Curvature.** $s^\top y>0$, or no positive definite $H$ exists. Wolfe's condition ensures it; otherwise skip.
# - **Why this update.** Of all symmetric $H$ with $Hy=s$, the one nearest to the old $H$.
# - **Two loops.** Newest to oldest, scale, oldest to newest. No matrix is formed.
# - **Cost.** $O(d^2)$ against $O(md)$, in memory and time, and not $O(d^3)$ by careless products.

# %% [markdown]
# ## The idea
#
# At $x$ with gradient $g$, Newton's step is $-\nabla^2f(x)^{-1}g$.
# A quasi-Newton method takes $p=-Hg$, where $H$ approximates the *inverse* Hessian (the literature's letter; elsewhere in this chapter $H$ is the Hessian) and is built from gradients that were computed anyway.
# After a step write $s=x_+-x$ and $y=g_+-g$.
#
# ### One dimension: the secant method
#
# Replace $f''$ in Newton's step by the slope of the secant of $f'$ through the last two points, $y/s$:
#
# $$
# x_+=x-\frac{s}{y}\,f'(x).
# $$
#
# That is the secant method, and $H=s/y$ is the only number with $Hy=s$. Its errors obey $e_{k+1}\approx C\,e_k\,e_{k-1}$, so the order is the golden ratio, 1.618: better than linear, worse than Newton's 2, and no second derivative.
# In $d$ dimensions one pair $(s,y)$ no longer fixes $H$. The rest of this page is about what to do with the freedom.
#
# ### The secant equation
#
# The gradient changes along the step at the rate $\nabla^2f(x+ts)\,s$. Integrate over $t$ from 0 to 1:
#
# $$
# y=\bar B\,s,\qquad \bar B=\int_0^1\nabla^2f(x+ts)\,dt .
# $$
#
# The *averaged* Hessian takes $s$ to $y$. (For a vector there is in general no single point in between that would do.)
# So we ask the same of the new approximations $B_+\approx\nabla^2f$ and $H_+=B_+^{-1}$: $B_+s=y$, that is $\boxed{H_+y=s}$.

# %% [markdown]
# ### Why $s^\top y>0$ is needed
#
# Multiply by $y^\top$: $\;y^\top H_+y=y^\top s$. The left side is positive for every positive definite $H_+$.
# So $s^\top y\le0$ leaves no positive definite choice.
# And we want one: then $g^\top p=-g^\top Hg<0$, so $p$ goes downhill.
#
# Wolfe's curvature condition asks that the slope along $p$ has risen: $g_+^\top p\ge c_2\,g^\top p$ with $0<c_2<1$.
# For a step $s=tp$, $t>0$:
#
# $$
# s^\top y=t\,(g_+^\top p-g^\top p)\ge t\,(c_2-1)\,g^\top p>0,
# $$
#
# since $c_2-1<0$ and $g^\top p<0$. Armijo's condition (enough descent) does not give this.

# %% [markdown]
# ### The update: the smallest change
#
# $H_+=H_+^\top$ and $H_+y=s$ leave many choices. BFGS takes the one nearest to $H$, in a norm in which units drop out (the deeper part derives it). With $\rho=1/s^\top y$:
#
# $$
# \boxed{\;H_+=(I-\rho\,sy^\top)\,H\,(I-\rho\,ys^\top)+\rho\,ss^\top\;}
# $$
#
# Two checks by hand.
#
# - **Secant**: $(I-\rho\,ys^\top)y=y-\rho\,(s^\top y)\,y=0$, so $H_+y=\rho\,s\,(s^\top y)=s$.
# - **Positive definite**: with $w=v-\rho\,(s^\top v)\,y$ we get $v^\top H_+v=w^\top Hw+\rho\,(s^\top v)^2\ge0$.
#   It is 0 only if $w=0$ and $s^\top v=0$; but then $v=w=0$.
#
# Multiplied out, with $z=Hy$:
#
# $$
# H_+=H+u\,s^\top+s\,u^\top,
# \qquad
# u=\rho\,\big(\tfrac12(1+\rho\,y^\top z)\,s-z\big) .
# $$
#
# One product of matrix and vector, one outer product and its transpose: $O(d^2)$.
# The boxed form, typed as products of matrices, is $O(d^3)$.

# %% [markdown]
# ### The two loops: unroll $H\,q$
#
# L-BFGS keeps $m$ pairs $(s_i,y_i)$ and no matrix. Let $H_{i+1}$ be $H_i$ updated with pair $i$. For any vector $q$
#
# $$
# H_{i+1}\,q=(I-\rho_i s_iy_i^\top)\;H_i\;\underbrace{(I-\rho_i y_is_i^\top)\,q}_{q'}+\rho_i s_i\,s_i^\top q .
# $$
#
# Name the number $\alpha_i=\rho_i\,s_i^\top q$. Then
#
# $$
# q'=q-\alpha_iy_i,
# \qquad
# r=H_iq'\;\;\text{(the same task, one pair fewer)},
# \qquad
# \beta_i=\rho_i\,y_i^\top r,
# $$
#
# $$
# H_{i+1}\,q=r-\rho_i\,s_i\,y_i^\top r+\alpha_is_i=r+(\alpha_i-\beta_i)\,s_i .
# $$
#
# On the way down the newest pair comes first: **loop 1, newest to oldest**, $q\leftarrow q-\alpha_iy_i$.
# At the bottom $r=H_0q$ with $H_0=\gamma I$.
# On the way up the oldest comes first: **loop 2, oldest to newest**, $r\leftarrow r+(\alpha_i-\beta_i)s_i$.

# %% [markdown]
# **Which γ?** On the newest pair, ask for $\gamma y\approx s$ and minimise $\lVert\gamma y-s\rVert^2$:
# $\;2y^\top(\gamma y-s)=0$ gives $\gamma=s^\top y/y^\top y$.
# It sets the length of the step, so that $t=1$ is usually accepted.
#
# The count: four vector operations of length $d$ per pair, so about $4md$ multiplications, and $2md$ numbers to keep.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, settings, trial

plots.style()

# %% [markdown] tags=["deeper"]
# ### Deeper: why this is the smallest change
#
# $H_+=H_+^\top$ and $H_+y=s$ leave many choices. Take the one nearest to $H$, in a norm in which units drop out.
# Let $W$ be symmetric positive definite with $Ws=y$; one exists, because $s^\top y>0$. Minimise
#
# $$
# \lVert H_+-H\rVert_W=\big\lVert W^{1/2}(H_+-H)\,W^{1/2}\big\rVert_F .
# $$
#
# **Change coordinates**: $\hat H=W^{1/2}HW^{1/2}$, $\hat H_+=W^{1/2}H_+W^{1/2}$, and $u=W^{1/2}s$.
# From $y=Ws$ follows $W^{-1/2}y=W^{1/2}s=u$. The secant equation becomes
#
# $$
# \hat H_+u=W^{1/2}H_+W^{1/2}\,W^{-1/2}y=W^{1/2}H_+y=W^{1/2}s=u .
# $$
#
# So $\hat H_+$ must have $u$ as an eigenvector with eigenvalue 1.
#
# **Minimise**: take an orthonormal basis that starts with $u/\lVert u\rVert$.
# There the first column of $\hat H_+$ is $(1,0,\dots,0)^\top$, by symmetry so is its first row, and the other entries are free.
# A Frobenius norm is a sum over entries, so the best free entries are those of $\hat H$.
# With the projection $P=I-uu^\top/u^\top u$ this reads
#
# $$
# \hat H_+=P\hat HP+\frac{uu^\top}{u^\top u} .
# $$
#
# **Change back**: $H_+=W^{-1/2}\hat H_+W^{-1/2}$. The pieces, with $\rho=1/s^\top y$:
#
# $$
# u^\top u=s^\top Ws=s^\top y=\tfrac1\rho,
# \qquad
# W^{-1/2}u=s,
# \qquad
# u^\top W^{1/2}=s^\top W=y^\top,
# $$
#
# $$
# W^{-1/2}PW^{1/2}=I-\rho\,W^{-1/2}u\,u^\top W^{1/2}=I-\rho\,sy^\top,
# \qquad
# W^{1/2}PW^{-1/2}=I-\rho\,ys^\top .
# $$
#
# Put $\hat H=W^{1/2}HW^{1/2}$ between the two, and $W$ is gone:
#
# $$
# \boxed{\;H_+=(I-\rho\,sy^\top)\,H\,(I-\rho\,ys^\top)+\rho\,ss^\top\;}
# $$

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: BFGS's update of the inverse
#
# `H (d, d)` symmetric, `s (d,)`, `y (d,)`. Return the new `H`.
# When $s^\top y\le10^{-10}\,\lVert s\rVert\lVert y\rVert$, skip: return `H` as it is. Do not write into `H`.

# %%
def bfgs_inverse_update(H, s, y):
    """H (d, d) symmetric, s (d,), y (d,) -> H (d, d), symmetric; the arguments are not changed.

    Skips where s·y <= 1e-10 ‖s‖‖y‖: returns H itself or a copy.
    """
    # BEGIN SOLUTION
    sy = s @ y
    if sy <= 1e-10 * np.linalg.norm(s) * np.linalg.norm(y):
        return H
    Hy = H @ y
    u = ((1 + y @ Hy / sy) / 2 * s - Hy) / sy
    half = np.outer(u, s)
    return H + half + half.T
    # END SOLUTION

# %%
check(bfgs_inverse_update)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: where is the danger?</summary>
#
# In $\rho=1/s^\top y$. Test $s^\top y$ before you divide, against the lengths of both vectors.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: which of the two goes where?</summary>
#
# The result must satisfy $H_+y=s$. So the factor on the right has to send $y$ to zero: it is $I-\rho\,ys^\top$.
# The left factor is its transpose.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `V = np.eye(len(s)) - rho * np.outer(s, y)`, and the result is `V @ H @ V.T + rho * np.outer(s, s)`.
# It passes; then write the form with `H @ y` and outer products, which is faster by a factor of $d$.
#
# </details>

# %% [markdown]
# ### Exercise 2: L-BFGS's direction
#
# `grad (d,)`; `s_history` and `y_history` are lists of vectors, **oldest first**, perhaps empty.
# Return the direction of descent $-Hg$ by the two loops, with $H_0=(s^\top y/y^\top y)\,I$ of the newest pair, or $I$ without pairs.
# No pair is skipped here: whoever fills the lists has seen to that.

# %%
def lbfgs_direction(grad, s_history, y_history):
    """grad (d,), two lists of (d,), oldest first, perhaps empty -> direction of descent -H·grad (d,).

    H starts from (s·y / y·y) I of the newest pair, I without pairs; no pair is skipped; the arguments are not changed.
    """
    # BEGIN SOLUTION
    pairs = list(zip(s_history, y_history, strict=True))
    q, alphas = grad, []
    for s, y in reversed(pairs):
        alpha = (s @ q) / (s @ y)
        q = q - alpha * y
        alphas.append(alpha)
    if pairs:
        s, y = pairs[-1]
        q = q * ((s @ y) / (y @ y))
    for s, y in pairs:
        beta = (y @ q) / (s @ y)
        q = q + (alphas.pop() - beta) * s
    return -q
    # END SOLUTION

# %%
check(lbfgs_direction)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what must the second loop remember?</summary>
#
# One number α per pair. The first loop computes them newest first, the second uses them oldest first: a stack.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the order</summary>
#
# copy the gradient → newest to oldest: α, take $\alpha y$ off → scale → oldest to newest: β, add $(\alpha-\beta)s$ → minus sign.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `for s, y in reversed(pairs): a = (s @ q) / (s @ y); q = q - a * y; alphas.append(a)`.
# Then `q = q * gamma`, and `for s, y in pairs: q = q + (alphas.pop() - (y @ q) / (s @ y)) * s`.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(lbfgs_direction)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run. Around them is a small minimiser.
#
# First a line search. It looks for a $t$ with enough descent (Armijo); with `wolfe`, also with a slope that has risen.
# Too little descent: go back. Still too steep: go further. In between: bisect.

# %%
def line_search(f, grad, x, p, wolfe=True):
    low, high, t = 0.0, np.inf, 1.0
    start, slope = f(x), grad(x) @ p
    for _ in range(60):
        if f(x + t * p) > start + 1e-4 * t * slope:
            high = t
        elif wolfe and grad(x + t * p) @ p < 0.9 * slope:
            low = t
        else:
            break
        t = 2 * low if np.isinf(high) else (low + high) / 2
    return t


def armijo(f, grad, x, p):
    return line_search(f, grad, x, p, wolfe=False)

# %% [markdown]
# Now the three methods in one loop. They differ in one line: the direction.

# %%
def minimise(method, f, grad, x, n_steps=500, memory=10, search=line_search, tol=1e-8):
    """The points (steps + 1, d), the pairs (s, y), and H after each step (BFGS alone)."""
    H, pairs, points, matrices = np.eye(len(x)), [], [x], [np.eye(len(x))]
    g = first = grad(x)
    while len(points) <= n_steps and np.linalg.norm(g) > tol * np.linalg.norm(first):
        if method == "BFGS":
            p = -H @ g
        elif method == "L-BFGS":
            good = [(s, y) for s, y in pairs if s @ y > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y)][-memory:]
            p = np.asarray(lbfgs_direction(g, [s for s, _ in good], [y for _, y in good]))
        else:
            p = -g
        s = search(f, grad, x, p) * p
        x, old = x + s, g
        g = grad(x)
        pairs.append((s, g - old))
        points.append(x)
        if method == "BFGS":
            H = np.asarray(bfgs_inverse_update(H, *pairs[-1]))
            matrices.append(H)
    return np.array(points), pairs, matrices

# %% [markdown]
# ### Rosenbrock's valley
#
# A banana-shaped valley, steep across and nearly flat along. The start is $(-1.2,\,1)$.
# Gradient descent gets a fixed step of 0.001 here, the other two Wolfe's search. How many steps will each need?

# %% tags=["hide-input"]
f, grad, hess = data.rosenbrock()
start = np.array([-1.2, 1.0])
kinds = {"GD": lambda f, grad, x, p: 1e-3, "BFGS": line_search, "L-BFGS": line_search}
runs = {name: minimise(name, f, grad, start, 1500, search=search) for name, search in kinds.items()}
paths = {name: run[0] for name, run in runs.items()}
plots.contours(lambda x, y: f(np.stack([x, y], axis=-1)), (-1.5, 1.5), (-0.5, 1.6), paths,
               "BFGS follows the valley, gradient descent is slow in it", minimum=(1, 1))
plt.show()

# %%
print(f"2/λ_max at the start, a local figure: {2 / np.linalg.eigvalsh(hess(start))[-1]:.4f}")
backtracking = minimise("GD", f, grad, start, 1500, search=armijo)[0]
for name, path in (paths | {"GD with backtracking": backtracking}).items():
    small = np.linalg.norm(grad(path[-1])) <= 1e-8 * np.linalg.norm(grad(start))
    print(f"{name:<21}{len(path) - 1:>5} steps, gradient down to 1e-8 of the first: {small}")

# %% [markdown]
# **Takeaway.** All three make their direction from gradients alone.
# The difference is how many past gradients they use.

# %% [markdown]
# ### An ill-conditioned quadratic
#
# 100 unknowns, κ = 10 000. L-BFGS with 3, 10 and 30 pairs.
# BFGS forgets nothing. Will it be in front from the beginning?

# %% tags=["hide-input"]
A, quad, quad_grad = data.quadratic(1e4, d=100, seed=1)
x0 = np.random.default_rng(0).normal(size=100)
recipes = {"GD": ("GD", 0), "L-BFGS (m = 3)": ("L-BFGS", 3), "L-BFGS (m = 10)": ("L-BFGS", 10),
            "L-BFGS (m = 30)": ("L-BFGS", 30), "BFGS": ("BFGS", 0)}
norms = {}
for name, (method, m) in recipes.items():
    points = minimise(method, quad, quad_grad, x0, 600, memory=m)[0]
    sizes = np.linalg.norm(quad_grad(points), axis=1) / np.linalg.norm(quad_grad(x0))
    norms[name] = np.minimum.accumulate(sizes)

plots.curves(norms, "step", r"smallest $\Vert g_k\Vert\,/\,\Vert g_0\Vert$ so far",
             "κ = 10 000: L-BFGS is ahead early, BFGS overtakes late", logy=True)
plt.show()

# %% [markdown]
# **Takeaway.** Three pairs already leave gradient descent behind; more pairs help further.
# BFGS starts from $H_0=I$ and has to learn 100 directions; L-BFGS sets its scale anew in each step. That is one reason why it is ahead at first.
# Later BFGS has learnt the matrix, and its curve bends down, as superlinear convergence does. The curves of L-BFGS stay roughly straight.

# %%
for d in (1_000, 100_000, 25_000_000):
    print(f"d = {d:>10,}: BFGS {8 * d**2 / 1e9:>9,.9g} GB, L-BFGS with m = 10: {8 * 20 * d / 1e9:.9g} GB")

# %% [markdown]
# **Takeaway.** For the 25 million weights of a ResNet-50, BFGS's matrix would not fit into the memory of any one machine; ten pairs would.

# %% [markdown] tags=["deeper"]
# ### Deeper: what does H know at the end?
#
# Compare the last $H$ of the run in Rosenbrock's valley with the true inverse Hessian at the minimum. Will they agree to eight digits?

# %% tags=["deeper"]
H_end = runs["BFGS"][2][-1]
true_inverse = np.linalg.inv(hess(np.array([1.0, 1.0])))
off = np.linalg.norm(H_end - true_inverse) / np.linalg.norm(true_inverse)
print("BFGS's H: ", H_end.round(2).tolist())
print("the truth:", true_inverse.round(2).tolist())
print(f"relative difference between 1e-6 and 1e-2: {1e-6 < off < 1e-2}")

# %% [markdown] tags=["deeper"]
# Some digits, not all. It is good enough for very fast last steps; what matters is that $H$ is right *along the steps taken*.

# %% [markdown] tags=["deeper"]
# ### Deeper: H against the true inverse
#
# Ten unknowns, $H_0=I$. After each step: how far is $H_k$ from $A^{-1}$?
# The line search is exact, or Armijo's. In theory the exact one gives $H_{10}=A^{-1}$ (the proof is with the trial).

# %% tags=["deeper"]
def exact(f, grad, x, p):
    """On a quadratic A p is the change of the gradient along p."""
    return -(grad(x) @ p) / (p @ (grad(x + p) - grad(x)))


def distances(search, kappa, seed=2, n_steps=60):
    """The relative distance of H from A⁻¹ after each step of BFGS on a quadratic of ten unknowns."""
    A, quad, quad_grad = data.quadratic(kappa, d=10, seed=seed)
    x0, inverse = np.random.default_rng(seed).normal(size=10), np.linalg.inv(A)
    matrices = minimise("BFGS", quad, quad_grad, x0, n_steps, search=search, tol=1e-10)[2]
    return np.array([np.linalg.norm(H - inverse) for H in matrices]) / np.linalg.norm(inverse)


series = {"exact, κ = 100": distances(exact, 100), "exact, κ = 1000": distances(exact, 1000),
          "Armijo, κ = 100": distances(armijo, 100)}
ax = plots.curves(series, "step", r"$\Vert H_k-A^{-1}\Vert\,/\,\Vert A^{-1}\Vert$",
                  "In these runs H reaches the inverse only with exact searches", logy=True)
ax.axvline(10, color="0.5", linestyle=":")
ax.text(11.5, 1e-7, "n = 10", color="0.35")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** With Armijo's search $H$ approaches $A^{-1}$ slowly, and the run ends before it is there. The minimum is found all the same.
# With exact searches and κ = 1000 step 10 is too early: rounding has cost a step, as in conjugate gradients (question 13).

# %% [markdown] tags=["deeper"]
# ### Deeper: "on a quadratic, BFGS finds the inverse Hessian in n steps"
#
# The proof, for exact searches. Claim: $H_ky_i=s_i$ for **all** $i<k$, and the steps are conjugate. By induction:
#
# 1. $s_k=-t_kH_kg_k$, so $s_k^\top y_i=-t_k\,g_k^\top H_ky_i=-t_k\,g_k^\top s_i$.
#    An exact search leaves $g_{i+1}^\top s_i=0$, and $g_k=g_{i+1}+\sum_{i<j<k}As_j$ adds only conjugate steps. So $s_k^\top y_i=s_k^\top As_i=0$.
# 2. Then $(I-\rho_ky_ks_k^\top)y_i=y_i$, and $H_{k+1}y_i=(I-\rho_ks_ky_k^\top)s_i=s_i-\rho_ks_k\,(y_k^\top s_i)=s_i$, as $y_k^\top s_i=s_k^\top As_i=0$.
#
# After $n$ steps $H_nAS=S$ with $S$ invertible, so $H_n=A^{-1}$. Without exact searches step 1 breaks. Within $10^{-4}$ of the inverse? Within $10^{-3}$?

# %% tags=["deeper"]
SEARCHES = {"exact": exact, "Armijo": armijo, "Wolfe": line_search}


def inverse_found(kappa, search, seed):
    left = distances(SEARCHES[search], kappa, seed, n_steps=10)[-1]
    return bool(left < 1e-4), bool(left < 1e-3)


trial(
    "after n = 10 steps H equals A⁻¹",
    inverse_found,
    over=settings(kappa=[10, 100], search=["exact", "Armijo", "Wolfe"], seed=[0, 1]),
    held_out=settings(kappa=[5, 30, 60], search=["exact", "Armijo", "Wolfe"], seed=[2, 3, 4]),
    only_if=("the line search is exact", lambda search: search == "exact"),
    expect="holds only if the line search is exact",
)

# %% [markdown] tags=["deeper"]
# All κ here are at most 100. For κ = 1000 the figure above shows that rounding makes ten steps too few.
#
# With exact searches the points are those of conjugate gradients (question 13).
# L-BFGS with a single pair is enough for that: it keeps the directions, though not the inverse.

# %% [markdown] tags=["deeper"]
# ### Deeper: the time of a step against dimension
#
# The times are measured on *your* functions: one update and one product $Hg$, against one call of the two loops, $m=10$.
# The third line is the boxed formula as it is, with products of matrices. If yours lies on it, multiply out.

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
def seconds(call, repeat=5):
    best = np.inf
    for _ in range(repeat):
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return best


def boxed(H, s, y):
    V = np.eye(len(s)) - np.outer(s, y) / (s @ y)
    return V @ H @ V.T + np.outer(s, s) / (s @ y)


m, rng = 10, np.random.default_rng(0)
small, large = 2 ** np.arange(6, 12), 2 ** np.arange(6, 18, 2)
bfgs_time, boxed_time, lbfgs_time = [], [], []
for d in small:
    H, s, g = np.eye(d), rng.normal(size=d), rng.normal(size=d)
    bfgs_time.append(1e3 * seconds(lambda H=H, s=s, g=g: np.asarray(bfgs_inverse_update(H, s, 2 * s)) @ g))
    if d <= 1024:
        boxed_time.append(1e3 * seconds(lambda H=H, s=s, g=g: boxed(H, s, 2 * s) @ g, 2))
for d in large:
    S, g = list(rng.normal(size=(m, d))), rng.normal(size=d)
    Y = [2 * s for s in S]
    lbfgs_time.append(1e3 * seconds(lambda g=g, S=S, Y=Y: lbfgs_direction(g, S, Y)))

d = np.geomspace(100, 1e8, 50)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
memory = {"BFGS": (d, 8 * d**2 / 1e9), "L-BFGS": (d, 8 * 2 * m * d / 1e9)}
plots.curves(memory, "dimension $d$", "memory in GB", "Memory (computed)", logx=True, logy=True, legend="upper left", ax=left)
left.axhline(16, color="0.5", linestyle=":")
left.text(130, 25, "16 GB", color="0.35")
left.legend(loc="lower right")
times = {"products of matrices": (small[:-1], boxed_time), "BFGS": (small, bfgs_time), "L-BFGS": (large, lbfgs_time)}
plots.curves(times, "dimension $d$", "milliseconds per step", "Time (measured)", logx=True, logy=True, legend="upper right", ax=right)
right.set(ylim=(0.008, 2e4))
fig.suptitle("BFGS carries a d × d matrix, L-BFGS a few vectors", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Counted in operations: $d^2$, $md$, and $d^3$ for the products of matrices. The clock is rougher: a matrix that outgrows the cache costs extra.

# %% [markdown]
# ## Folklore on trial
#
# ### "Armijo backtracking is enough to keep sᵀy positive"
#
# Two strictly convex functions, a quadratic and $\sum\log\cosh x_i+\frac1{20}x_i^2$; and two with hills, a double well $\frac14(a^2-1)^2+\frac12b^2$ and four wells, $\frac14(a^2-1)^2+\frac34(b^2-1)^2$.
# Ten starts each. Is $s^\top y>0$ in every step of BFGS?

# %%
_, bowl, bowl_gradient = data.quadratic(50, d=2, seed=3)
FOUR = {
    "quadratic": (bowl, bowl_gradient, 2.0),
    "log cosh": (lambda z: np.sum(np.log(np.cosh(z)) + z**2 / 20), lambda z: np.tanh(z) + z / 10, 2.0),
    "double well": (lambda z: (z[0] ** 2 - 1) ** 2 / 4 + z[1] ** 2 / 2, lambda z: np.array([z[0] ** 3 - z[0], z[1]]), 0.4),
    "four wells": (lambda z: np.sum((z**2 - 1) ** 2 * [1, 3]) / 4, lambda z: (z**3 - z) * [1, 3], 0.5),
}


def curvature_positive(f, search, seed):
    value, gradient, width = FOUR[f]
    starts = np.random.default_rng(seed).uniform(-width, width, size=(10, 2))
    pairs = [pair for z in starts for pair in minimise("BFGS", value, gradient, z, 20, search=search)[1]]
    return all(s @ y > 0 for s, y in pairs)


trial(
    "the line search leaves sᵀy > 0 in every step",
    curvature_positive,
    over=settings(f=list(FOUR), search=[armijo, line_search], seed=[0, 1]),
    held_out=settings(f=list(FOUR), search=[armijo, line_search], seed=[2, 3, 4]),
    only_if=("f is strictly convex or the search enforces Wolfe's condition", lambda f, search: f in ("quadratic", "log cosh") or search is line_search),
    expect="holds only if f is strictly convex or the search enforces Wolfe's condition",
)

# %% [markdown]
# On a strictly convex $f$ every $s^\top y=s^\top\bar Bs$ is positive, whatever the search.
# Elsewhere: a Wolfe search, or the skip, or damped BFGS (see the follow-ups).
#
# ### "L-BFGS with full memory equals BFGS"
#
# Take all pairs of a BFGS run. In each step compare L-BFGS's direction with $-Hg$, with a dense $H$ built from the same pairs by your update. Only the matrix at the start differs: $I$; γ of the first pair; γ of the newest pair.

# %%
def dense(pairs, scale):
    H = scale * np.eye(len(pairs[0][0]))
    for s, y in pairs:
        H = np.asarray(bfgs_inverse_update(H, s, y))
    return H


def same_direction(problem, start_matrix, seed):
    """The largest relative difference over the first 12 steps is below 1e-8."""
    value, gradient = (f, grad) if problem == "valley" else data.quadratic(100, d=10, seed=seed)[1:]
    begin = np.random.default_rng(seed).normal(size=2 if problem == "valley" else 10)
    points, pairs, _ = minimise("BFGS", value, gradient, begin, 12)
    gamma = [(s @ y) / (y @ y) for s, y in pairs]
    gaps = []
    for k in range(1, len(pairs) + 1):
        g, known = gradient(points[k]), pairs[:k]
        two_loop = np.asarray(lbfgs_direction(g, [s for s, _ in known], [y for _, y in known]))
        scale = {"I": 1.0, "first γ": gamma[0], "newest γ": gamma[k - 1]}[start_matrix]
        gaps.append(np.linalg.norm(two_loop + dense(known, scale) @ g) / np.linalg.norm(two_loop))
    return bool(max(gaps) < 1e-8)


trial(
    "L-BFGS with full memory gives BFGS's direction",
    same_direction,
    over=settings(problem=["valley", "quadratic"], start_matrix=["I", "first γ", "newest γ"], seed=[0, 1]),
    held_out=settings(problem=["valley", "quadratic"], start_matrix=["I", "first γ", "newest γ"], seed=[2, 3, 4]),
    only_if=("BFGS restarts in each step from the newest pair's γ·I", lambda start_matrix: start_matrix == "newest γ"),
    expect="holds only if BFGS restarts in each step from the newest pair's γ·I",
)

# %% [markdown]
# The usual BFGS goes on from one $H_0$; L-BFGS scales anew in every step. So in practice they differ, even with full memory.
# Say: *the two loops compute exactly the product of the BFGS matrix with g, for the same pairs and the same $H_0$*.
#
# ### "The secant equation H·y = s holds after each update"
#
# For the newest pair, yes, by construction, unless the pair is skipped. Nothing protects the *older* pairs, except on a quadratic with exact searches (see the deeper proof above):

# %%
points, pairs, matrices = runs["BFGS"]
gap = lambda pair: np.linalg.norm(matrices[-1] @ pair[1] - pair[0]) / np.linalg.norm(pair[0])
print(f"Rosenbrock, last H: newest pair satisfied to 1e-6: {bool(gap(pairs[-1]) < 1e-6)}, first pair: {bool(gap(pairs[0]) < 1e-6)}")

# %% [markdown]
# ## Answer in 30 seconds
#
# "Quasi-Newton methods learn curvature from gradients: after a step s the gradient changed by y, so I want an H with H y equals s. In one dimension that is the secant method.
# BFGS takes the symmetric one nearest to the old H; it stays positive definite if s dot y is positive, which a Wolfe search ensures.
# L-BFGS keeps the last m pairs and computes H g in two loops. Shall I write them?"
#
# ### 三十秒回答
#
# "拟牛顿法用梯度的变化来学曲率:走一步 s,梯度变化 y,要求 H y = s,一维时就是割线法。
# BFGS 在满足它的对称矩阵里取离旧 H 最近的;只要 sᵀy>0 就保持正定,Wolfe 线搜索能保证这一点,否则跳过。
# L-BFGS 不存矩阵,只存最近 m 对 (s, y),用双循环算 Hg,内存从 d² 降到 md。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $y=\bar Bs$ with the averaged Hessian; hence $H_+y=s$.
# - Multiply by $y^\top$: $s^\top y>0$ is necessary. One line shows that Wolfe's curvature condition gives it.
# - The update is the smallest change in a weighted norm: in the right coordinates, keep the block across $u$ and put 1 along $u$.
# - Check the two properties: the right factor kills $y$; $v^\top H_+v=w^\top Hw+\rho(s^\top v)^2$.
# - Code it with $Hy$ and outer products, $O(d^2)$, not by three matrix products.
# - Two loops: newest to oldest store α and take off $\alpha y$; scale by $s^\top y/y^\top y$; oldest to newest add $(\alpha-\beta)s$.
# - Say what holds only sometimes: $H_n=A^{-1}$ needs exact searches; full-memory L-BFGS equals BFGS only for the same $H_0$.
# - Offer a test: $H_+y=s$; eigenvalues stay positive; the two loops against the dense matrix, with several pairs.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Are they second-order methods?</summary>
#
# They use curvature, but evaluate only gradients; no Hessian is ever computed.
# "Quasi-Newton" is the class, BFGS and L-BFGS are members.
# Under the usual conditions BFGS converges superlinearly, between gradient descent and Newton; L-BFGS with fixed $m$ is linear in general.
#
# </details>
#
# <details><summary>Why skip, and what is damped BFGS?</summary>
#
# With $s^\top y\le0$ the update gives an $H$ that is not positive definite, and $-Hg$ may go uphill. A tiny $s^\top y$ makes ρ huge.
# Skipping keeps the old $H$; if it happens in many steps, $H$ grows stale.
# Damping (Powell) replaces $y$ by $a\,y+(1-a)Bs$, with a share $a\le1$ just small enough that $s^\top y$ becomes a fixed part of $s^\top Bs$.
#
# </details>
#
# <details><summary>Why scale H₀?</summary>
#
# $H_0=I$ has no idea of the units of $f$: multiply $f$ by 1000, and the first step is 1000 times as long.
# BFGS: after the first step, before the first update, set $H_0=(s^\top y/y^\top y)\,I$. L-BFGS: anew in every step.
#
# </details>
#
# <details><summary>How large should m be?</summary>
#
# Usually 3 to 20. The cost grows linearly with $m$, and the oldest pairs describe a place far away.
# torch's default is 100.
#
# </details>
#
# <details><summary>DFP and SR1?</summary>
#
# DFP is the dual: BFGS's formula for $H$ with $s$ and $y$ exchanged updates $B$. It recovers less well from a bad $H$.
# SR1: $H_+=H+vv^\top/v^\top y$ with $v=s-Hy$. Symmetric, rank one, meets the secant equation, but need not stay positive definite.
# That can be an advantage in a trust region, where a negative curvature is information.
#
# </details>
#
# <details><summary>And the update of B?</summary>
#
# $B_+=B-\dfrac{Bs\,s^\top B}{s^\top Bs}+\dfrac{yy^\top}{s^\top y}$; the inverse of our $H_+$, by Sherman–Morrison–Woodbury.
# With $B$ each direction needs a solve, with $H$ a product.
#
# </details>
#
# <details><summary>How does torch.optim.LBFGS work?</summary>
#
# `step(closure)`: the closure zeroes the gradients, computes the loss, calls `backward` and returns the loss. It is called several times, because one `step` makes up to `max_iter` iterations.
# Defaults: `lr=1`, `max_iter=20`, `max_eval=25`, `tolerance_grad=1e-7`, `tolerance_change=1e-9`, `history_size=100`, `line_search_fn=None`.
# So by default there is **no line search**: the first step has length $\min(1,1/\lVert g\rVert_1)\cdot lr$, later ones $lr$. Take `"strong_wolfe"` when loss and gradient are those of the full batch.
# A pair is stored only if $y^\top s>10^{-10}$.
#
# </details>
#
# <details><summary>Why is it rarely used with mini-batches?</summary>
#
# $y$ is a difference of two gradients. From two batches it is mostly noise once the step is short, and dividing by a short step blows the noise up.
# The cell below measures the curvature $s^\top y/s^\top s$ along random short steps.
# Both gradients from the *same* batch help, at twice the cost; a line search on one batch still fits that batch.
#
# </details>

# %%
rng = np.random.default_rng(0)
X, labels = rng.normal(size=(2000, 20)), rng.normal(size=2000)


def batch_gradient(theta, rows):
    return X[rows].T @ (X[rows] @ theta - labels[rows]) / len(rows)


seen = {"the same batch twice": [], "two batches": []}
for _ in range(1000):
    one, two = rng.integers(0, 2000, size=(2, 128))
    s = 0.01 * rng.normal(size=20)
    for name, other in zip(seen, (one, two), strict=True):
        y = batch_gradient(s, other) - batch_gradient(0 * s, one)
        seen[name].append((s @ y) / (s @ s))
for name, values in seen.items():
    low, high = np.percentile(values, [10, 90])
    print(f"curvature from {name}: 10 % to 90 % lie from {low:.1f} to {high:.1f}; not positive: {np.mean(np.array(values) <= 0):.0%}")

# %% [markdown]
# ## Red flags
#
# - "BFGS computes the Hessian." It sees gradients only.
# - Updating $H$ with the formula for $B$: $s$ and $y$ exchanged.
# - "$y=\nabla^2f(\xi)\,s$ for some point ξ in between." Not for vectors; it is the average of the Hessian.
# - No word about $s^\top y>0$.
# - Both loops in the same order, or $H_0=I$ left in the middle.
# - "L-BFGS is BFGS with less memory, otherwise identical."
# - Three $d\times d$ matrix products, and calling it $O(d^2)$.

# %% [markdown]
# ## References
#
# - J. Nocedal, S. J. Wright. *Numerical Optimization*, 2nd edition, Springer 2006. Chapter 3 (Wolfe), 6 (BFGS, DFP, SR1), 7 (L-BFGS).
# - J. Nocedal. *Updating Quasi-Newton Matrices with Limited Storage.* Mathematics of Computation 35, 1980: the two loops.
# - D. C. Liu, J. Nocedal. *On the Limited Memory BFGS Method for Large Scale Optimization.* Mathematical Programming 45, 1989.
# - PyTorch documentation of `torch.optim.LBFGS`: closure and defaults.
