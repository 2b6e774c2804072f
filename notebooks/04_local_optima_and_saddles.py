# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Gradient descent is stuck: local optimum or saddle, and what helps?
#
# *梯度下降陷入局部最优或鞍点怎么办?*

# %% [markdown]
# ## Question
#
# "Your training loss has stopped falling.
# Is it a local optimum or a saddle point, how would you tell, and what would you do?"
#
# "训练损失不再下降,是陷入了局部最优还是鞍点?怎么判断?怎么办?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The definition**: at every critical point the gradient is zero; the Hessian's eigenvalues tell which kind it is.
# - **The dimension argument**: with many parameters, nearly all critical points with high loss are saddles.
# - **Gradient descent does leave saddles**, unless it starts exactly on the stable manifold; the trouble is that it can be slow.
# - **What noise does**, and what it does not: it leaves saddles; it may cross a barrier, with no guarantee.
# - **No false friends**: batch gradient descent does not help out of a local optimum. Noise, inertia and restarts may.

# %% [markdown]
# ## The idea
#
# Near a critical point $\theta^*$ the gradient vanishes, and the loss is its quadratic part:
#
# $$
# f(\theta)\approx f(\theta^*)+\tfrac12(\theta-\theta^*)^\top H(\theta-\theta^*)=f(\theta^*)+\tfrac12\sum_i\lambda_i c_i^2,
# $$
#
# with $c_i$ the coordinates along the eigenvectors of the symmetric Hessian $H$.
#
# | eigenvalues | kind |
# |---|---|
# | all > 0 | minimum |
# | all < 0 | maximum |
# | both signs | saddle |
# | a zero, and not both signs | degenerate: the quadratic part does not decide |

# %% [markdown]
# **What gradient descent does there.** A step multiplies each coordinate: $c_i\leftarrow(1-\eta\lambda_i)\,c_i$.
#
# - Along $\lambda_i>0$ it shrinks.
# - Along $\lambda_i<0$ it *grows*, by $1+\eta|\lambda_i|$ a step. So a saddle repels, unless $c_i$ is exactly 0 along every negative direction.
# - From $c_i=\delta$ it takes about $\ln(1/\delta)/(\eta|\lambda_i|)$ steps to get away. That is where the flat start of an escape comes from: it is slow, not stuck.
#
# **What noise does.** A step with noise of size $\eta\sigma$ puts $\delta\approx\eta\sigma$ there at once.
# The bound of the waiting time no longer depends on where one started.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: name the critical point
#
# "minimum", "maximum", "saddle", or "degenerate": some |eigenvalue| ≤ tol and no two eigenvalues of opposite sign beyond tol.

# %%
def classify_critical_point(hessian, tol=1e-8):
    """hessian (d, d), symmetric -> "minimum", "maximum", "saddle" or "degenerate"."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(classify_critical_point)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: why not the diagonal?</summary>
#
# $\begin{pmatrix}1&2\\2&1\end{pmatrix}$ has a positive diagonal and the eigenvalues 3 and −1.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the order of the tests</summary>
#
# Count the eigenvalues above tol and below −tol. Both present: a saddle, whatever the rest. Otherwise, any left over: degenerate.
#
# </details>

# %% [markdown]
# ### Exercise 2: gradient descent with noise
#
# θ ← θ − lr·(g + noise_scale·rng.normal(size=d)), one draw a step. Return the path `(n_steps + 1, d)`, the start included.

# %%
def perturbed_gradient_descent(grad_fn, theta0, lr, n_steps, noise_scale, rng):
    """theta0 (d,) -> path (n_steps + 1, d)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(perturbed_gradient_descent)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: where the noise goes</summary>
#
# It is added to the gradient, so the learning rate multiplies both.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: fresh noise, fresh array</summary>
#
# Draw inside the loop, and append a new array each time: `theta -= …` would change the rows already stored.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Escape from a saddle
#
# $f(x,y)=\tfrac12x^2-\tfrac12y^2+\tfrac14y^4$ has a saddle at the origin and minima at $(0,\pm1)$.
# Start at $(1,0)$: exactly on the line from which gradient descent runs into the saddle.

# %%
def saddle_gradient(theta):
    """∇f for f = x²/2 − y²/2 + y⁴/4."""
    x, y = theta
    return np.array([x, -y + y**3])


rng = np.random.default_rng(0)
paths = {
    "no noise": perturbed_gradient_descent(saddle_gradient, np.array([1.0, 0.0]), 0.1, 150, 0.0, rng),
    "noise 0.01": perturbed_gradient_descent(saddle_gradient, np.array([1.0, 0.0]), 0.1, 150, 0.01, rng),
    "noise 0.3": perturbed_gradient_descent(saddle_gradient, np.array([1.0, 0.0]), 0.1, 150, 0.3, rng),
}
ax = plots.contours(
    lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4, (-0.7, 1.2), (-1.5, 1.5), paths,
    "Without noise it ends on the saddle; with a little it leaves", xlabel="x", ylabel="y",
)  # fmt: skip
plt.show()

# %%
kinds = {
    "(0, 0)": classify_critical_point(np.diag([1.0, -1.0])),
    "(0, 1)": classify_critical_point(np.diag([1.0, 2.0])),
}
kinds


# %% [markdown]
# **Takeaway.** "The gradient is zero" says critical point. Only the Hessian says which kind.

# %% [markdown]
# ### How long does it take?
#
# Gradient descent from $(1, y_0)$ for smaller and smaller $y_0$, against the theory $\ln(1/y_0)/\ln(1.1)$; and noisy runs from $y_0=0$.

# %%
def escape_step(path):
    """The first step with |y| > 1/2; the length of the path when there is none."""
    away = np.abs(path[:, 1]) > 0.5
    return int(np.argmax(away)) if away.any() else len(path)


starts = 10.0 ** -np.arange(1, 15)
quiet = [escape_step(perturbed_gradient_descent(saddle_gradient, np.array([1.0, y0]), 0.1, 600, 0.0, rng)) for y0 in starts]
noisy = [
    escape_step(perturbed_gradient_descent(saddle_gradient, np.array([1.0, 0.0]), 0.1, 600, 0.01, np.random.default_rng(s)))
    for s in range(50)
]

fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.semilogx(starts, np.log(0.5 / starts) / np.log(1.1), color="0.4", label="ln(0.5/y₀) / ln(1 + η)")
ax.semilogx(starts, quiet, "o", color=plots.color("gd"), label="no noise, start at y₀")
ax.axhspan(np.quantile(noisy, 0.1), np.quantile(noisy, 0.9), color=plots.color("adam"), alpha=0.25, label="noise 0.01, start at 0: 10–90 % of 50 runs")
ax.set(xlabel="distance y₀ from the stable line", ylabel="steps until |y| > 0.5", title="The nearer to the line, the longer the wait: logarithmically")
ax.invert_xaxis()
ax.legend()
plt.show()

# %% [markdown]
# **Takeaway.** Without noise the wait grows with $\ln(1/y_0)$ and is endless only at exactly 0.
# With noise it is the same everywhere.

# %% [markdown]
# ### Random symmetric matrices: how many are minima?
#
# Take a symmetric matrix with independent normal entries as the Hessian of a "random critical point". Guess the share of minima in ten dimensions.

# %%
dimensions, trials = range(1, 9), 4000
rng = np.random.default_rng(1)
share = {kind: [] for kind in ("minimum", "saddle")}
for d in dimensions:
    raw = rng.normal(size=(trials, d, d))
    found = [classify_critical_point(m) for m in (raw + raw.transpose(0, 2, 1)) / 2]
    for kind in share:
        share[kind].append(np.mean([name == kind for name in found]))

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.semilogy(dimensions, np.where(np.array(share["minimum"]) > 0, share["minimum"], np.nan), "o-", color=plots.color("right"), label="minima")
ax.semilogy(dimensions, np.where(np.array(share["saddle"]) > 0, share["saddle"], np.nan), "s-", color=plots.color("wrong"), label="saddles")
ax.semilogy(dimensions, 0.5 ** np.array(dimensions), ":", color="0.4", label="2⁻ᵈ: independent signs")
ax.set(xlabel="dimension d", ylabel="share of 4000 random matrices", title="Minima die out faster than 2⁻ᵈ", ylim=(1e-4, 2))
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# **Takeaway.** The eigenvalues repel each other, so all of one sign is even rarer than $2^{-d}$.
# A network's Hessian is not a random matrix, but this is the argument in one picture: high loss, many dimensions, hence saddles.

# %% [markdown]
# ## Folklore on trial
#
# ### "In high dimension most critical points are saddles"

# %%
ruling = trial(
    "most random critical points are saddles",
    {f"dimension {d}": bool(share["saddle"][d - 1] > 0.5) for d in (1, 2, 4, 8)},
    only_if="there is more than one dimension",
)
assert list(ruling.where.values()) == [False, True, True, True]
assert ruling == "holds only if there is more than one dimension"
ruling


# %% [markdown]
# ### "Batch gradient descent, momentum, RMSprop and Adam help to escape a local optimum"
#
# $f(w)=w^4-4w^2+w$ has a poor minimum near 1.35 and the better one near −1.47. All start at 2. Who crosses the hill?

# %%
def slope(w):
    """f′ for f(w) = w⁴ − 4w² + w."""
    return 4 * w**3 - 8 * w + 1


def descend(step, n_steps=4000):
    """The end of a run from w = 2; `step` takes (gradient, state, t) and returns (change, state)."""
    w, state = 2.0, (0.0, 0.0)
    for t in range(1, n_steps + 1):
        change, state = step(slope(w), state, t)
        w += change
    return w


def momentum(lr, mu):
    return lambda g, s, t: (-(v := mu * s[0] + lr * g), (v, 0.0))


def adam(lr, beta1=0.9, beta2=0.999):
    def step(g, s, t):
        m, v = beta1 * s[0] + (1 - beta1) * g, beta2 * s[1] + (1 - beta2) * g * g
        return -lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + 1e-8), (m, v)

    return step


def rmsprop(lr, rho=0.9):
    return lambda g, s, t: (-lr * g / (np.sqrt(v := rho * s[1] + (1 - rho) * g * g) + 1e-8), (0.0, v))


ends = {
    "batch gradient descent, lr 0.01": descend(lambda g, s, t: (-0.01 * g, s)),
    "RMSprop, lr 0.001": descend(rmsprop(1e-3)),
    "Adam, lr 0.01": descend(adam(1e-2)),
    "momentum 0.9, lr 0.001": descend(momentum(1e-3, 0.9)),
    "momentum 0.99, lr 0.003": descend(momentum(3e-3, 0.99)),
}
w = np.linspace(-2.2, 2.2, 400)
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.plot(w, w**4 - 4 * w**2 + w, color="0.4")
for side, tint, at in ((-1, plots.color("right"), (-1.9, 3.6)), (1, plots.color("wrong"), (-0.2, 3.2))):
    names = [name for name, end in ends.items() if side * end > 0]
    low = next(end for end in ends.values() if side * end > 0)
    ax.plot(low, low**4 - 4 * low**2 + low, "o", color=tint)
    ax.annotate("\n".join(names), (low, low**4 - 4 * low**2 + low), at, fontsize=9, va="center",
                arrowprops=dict(arrowstyle="-", color="0.7"))  # fmt: skip
ax.plot(2, 2.0, "k>", markersize=8)
ax.set(xlabel="w", ylabel="f(w)", title="All but the heaviest ball end in the basin where they began", ylim=(-6, 5))
plt.show()

# %%
ruling = trial(
    "it leaves the basin of the poor minimum",
    {name: bool(end < 0) for name, end in ends.items()},
    only_if="it carries enough inertia over the hill",
)
assert ruling.where == {name: name == "momentum 0.99, lr 0.003" for name in ends}
assert ruling == "holds only if it carries enough inertia over the hill"
ruling


# %% [markdown]
# For batch gradient descent the claim **does not hold**: with a small step it only ever goes downhill.
# Inertia may carry over a barrier, and the same inertia could have left a good basin.
#
# ### "Noise gets you out of a local optimum"
#
# The same start, gradient descent with noise, twenty seeds for each size of the noise. Where do the runs end after the noise has been switched off?

# %%
def final_basin(noise, seed):
    """Where 1500 noisy steps and 500 quiet ones lead; steps are capped by a small learning rate."""
    rng = np.random.default_rng(seed)
    grad = lambda theta: slope(theta)  # noqa: E731
    path = perturbed_gradient_descent(grad, np.array([2.0]), 0.01, 1500, noise, rng)
    return perturbed_gradient_descent(grad, path[-1], 0.01, 500, 0.0, rng)[-1, 0]


crossed = {noise: np.mean([final_basin(noise, seed) < 0 for seed in range(20)]) for noise in (0.0, 2.0, 20.0)}
ruling = trial(
    "most runs end in the better basin",
    {f"noise {noise:g}": bool(value > 0.5) for noise, value in crossed.items()},
    only_if="the noise is large beside the barrier",
)
assert list(ruling.where.values()) == [False, False, True]
assert ruling == "holds only if the noise is large beside the barrier"
ruling

# %% [markdown]
# And noise that large shakes you out of good minima too, until it is turned down: that is annealing, or a learning-rate schedule.

# %% [markdown]
# ## Answer in 30 seconds
#
# "A zero gradient only says critical point; the signs of the Hessian's eigenvalues say which kind.
# In many dimensions nearly all high-loss critical points are saddles, and gradient descent leaves those by itself, though slowly; noise makes the wait short.
# Out of a true local minimum batch gradient descent does not come. Mini-batch noise, momentum, restarts or a larger learning rate may do it, without a guarantee.
# In practice I first suspect a plateau or a learning rate that is too small."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $c_i\leftarrow(1-\eta\lambda_i)c_i$: negative curvature pushes away, exponentially; the wait is $\ln(1/\delta)/(\eta|\lambda|)$.
# - Only a set of measure zero of starts ends in a strict saddle (Lee et al. 2016); but many saddles in a row can take very long (Du et al. 2017), and noise repairs that.
# - Eigenvalue argument: signs as coin flips give $2^{-d}$; random matrices are even stricter. Dauphin et al. 2014 made the point for networks.
# - How to tell in practice: gradient norm small? Then the lowest Hessian eigenvalue by power iteration on Hessian–vector products.
# - What helps: noise of mini-batches, momentum, a larger or restarted learning rate, better initialisation, normalisation and skip connections, which change the landscape.
# - What does not: full-batch descent with a small step; adaptive methods as such.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How do you find the lowest eigenvalue for a million parameters?</summary>
#
# Never form H. Hessian–vector products cost about two gradients; power iteration or Lanczos on them gives the extreme eigenvalues.
#
# </details>
#
# <details><summary>Why does Newton's method like saddles?</summary>
#
# It solves for a zero of the gradient and divides by the curvature, sign included: along negative curvature it walks *towards* the critical point (question 12).
#
# </details>
#
# <details><summary>Do restarts help?</summary>
#
# Several starts, keep the best: the plainest cure for bad basins, at the price of several runs. Warm restarts of the learning rate are the cheap version.
#
# </details>
#
# <details><summary>What is a flat minimum, and is it better?</summary>
#
# One with small eigenvalues. It is often linked to better generalisation, because a shifted loss hurts less there; but flatness can be changed by rescaling the weights without changing the function, so it is no cause by itself.
#
# </details>
#
# <details><summary>Is a plateau a saddle?</summary>
#
# Not necessarily: the gradient is small over a region, as in saturated units. Normalisation, another activation or a better initialisation help there, noise hardly does.
#
# </details>
#
# <details><summary>Are local minima of networks bad?</summary>
#
# For wide networks they tend to have nearly the loss of the global one; the poor ones become rare. That is an observation with partial theory, not a theorem for your network.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The gradient is zero, so it is a local minimum."
# - "The determinant is positive, so it is a minimum." In four dimensions that says nothing.
# - "Batch gradient descent escapes local optima."
# - "SGD gets stuck at saddle points more easily." Its noise is what gets it away.
# - "Adam finds the global optimum."

# %% [markdown]
# ## References
#
# - Y. Dauphin et al. *Identifying and attacking the saddle point problem in high-dimensional non-convex optimization.* NeurIPS 2014.
# - R. Ge, F. Huang, C. Jin, Y. Yuan. *Escaping From Saddle Points: Online Stochastic Gradient for Tensor Decomposition.* COLT 2015.
# - J. Lee, M. Simchowitz, M. Jordan, B. Recht. *Gradient Descent Only Converges to Minimizers.* COLT 2016.
# - S. Du et al. *Gradient Descent Can Take Exponential Time to Escape Saddle Points.* NeurIPS 2017.
# - C. Jin et al. *How to Escape Saddle Points Efficiently.* ICML 2017.
