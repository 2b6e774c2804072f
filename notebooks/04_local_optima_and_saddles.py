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
# - **The definition**: at every critical point the gradient is zero; the signs of the Hessian's eigenvalues tell which kind it is.
# - **The dimension argument, with its limits**: it is about *high* loss, and it is a theory for random functions plus an observation for networks.
# - **Gradient descent does leave saddles**, unless it starts exactly on the few points that lead into one; the trouble is that it can be slow.
# - **What noise does**: it leaves saddles soon; it also crosses a barrier, after a waiting time that grows exponentially with the barrier's height.
# - **How you would measure it**: the lowest eigenvalue of the Hessian, by Lanczos or by a *shifted* power iteration.

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
# **What gradient descent does there.** One step multiplies each coordinate: $c_i\leftarrow(1-\eta\lambda_i)\,c_i$.
#
# - Along $\lambda_i>0$ it shrinks.
# - Along $\lambda_i<0$ it *grows*, by the factor $1+\eta|\lambda_i|$ in every step. So a saddle with a negative eigenvalue (a *strict* saddle) repels, unless $c_i$ is exactly 0 along every negative direction. The points from which descent still runs into the saddle are its *stable manifold*; for $\eta<1/L$ they have volume zero (Lee et al. 2016).
# - From $c_i=\delta$ it takes about $\ln(1/\delta)/(\eta|\lambda_i|)$ steps to get away. The loss looks flat in the meantime: slow, not stuck.
#
# **What noise does at a saddle.** One noisy step puts $\delta\approx\eta\sigma$ there at once, σ the standard deviation of one coordinate of the gradient noise.
# From then on it no longer matters how much nearer to the stable manifold the start was.
#
# **What noise does in a local minimum.** With small steps and noise of constant size σ, descent behaves like a particle at temperature $T=\eta\sigma^2/2$.
# To leave the basin it has to climb the barrier $\Delta f$, and in one dimension, for a barrier of several $T$, the mean number of steps until it does is (Kramers 1940), with $f''_{\min}$ and $f''_{\text{top}}$ the curvatures at the bottom and at the top,
#
# $$
# N\approx\frac1\eta\,\frac{2\pi}{\sqrt{f''_{\min}\,|f''_{\text{top}}|}}\;e^{\Delta f/T}.
# $$
#
# So the right question is not "is the noise large?" but "is the run long compared with $e^{\Delta f/T}$?"
# A larger learning rate, a smaller batch and a lower barrier all help in the exponent.
#
# **How to tell in a network.** Never form $H$: a product $Hv$ costs about two gradients.
# Power iteration on $H$ finds the eigenvalue of largest *modulus*, which is usually $\lambda_{\max}$ and tells nothing about saddles.
# For the lowest one, run it on $H-\lambda_{\max}I$: all its eigenvalues are ≤ 0, and the largest modulus belongs to $\lambda_{\min}-\lambda_{\max}$.
# Lanczos gives both ends at once, in fewer products.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: name the critical point
#
# "minimum", "maximum", "saddle", or "degenerate": some |eigenvalue| ≤ tol and no two eigenvalues of opposite sign beyond tol.

# %%
def classify_critical_point(hessian, tol=1e-8):
    """hessian (d, d), symmetric -> "minimum", "maximum", "saddle" or "degenerate".

    Saddle: one eigenvalue above tol and one below -tol, whatever the rest is. Degenerate: no saddle, and some
    |eigenvalue| <= tol.
    """
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
    """theta0 (d,) -> path (n_steps + 1, d), the start included; theta0 is not changed.

    One rng.normal(size=d) a step; the noise is added to the gradient, so lr multiplies both.
    """
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
)
plt.show()

# %%
kinds = {
    "(0, 0)": classify_critical_point(np.diag([1.0, -1.0])),
    "(0, 1)": classify_critical_point(np.diag([1.0, 2.0])),
}
kinds


# %% [markdown]
# **Takeaway.** "The gradient is zero" says critical point. The Hessian says which kind, unless it is degenerate.

# %% [markdown]
# ### How long does it take?
#
# Gradient descent from $(1, y_0)$ for smaller and smaller $y_0$, against the theory $\ln(0.5/y_0)/\ln(1.1)$; and noisy runs from $y_0=0$.

# %% tags=["hide-input"]
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
# With noise even a start at exactly 0 leaves, about as soon as a start at $y_0=\eta\sigma=0.001$ without noise.
#
# ### Which eigenvalue does power iteration find?
#
# A Hessian with eigenvalues from −1 to 30: a saddle, but the negative side is small.

# %%
eigenvalues = np.r_[-1.0, np.linspace(0.5, 30, 49)]
basis = np.linalg.qr(np.random.default_rng(2).normal(size=(50, 50)))[0]
saddle = basis * eigenvalues @ basis.T


def power_iteration(product, d, n_steps=1000):
    """The eigenvalue of largest modulus of v -> product(v)."""
    v = np.random.default_rng(0).normal(size=d)
    for _ in range(n_steps):
        v = v / np.linalg.norm(v)
        v, before = product(v), v
    return float(before @ v)


top = power_iteration(lambda v: saddle @ v, 50)
bottom = top + power_iteration(lambda v: saddle @ v - top * v, 50)
print(f"plain power iteration: {top:.2f}    on H - {top:.0f}·I, shifted back: {bottom:.2f}")
print("kind:", classify_critical_point(saddle))

# %% [markdown]
# **Takeaway.** Plain power iteration reports the largest positive curvature. The negative one shows only after the shift.

# %% [markdown] tags=["deeper"]
# ### Deeper: random symmetric matrices, how many are minima?
#
# Take a symmetric matrix with independent normal entries as the Hessian of a "random critical point".
# Guess the share of minima in four dimensions, and in ten.

# %% tags=["deeper", "hide-input"]
dimensions, trials = range(1, 7), 4000
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


# %% [markdown] tags=["deeper"]
# **Takeaway.** In four dimensions about one in 400 is a minimum; in ten it is one in $4\cdot10^{13}$ (from the exact density of the eigenvalues, computed apart).
# For large $d$ the exponent of the share tends to $-0.27\,d^2$ (Dean & Majumdar 2006), because eigenvalues repel each other.
# But no loss is attached to these matrices, so on their own they say nothing about *your* critical point.
# A convex loss has no saddle in any dimension, and the minima of an over-parameterised network are often degenerate.

# %% [markdown]
# ## Folklore on trial
#
# ### "In high dimension most critical points are saddles"
#
# At which loss? In random smooth functions of many variables the Hessian at a critical point looks like a random matrix *plus a shift* $c$ times its spectral radius, and the lower the loss, the larger the shift (Bray & Dean 2007).
# So try both: the dimension and the shift. Is the share of saddles above one half? Above four fifths?

# %%
def mostly_saddles(d, shift):
    """Of 60 shifted random Hessians, more than 1/2 are saddles; more than 4/5 are."""
    raw = np.random.default_rng(d).normal(size=(60, d, d))
    hessians = (raw + raw.transpose(0, 2, 1)) / 2 + shift * np.sqrt(2 * d) * np.eye(d)  # the radius is √(2d)
    share = np.mean([classify_critical_point(h) == "saddle" for h in hessians])
    return bool(share > 0.5), bool(share > 0.8)


trial(
    "most critical points in many dimensions are saddles",
    mostly_saddles,
    over=settings(d=[20, 30], shift=[0, 0.4, 0.6, 1.2, 1.5]),
    held_out=settings(d=[25, 40], shift=[0.2, 0.5, 0.7, 1.1, 1.3, 1.8]),
    only_if=("the loss is so high that the shift is below the radius", lambda shift: shift < 1),
    expect="holds only if the loss is so high that the shift is below the radius",
)


# %% [markdown]
# That is the model, in which the shift stands for the loss. In networks it is an observation: Dauphin et al. 2014 found in small networks that the share of negative eigenvalues at critical points falls with the training error.
# Say "high-loss critical points tend to be saddles", not "all critical points are".
#
# ### "Batch gradient descent helps to escape a local optimum"
#
# $f(w)=w^4-4w^2+w$ has a poor minimum near 1.35, a better one near −1.47, and between them a hill at 0.126.
# Gradient descent without noise starts in the poor basin. The poor minimum itself is stable up to $2/f''\approx0.145$; we take learning rates up to 0.11. Does it leave?

# %%
def slope(w):
    """f′ for f(w) = w⁴ − 4w² + w."""
    return 4 * w**3 - 8 * w + 1


def f(w):
    return w**4 - 4 * w**2 + w


better, hill, poor = np.sort(np.roots([4, 0, -8, 1]).real)


def ends_better(lr, start):
    """Gradient descent without noise from `start`: does it end in the better basin?"""
    path = perturbed_gradient_descent(slope, np.array([start]), lr, 1500, 0.0, np.random.default_rng(0))
    return bool(path[-1, 0] < hill)


trial(
    "batch gradient descent escapes the local optimum",
    ends_better,
    over=settings(lr=[0.003, 0.01, 0.03, 0.06, 0.09, 0.11], start=[0.3, 0.8, 1.2, 1.6, 2.0, 2.2]),
    expect="does not hold",
)


# %% [markdown]
# The two exceptions are jumps: from far up the wall a single long step passes over the hill, and where it lands depends on details.
# With $\eta f''\le1$ on the way it cannot happen: then no step passes a point of slope zero, and the hill is one.
#
# ### "Momentum carries you over the hill"
#
# A heavy ball with $v\leftarrow\mu v+\eta g$, $w\leftarrow w-v$ (question 05) is a particle with friction $(1-\mu)/\sqrt\eta$ per unit of time.
# From $w_0$ it loses about friction × $\int\sqrt{2(f(w_0)-f(w))}\,dw$ of its height on the way to the hill.
# The estimate is our condition. RMSprop and Adam (questions 09 and 10) are not tried here.

# %%
def crosses(lr, momentum, start):
    """Does a heavy ball that starts at rest pass the hill at least once?"""
    w, velocity = start, 0.0
    for _ in range(4000):
        velocity = momentum * velocity + lr * slope(w)
        w = w - velocity
        if w < hill:
            return True
    return False


def enough_height(lr, momentum, start):
    """Is the height above the hill more than friction takes on the way?"""
    way = np.linspace(hill, start, 500)
    speed = np.sqrt(2 * np.maximum(f(start) - f(way), 0))
    return bool(f(start) - f(hill) > (1 - momentum) / np.sqrt(lr) * np.mean(speed) * (start - hill))


trial(
    "momentum carries the ball over the hill",
    crosses,
    over=settings(lr=[3e-4, 3e-3], momentum=[0.8, 0.9, 0.99, 0.997], start=[1.8, 2.0, 2.2]),
    held_out=settings(lr=[1e-4, 1e-3, 5e-3], momentum=[0.7, 0.95, 0.98, 0.995], start=[1.7, 1.95, 2.1, 2.3]),
    only_if=("it starts higher above the hill than friction takes on the way", enough_height),
    expect="holds only if it starts higher above the hill than friction takes on the way",
)


# %% [markdown]
# Crossing is not staying: with little friction the ball can come back, and in which basin it stops depends on details.
# The same inertia could have left a good basin.
#
# ### "Gradient noise gets you out of a local optimum"
#
# One hundred particles start in the poor minimum, η = 0.01. When have half of them passed the hill, for three sizes of the noise? The dashed lines are Kramers' prediction.
# (We count the first passage of the hilltop. In theory it comes after about half of Kramers' time, because a particle on the top falls back as often as it goes on.)

# %%
def out_by(noise, n_steps, particles=100):
    """Share of the particles that have passed the hill after each step (n_steps + 1,)."""
    start = np.full(particles, poor)
    path = perturbed_gradient_descent(slope, start, 0.01, n_steps, noise, np.random.default_rng(0))
    return np.mean(np.maximum.accumulate(path < hill, axis=0), axis=1)


def kramers(noise, lr=0.01):
    """The mean waiting time in steps."""
    curvature = lambda w: abs(12 * w**2 - 8)
    temperature = lr * noise**2 / 2
    return 2 * np.pi / np.sqrt(curvature(poor) * curvature(hill)) * np.exp((f(hill) - f(poor)) / temperature) / lr


# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for noise, tint in ((8, "sgd"), (10, "adam"), (14, "nesterov")):
    share_out = out_by(noise, 8000)
    steps = np.arange(1, 8001)
    ax.semilogx(steps, share_out[1:], color=plots.color(tint), label=f"σ = {noise}, T = {0.005 * noise**2:.2f}")
    ax.semilogx(steps, 1 - np.exp(-steps / kramers(noise)), "--", color=plots.color(tint), linewidth=1)
ax.set(xlabel="steps", ylabel="share that has left the basin", xlim=(30, 8000), title="The more noise, the sooner it is out: the wait is exponential in Δf/T (dashed: Kramers)")
ax.legend()
plt.show()

# %%
trial(
    "noise gets most runs out of the local optimum",
    lambda noise, n_steps: bool(out_by(noise, n_steps)[-1] > 0.5),
    over=settings(noise=[8, 12, 20], n_steps=[100, 1000, 6000]),
    held_out=settings(noise=[7, 9, 11, 13, 16], n_steps=[150, 800, 3000, 7000]),
    only_if=("the run is longer than Kramers' waiting time", lambda noise, n_steps: n_steps > kramers(noise)),
    expect="holds only if the run is longer than Kramers' waiting time",
)

# %% [markdown]
# Double the noise and the exponent falls to a quarter: by Kramers' formula the 264,000 steps of σ = 8 become about 500 for σ = 16.
# Noise that large also leaves good minima, so it has to be turned down in time: that is annealing, or a learning-rate schedule (question 47).

# %% [markdown]
# ## Answer in 30 seconds
#
# "A zero gradient only says critical point; the eigenvalues of the Hessian say which kind.
# At high loss and in many dimensions it tends to be a saddle. Gradient descent leaves saddles by itself, though slowly, and noise shortens the wait.
# A true local minimum holds gradient descent with small steps. Mini-batch noise, momentum, longer steps or restarts may get out.
# But first I would check the learning rate. Shall I say how?"
#
# ### 三十秒回答
#
# "梯度为零只说明是临界点,是哪一种要看 Hessian 特征值的符号。
# 高维、损失又高的地方,多半是鞍点。梯度下降自己就能离开鞍点,只是慢;加噪声会快很多。
# 真正的局部极小,小步长的全批量下降是出不来的;小批量噪声、动量、大步长、重启有可能,但没有保证。
# 实际中我会先查学习率是不是太小。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $c_i\leftarrow(1-\eta\lambda_i)c_i$: negative curvature pushes away exponentially; the wait is $\ln(1/\delta)/(\eta|\lambda|)$.
# - Only a set of starts of measure zero ends in a strict saddle (Lee et al. 2016); but many saddles in a row can take very long (Du et al. 2017), and noise repairs that (Jin et al. 2017).
# - The dimension argument: in random functions the Hessian is a random matrix plus a shift that grows as the loss falls. So there critical points of high loss are mostly saddles, those of low loss mostly minima. Dauphin et al. 2014 observed the same trend in networks.
# - How to tell in practice: is the gradient norm small? Then the lowest eigenvalue, by Lanczos or shifted power iteration on Hessian–vector products. If the gradient norm is *not* small, you are not at a critical point: look at the learning rate.
# - Out of a minimum: temperature $\eta\sigma^2/2$ against barrier height; the waiting time is exponential in the ratio.
# - Other help: better initialisation, normalisation and skip connections, which change the landscape; warm restarts of the learning rate.
# - What does not help: full-batch descent with a small step.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>The loss has stopped falling. What do you do, in order?</summary>
#
# Look at the learning rate first (too small, or already decayed), then at the gradient norm layer by layer: zero in one layer alone points to dead or saturated units, or to a cut graph, rather than to a saddle.
# Then overfit one batch: if that works, the model and the gradient are probably right. The whole decision tree, NaN and spikes included, is in question 47.
#
# </details>
#
# <details><summary>How do you find the lowest eigenvalue for a million parameters?</summary>
#
# Never form $H$. Hessian–vector products cost about two gradients each. Lanczos on them gives both ends of the spectrum; plain power iteration gives the end of larger modulus, so for $\lambda_{\min}$ run it on $H-\lambda_{\max}I$.
#
# </details>
#
# <details><summary>Why does Newton's method run into saddles?</summary>
#
# It looks for a zero of the gradient and divides by the curvature, sign included: along negative curvature it walks *towards* the critical point (question 12).
#
# </details>
#
# <details><summary>Do restarts help?</summary>
#
# Several starts, keep the best: the simplest cure for bad basins, at the price of several runs. Warm restarts, where a schedule (question 47) goes back to its large rate several times (SGDR, Loshchilov & Hutter 2017), raise the temperature again in one run.
#
# </details>
#
# <details><summary>What is a flat minimum, and is it better? What is SAM?</summary>
#
# One where the Hessian has small eigenvalues. It is often linked to better generalisation, because a shift between training and test loss costs less there. But rescaling the weights of a ReLU network changes flatness without changing the function (Dinh et al. 2017), so flatness measured in this way cannot be the whole cause.
# SAM (Foret et al. 2021) searches for it on purpose: take the gradient at $\theta+\rho\,g/\lVert g\rVert$, apply it at θ. It costs two gradients a step.
#
# </details>
#
# <details><summary>Is a plateau a saddle?</summary>
#
# Not necessarily: the gradient may be small over a whole region, as with saturated units. There I would try normalisation, another activation or a better initialisation before noise.
#
# </details>
#
# <details><summary>Are local minima of networks bad?</summary>
#
# In wide networks the minima that training finds tend to have nearly the loss of the best known one. That is an observation with partial theory, not a theorem for your network.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The gradient is zero, so it is a local minimum."
# - "The determinant is positive, so it is a minimum." In four dimensions that says nothing.
# - "Power iteration gives me the most negative eigenvalue." It gives the largest in modulus.
# - "Batch gradient descent escapes local optima."
# - "SGD gets stuck at saddle points more easily than batch descent." Its noise gets it away sooner.
# - "Adam finds the global optimum."

# %% [markdown]
# ## References
#
# - Y. Dauphin et al. *Identifying and attacking the saddle point problem in high-dimensional non-convex optimization.* NeurIPS 2014.
# - R. Ge, F. Huang, C. Jin, Y. Yuan. *Escaping From Saddle Points: Online Stochastic Gradient for Tensor Decomposition.* COLT 2015.
# - J. Lee, M. Simchowitz, M. Jordan, B. Recht. *Gradient Descent Only Converges to Minimizers.* COLT 2016.
# - S. Du et al. *Gradient Descent Can Take Exponential Time to Escape Saddle Points.* NeurIPS 2017.
# - C. Jin et al. *How to Escape Saddle Points Efficiently.* ICML 2017.
# - H. Kramers. *Brownian motion in a field of force and the diffusion model of chemical reactions.* Physica 7, 1940.
# - A. Bray, D. Dean. *Statistics of critical points of Gaussian fields on large-dimensional spaces.* Physical Review Letters 98, 2007.
# - D. Dean, S. Majumdar. *Large deviations of extreme eigenvalues of random matrices.* Physical Review Letters 97, 2006.
# - L. Dinh et al. *Sharp Minima Can Generalize For Deep Nets.* ICML 2017.
# - P. Foret et al. *Sharpness-Aware Minimization for Efficiently Improving Generalization.* ICLR 2021.
# - I. Loshchilov, F. Hutter. *SGDR: Stochastic Gradient Descent with Warm Restarts.* ICLR 2017.
