# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · What does Nesterov's accelerated gradient change?
#
# *Nesterov 动量与普通动量的区别?*

# %% [markdown]
# ## Question
#
# "How does Nesterov's momentum differ from the plain one, and what is gained?
# Your framework's code has no look-ahead in it. Show that it is the same algorithm."
#
# "Nesterov 动量与普通动量有什么区别?带来什么好处?框架里的代码没有'向前看',请证明两者等价。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Where.** The gradient is taken at $\theta-\mu v$, where the velocity is about to carry us, not at θ.
# - **What it does.** On a coordinate of curvature λ it is momentum with $\mu(1-\eta\lambda)$: steep directions are braked more.
# - **The rewritten form.** You can do the change of variable, and know which point a framework returns.
# - **Theory.** $1/k^2$ for smooth convex functions (Nesterov 1983), with exact gradients; it says nothing about noise or networks.
# - **What it is not.** It has one learning rate for all coordinates: nothing for rare features.

# %% [markdown]
# ## The idea
#
# In momentum (question 05) the part $-\mu v$ of the next step is known before the gradient is.
# So take the gradient there (Nesterov 1983; in this form Sutskever et al. 2013):
#
# $$
# v_{t+1}=\mu v_t+\eta\,\nabla f(\theta_t-\mu v_t)
# \qquad
# \theta_{t+1}=\theta_t-v_{t+1}
# \qquad v_0=0 .
# $$
#
# $v$ points uphill and is subtracted. With $\nabla f(\theta_t)$ instead it would be plain momentum.
# If the velocity is about to overshoot, the gradient at the look-ahead point already points back.

# %% [markdown]
# ### How much it brakes
#
# Take one coordinate $x$ with curvature λ: the gradient at $x$ is $\lambda x$. At the look-ahead point it is $\lambda(x_t-\mu v_t)$, so
#
# $$
# v_{t+1}=\mu v_t+\eta\lambda\,(x_t-\mu v_t)=\mu(1-\eta\lambda)\,v_t+\eta\lambda\,x_t .
# $$
#
# **This is plain momentum with $\mu'=\mu(1-\eta\lambda)$**, for each curvature another one.
# Flat directions ($\eta\lambda\ll1$) keep all of μ, steep ones are braked.
#
# Plain momentum obeys $x_{t+1}=(1+\mu-\eta\lambda)x_t-\mu x_{t-1}$ (question 05). Put $\mu'$ for μ:
# $1+\mu'-\eta\lambda=1+\mu-\mu\eta\lambda-\eta\lambda=(1+\mu)(1-\eta\lambda)$, and with $x_t=r^t$
#
# $$
# p(r)=r^2-(1+\mu)(1-\eta\lambda)\,r+\mu(1-\eta\lambda)=0 .
# $$

# %% [markdown]
# From this polynomial all else follows. Write $q=\eta\lambda$.
#
# - **Complex roots** if $(1+\mu)^2(1-q)^2<4\mu(1-q)$, for $q<1$ that is $q>\big(\frac{1-\mu}{1+\mu}\big)^2$.
#   The rate is then $\sqrt{\mu(1-q)}$; plain momentum has $\sqrt\mu$.
# - **Stable** if $p(1)=q>0$, $p(-1)=1+(1+2\mu)(1-q)>0$ and $|\mu(1-q)|<1$.
#   The second says $q<1+\frac1{1+2\mu}$, and then the third holds too.
#   For μ = 0.9 that is $q<1.36$. Plain momentum tolerates $q<2(1+\mu)=3.8$: Nesterov is better damped *inside* its range, and the range is smaller.
# - **Best μ for $\eta=1/L$.** Then $q$ runs from $1/\kappa$ to 1. The slowest coordinate, $q=1/\kappa$, is fastest with a double root: $\frac{1-\mu}{1+\mu}=\frac1{\sqrt\kappa}$, so
#
# $$
# \mu=\frac{\sqrt\kappa-1}{\sqrt\kappa+1},\qquad\text{and the rate is}\qquad \sqrt{\mu\big(1-\tfrac1\kappa\big)}=1-\frac1{\sqrt\kappa}.
# $$
#
# For larger $q$ the rate $\sqrt{\mu(1-q)}$ is smaller still, so $1-1/\sqrt\kappa$ is the rate of the whole.
# Here μ is *not* squared, unlike in the heavy ball's best pair (question 05).
# The step $1/L$ is the one of the general theorem. On quadratics alone $\eta=\frac4{3L+\lambda_{\min}}$ is a little better, with the rate $1-\frac{2}{\sqrt{3\kappa+1}}$ (Lessard et al. 2016; the roots of $p$ confirm it).

# %% [markdown]
# ### The form without a look-ahead
#
# A framework has the gradient at the parameters it holds. So hold the look-ahead point:
#
# $$
# w_t=\theta_t-\mu v_t,\qquad v_t=\eta\,b_t .
# $$
#
# 1. The gradient is $g_{t+1}=\nabla f(w_t)$: at the point we hold.
# 2. Divide $v_{t+1}=\mu v_t+\eta g_{t+1}$ by η: $\;b_{t+1}=\mu b_t+g_{t+1}$.
# 3. Now $w_{t+1}$. Start from its definition, put in $\theta_{t+1}=\theta_t-v_{t+1}$, then $\theta_t=w_t+\mu v_t$:
#
# $$
# \begin{aligned}
# w_{t+1}&=\theta_{t+1}-\mu v_{t+1}\\
# &=\theta_t-v_{t+1}-\mu v_{t+1}\\
# &=w_t+\mu v_t-v_{t+1}-\mu v_{t+1}\\
# &=w_t-\eta g_{t+1}-\mu v_{t+1}\qquad\text{since }v_{t+1}-\mu v_t=\eta g_{t+1}\\
# &=w_t-\eta\,(g_{t+1}+\mu b_{t+1}).
# \end{aligned}
# $$
#
# Rename $w$ to θ, and it is what torch does with `nesterov=True`.
# At the start $v_0=0$, so $w_0=\theta_0$: the same starting point. Step 2 needs a constant η, and the definition of $w$ a constant μ.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: with the look-ahead
#
# `theta` and `velocity` are `(d,)`; `grad_fn(x)` gives the gradient at any point, `(d,)`.
# Return new arrays and leave the arguments as they were.

# %%
def nesterov_step(theta, grad_fn, velocity, lr, momentum=0.9):
    """theta (d,), grad_fn: (d,) -> (d,), velocity (d,) -> (theta (d,), velocity (d,)), both new.

    The velocity points uphill, contains lr, and is subtracted; grad_fn is asked once. The arguments are not changed.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(nesterov_step)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: start from plain momentum</summary>
#
# Write the two lines of question 05, with `grad_fn(theta)` for the gradient.
# Now change the point where `grad_fn` is asked, and nothing else.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the point</summary>
#
# θ will move by minus the new velocity, and what is known of that is `momentum * velocity`.
# lr is inside the velocity already.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `ahead = theta - momentum * velocity`, the gradient there, then `velocity = momentum * velocity + lr * g`.
# θ itself moves from θ, not from `ahead`: return `theta - velocity`.
#
# </details>

# %% [markdown]
# ### Exercise 2: as frameworks write it
#
# Now `grad` is given, at the `theta` you hold. The buffer has no lr in it.
# Arrays of one shape, any shape.

# %%
def nesterov_step_rewritten(theta, grad, buffer, lr, momentum=0.9):
    """theta, grad, buffer (…) -> (theta, buffer), each (…), both new.

    The buffer sums gradients, without lr; the step is lr·(grad + momentum · new buffer), as torch's nesterov=True.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(nesterov_step_rewritten)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: steps 2 and 3 of the derivation</summary>
#
# Step 2 is the line of the buffer, the last line of step 3 that of the parameters.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: a test by hand</summary>
#
# First step from rest, momentum 0.9, gradient 1: the buffer is 1 and θ moves by 1.9 lr.
# If yours moves by 1 lr, it is plain momentum; by 2 lr, the extra μ is missing.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* step that runs, beside plain momentum.
#
# ### One step, seen from above
#
# A ball crosses a valley's floor. It is at the ring, and its velocity carries it to the square.
# From there, which way will each method's gradient push it?

# %% tags=["hide-input"]
def heavy_ball(theta, grad_fn, velocity, lr, momentum=0.9):
    """Plain momentum with the arguments of nesterov_step."""
    velocity = momentum * velocity + lr * grad_fn(theta)
    return theta - velocity, velocity


curvature = np.array([1.0, 8.0])
here, velocity = np.array([-2.0, 0.4]), np.array([-0.6, 0.9])
ahead = here - 0.9 * velocity

ax = plots.contours(lambda x, y: 0.5 * (x**2 + 8 * y**2), (-2.7, 0.7), (-1.0, 0.8), {},
                    "Momentum looks where it is, Nesterov where it will be", minimum=(0, 0))
arrow = dict(arrowstyle="-|>", linewidth=2, shrinkA=0, shrinkB=0, mutation_scale=14)
ax.annotate("", ahead, here, arrowprops=arrow | dict(color="0.45"))
ax.text(-2.04, -0.1, "−μv", color="0.35")
for name, step, words, place in [("momentum", heavy_ball, "momentum:\ngradient from the ring", (-1.22, -0.76)),
                                 ("nesterov", nesterov_step, "Nesterov:\ngradient from the square", (-1.27, -0.2))]:
    new, _ = step(here, lambda x: curvature * x, velocity, 0.08)
    ax.annotate("", new, ahead, arrowprops=arrow | dict(color=plots.color(name)))
    ax.text(*place, words, color=plots.color(name))
ax.plot(*here, "o", color="black", markerfacecolor="white", markersize=9)
ax.plot(*ahead, "s", color="black", markerfacecolor="white", markersize=8)
plt.show()


# %% [markdown]
# **Takeaway.** The ring still lies on the near wall, so momentum's gradient pushes on, up the far wall.
# The square lies on the far wall already, and its gradient pushes back.

# %% [markdown]
# ### Two forms, one path?
#
# Walk down a valley with both of your functions, from the same start. Will the two paths be equal?

# %%
def walk(step, grad_fn, theta, lr, momentum, n_steps):
    """theta and velocity after each step, (n_steps + 1, d) both, from rest."""
    thetas, velocities = [theta], [np.zeros_like(theta)]
    for _ in range(n_steps):
        theta, velocity = step(theta, grad_fn, velocities[-1], lr, momentum)
        theta, velocity = np.asarray(theta), np.asarray(velocity)
        thetas.append(theta)
        velocities.append(velocity)
    return np.array(thetas), np.array(velocities)


start, lr, mu = np.array([-2.4, 0.7]), 0.03, 0.85
theta, v = walk(nesterov_step, lambda x: curvature * x, start, lr, mu, 40)
w, buffer = [start], np.zeros(2)
for _ in range(40):
    new, buffer = nesterov_step_rewritten(w[-1], curvature * w[-1], buffer, lr, mu)
    w.append(new)
w = np.array(w)
print(f"largest gap between θ and w:            {abs(w - theta).max():.2f}")
print(f"largest gap between θ − μv and w below 1e-14: {abs(w - (theta - mu * v)).max() < 1e-14}")

# %% tags=["hide-input"]
ax = plots.contours(lambda x, y: 0.5 * (x**2 + 8 * y**2), (-2.7, 0.9), (-0.9, 0.9),
                    {"Nesterov (θ)": theta[:19], "w, rewritten": w[:19]},
                    "The frameworks' form walks the look-ahead points", minimum=(0, 0))
for k in range(1, 13):
    ax.plot(*np.array([theta[k], w[k]]).T, "-", color="0.35", linewidth=1)
plt.show()

# %% [markdown]
# **Takeaway.** The two paths are not equal, and yet it is one algorithm: $w=\theta-\mu v$ to rounding (thin lines: $-\mu v$, from θ to $w$).
# torch hands you $w$. At the end, when $v\to0$, the two points meet.

# %% [markdown]
# ### Who brakes earlier?
#
# One coordinate, η·λ = 0.1, μ = 0.9, start at 1. Two balls, and a third: *plain* momentum with $\mu'=0.9\cdot(1-0.1)=0.81$.

# %% tags=["hide-input"]
one = np.ones(1)
roll = {
    "momentum": walk(heavy_ball, lambda x: 0.1 * x, one, 1.0, 0.9, 200)[0][:, 0],
    "Nesterov": walk(nesterov_step, lambda x: 0.1 * x, one, 1.0, 0.9, 200)[0][:, 0],
    "momentum (0.81)": walk(heavy_ball, lambda x: 0.1 * x, one, 1.0, 0.81, 200)[0][:, 0],
}
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.plot(roll["momentum"][:76], color=plots.color("momentum"), label="momentum, μ = 0.9")
ax.plot(roll["Nesterov"][:76], color=plots.color("nesterov"), label="Nesterov, μ = 0.9")
ax.plot(roll["momentum (0.81)"][:76], "o", color="black", markersize=3.5, label="momentum, μ′ = μ(1 − ηλ) = 0.81")
ax.axhline(0, color="0.5", linestyle=":")
ax.set(xlabel="step", ylabel="x (the minimum is at 0)", title="Nesterov is momentum with a brake that grows with the curvature")
ax.legend(loc="upper right")
plt.show()

# %%
for name in ("momentum", "Nesterov"):
    x = roll[name]
    print(f"{name:8}  first overshoot {-x.min():.2f}, |x| stays below 0.01 after {np.flatnonzero(abs(x) >= 0.01)[-1] + 1} steps")
print("Nesterov equals momentum with 0.81:", bool(np.allclose(roll["Nesterov"], roll["momentum (0.81)"], rtol=0, atol=1e-12)))

# %% [markdown]
# **Takeaway.** The overshoot is smaller, and the oscillation ends sooner. The third ball lies on the second, as derived.

# %% [markdown]
# ### The rate for every curvature
#
# Lines: the larger root of each method's polynomial, μ = 0.9. Dots: measured with your step.
# At η·λ = 1 something special happens to Nesterov. And beyond?

# %% tags=["hide-input"]
q = np.linspace(0.001, 4, 1600)


def larger_root(b, c):
    """The larger modulus of the roots of r² − b r + c."""
    root = np.sqrt(b**2 - 4 * c + 0j)
    return np.maximum(abs(b + root), abs(b - root)) / 2


lines = {"momentum": larger_root(1.9 - q, 0.9 + 0 * q), "Nesterov": larger_root(1.9 * (1 - q), 0.9 * (1 - q))}
spots = np.array([0.05, 0.2, 0.4, 0.6, 0.8, 1.2, 1.3, 1.45, 2.0, 2.6, 3.2, 3.9])
measured = {}
for name, step in [("momentum", heavy_ball), ("Nesterov", nesterov_step)]:
    x, _ = walk(step, lambda x: spots * x, np.ones(len(spots)), 1.0, 0.9, 60)
    size = np.log(np.hypot(x[1:], x[:-1]))[10:]
    measured[name] = np.exp(np.polyfit(np.arange(len(size)), size, 1)[0])

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for name, line in lines.items():
    ax.plot(q, line, color=plots.color(name), label=f"{name}, μ = 0.9")
    ax.plot(spots, measured[name], "o", color=plots.color(name), markersize=5)
ax.axhline(1, color="0.4", linestyle=":")
ax.text(3.98, 1.02, "diverges above", color="0.35", ha="right")
ax.set(ylim=(0, 1.5), xlim=(0, 4), xlabel="η · λ", ylabel="error's factor per step", title="Nesterov is faster up to η·λ = 1.3, and diverges sooner")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** At η·λ = 1 the brake is complete: $\mu'=0$, and one step takes the coordinate to the minimum.
# Beyond 1 $\mu'$ is negative, and at $1+\frac1{1+2\mu}=1.36$ it diverges. Plain momentum goes on to 3.8.
# Where η·λ is tiny, at the left edge, the two are alike: on the flat floor Nesterov gains nothing.

# %% [markdown] tags=["deeper"]
# ### Deeper: $1/k^2$
#
# Nesterov's theorem of 1983 is about *all* smooth convex functions, also those without a curvature bounded away from 0.
# Gradient descent guarantees an error of order $1/k$ after $k$ steps; with a momentum that grows, $\frac{t-1}{t+2}$ in step $t$, the order is $1/k^2$.
#
# A bowl with all curvatures from 1 down to $10^{-8}$ comes close to the worst case. η = 1/L.

# %% tags=["deeper"]
wide = np.geomspace(1e-8, 1, 400)
n_steps = 3000
gaps = {"GD": [], "Nesterov": []}
for name in gaps:
    theta, velocity = np.ones(400), np.zeros(400)
    for t in range(1, n_steps + 1):
        mu_t = (t - 1) / (t + 2) if name == "Nesterov" else 0.0
        theta, velocity = nesterov_step(theta, lambda x: wide * x, velocity, 1.0, mu_t)
        gaps[name].append(0.5 * np.sum(wide * theta**2))

k = np.arange(1, n_steps + 1)
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for name, values in gaps.items():
    slope, offset = np.polyfit(np.log(k[30:]), np.log(values[30:]), 1)
    ax.loglog(k, values, color=plots.color(name), label=f"{name}: slope {slope:.2f}")
    ax.loglog(k[5:], np.exp(offset) * k[5:] ** slope, ":", color="0.5")
ax.set(xlabel="step k", ylabel="f − minimum", title="Acceleration doubles the exponent")
ax.legend()
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** Order $1/k$ against $1/k^2$: to halve the error costs twice the steps, or 1.4 times.
# No method that only sees gradients has a better order for this whole class, as long as the steps are fewer than about half the dimensions (Nesterov 2004).
# That is why it is called *accelerated*: the name refers to a theorem.

# %% [markdown]
# ## Folklore on trial
#
# ### "Nesterov gives rare features larger updates, so it suits sparse data"
#
# A stream of samples: feature 1 is present in half of them, feature 2 rarely. Logistic regression, one sample per step.
# Afterwards a last test: a gradient of 1 on one feature, then silence for 200 steps. How far does it move its weight?
# If rare features are favoured, feature 2 moves at least 1.5 times (1.1 times) as far. The control is Adagrad (question 07).

# %% tags=["hide-input"]
def nesterov(w, g, state):
    return nesterov_step(w, lambda _: g, state, 0.05)


def adagrad(w, g, state):
    state = state + g**2
    return w - 0.05 * g / (np.sqrt(state) + 1e-10), state


def reach(step, w, state, feature):
    """How much farther w[feature] ends, 200 steps later, if it is given a gradient of −1 now."""
    ends = []
    for size in (-1.0, 0.0):
        w_, state_ = w, state
        for t in range(201):
            grad = np.zeros(2)
            grad[feature] = size if t == 0 else 0.0
            w_, state_ = step(w_, grad, state_)
        ends.append(w_[feature])
    return ends[0] - ends[1]


# %%
def favours_rare(method, p_rare, seed):
    X, y = data.sparse_features(3000, p_rare=p_rare, seed=seed)
    step, w, state = (nesterov if method == "Nesterov" else adagrad), np.zeros(2), np.zeros(2)
    for x, label in zip(X, y, strict=True):
        w, state = step(w, (1 / (1 + np.exp(-x @ w)) - label) * x, state)
    ratio = reach(step, w, state, 1) / reach(step, w, state, 0)
    return bool(ratio > 1.5), bool(ratio > 1.1)


trial(
    "Nesterov gives rare features larger updates",
    favours_rare,
    over=settings(method="Nesterov", p_rare=[0.003, 0.01, 0.05], seed=[0, 1]),
    control=dict(method="Adagrad", p_rare=0.01, seed=0),
    expect="does not hold",
)


# %% [markdown]
# The sentence describes Adagrad (question 07).
# Say: *momentum and Nesterov have one rate for all coordinates; adaptive methods have one for each*.
#
# ### "Nesterov brakes earlier than momentum"
#
# The depth of the first overshoot on one coordinate. Is it smaller by 1 %? By 3 %?
# Where plain momentum does not overshoot at all there is nothing to brake; and beyond $q=1$ the brake $\mu(1-q)$ has the wrong sign. So the condition: plain momentum oscillates, $\mu>(1-\sqrt q)^2$ (question 05), and $q<1$.

# %%
def overshoot(step, q, momentum):
    """How far x, from 1, goes below 0 at most in 150 steps."""
    return max(0.0, -walk(step, lambda x: q * x, np.ones(1), 1.0, momentum, 150)[0].min())


def brakes(q, momentum):
    ours, plain = overshoot(nesterov_step, q, momentum), overshoot(heavy_ball, q, momentum)
    return bool(ours < 0.99 * plain), bool(ours < 0.97 * plain)


trial(
    "Nesterov overshoots less than momentum",
    brakes,
    over=settings(q=[0.03, 0.1, 0.3, 0.6, 1.1, 1.25], momentum=[0.2, 0.5, 0.8, 0.95]),
    held_out=settings(q=[0.02, 0.07, 0.2, 0.45, 0.8, 1.2], momentum=[0.1, 0.3, 0.4, 0.6, 0.7, 0.9]),
    only_if=("plain momentum oscillates and η·λ is below 1", lambda q, momentum: q < 1 and momentum > (1 - np.sqrt(q)) ** 2),
    expect="holds only if plain momentum oscillates and η·λ is below 1",
)


# %% [markdown]
# ### "Nesterov is faster than momentum"
#
# Each with the constants that theory gives it: heavy ball $\frac4{(\sqrt L+\sqrt{\lambda_{\min}})^2}$ and $\big(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\big)^2$; Nesterov the better of its two pairs, $1/L$ and $\frac4{3L+\lambda_{\min}}$.
# Quadratics, and ridge-regularised logistic regression on 569 tumours, which is *not* a quadratic. Who is first within $10^{-6}$ of the start's distance?
# The control is Lessard's function, on which the tuned heavy ball runs in a circle (question 05).

# %% tags=["hide-input"]
def constants(low, L):
    """Pairs (lr, momentum) for curvatures in [low, L]: of the heavy ball, and two of Nesterov."""
    root, wide = np.sqrt(L / low), np.sqrt(3 * L / low + 1)
    rate = (root - 1) / (root + 1)
    return {"momentum": [(4 / (np.sqrt(L) + np.sqrt(low)) ** 2, rate**2)], "Nesterov": [(1 / L, rate), (4 / (3 * L + low), (wide - 2) / (wide + 2))]}


def problem(kind, low, seed):
    """(gradient, start, minimum, L); `low` is the smallest curvature."""
    rng = np.random.default_rng(seed)
    if kind == "quadratic":
        curvatures = np.geomspace(low, 1, 20)
        return lambda x: curvatures * x, rng.normal(size=20), np.zeros(20), 1.0
    if kind == "Lessard":
        return data.lessard_slope, np.array([3.3]), np.zeros(1), 25.0
    gradient, best, L = data.ridge_logistic(low)
    return gradient, rng.normal(size=30), best, L


def steps_needed(step, pairs, gradient, start, minimum, most=3000):
    """The fewest steps, over the pairs of constants, to come within 1e-6 of the start's distance and stay there 20 steps."""
    counts = []
    for lr, momentum in pairs:
        theta, velocity, near = start, np.zeros_like(start), 0
        for t in range(1, most + 1):
            theta, velocity = step(theta, gradient, velocity, lr, momentum)
            near = near + 1 if np.linalg.norm(theta - minimum) < 1e-6 * np.linalg.norm(start - minimum) else 0
            if near == 20:
                most = t
                break
        counts.append(most)
    return min(counts)


# %%
def nesterov_first(kind, low, seed):
    gradient, start, minimum, L = problem(kind, low, seed)
    pairs = constants(low, L)
    plain = steps_needed(heavy_ball, pairs["momentum"], gradient, start, minimum)
    return bool(steps_needed(nesterov_step, pairs["Nesterov"], gradient, start, minimum) < plain)


trial(
    "Nesterov needs fewer steps than momentum, each with the constants that theory gives it",
    nesterov_first,
    over=settings(kind="quadratic", low=[0.1, 0.01, 0.001], seed=[0, 1]) + settings(kind="logistic", low=[0.3, 0.1, 0.03], seed=[0, 1]),
    control=dict(kind="Lessard", low=1.0, seed=0),
    expect="does not hold",
)

# %% [markdown]
# On quadratics the heavy ball's $1-\frac2{\sqrt\kappa+1}$ is the better rate, and it was first in the six logistic runs too.
# In a network these constants are not known, and there it can be otherwise: Sutskever et al. 2013 (§1) find that the look-ahead is more stable and sometimes distinctly better.
# What Nesterov's method offers is the *guarantee*: with its constants it converges for every smooth, strongly convex function. The heavy ball may circle, as on Lessard's, and no choice of heavy-ball constants accelerates on the whole class (question 05).

# %% [markdown]
# ## Answer in 30 seconds
#
# "Nesterov takes the gradient where the velocity is about to carry us: at θ minus μ v.
# That lowers the momentum on steep directions and keeps it on flat ones, so it overshoots less.
# Its learning rate has less room.
# In theory, with exact gradients, it accelerates every smooth convex function: one over k squared.
# Frameworks hold the look-ahead point; shall I show that it's the same algorithm?"
#
# ### 三十秒回答
#
# "Nesterov 不在当前点求梯度,而在动量将要带我们去的那一点求。
# 效果相当于曲率大的方向动量自动变小,平缓方向保持不变,所以过冲更小;但允许的学习率上限也更低。
# 理论上,用精确梯度时,对所有光滑凸函数误差都能加速到 1/k²。
# 框架里保存的就是前瞻点,代码里看不到向前看,换元后两者等价。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $v\leftarrow\mu v+\eta\nabla f(\theta-\mu v)$, $\theta\leftarrow\theta-v$, and draw the ring, the square and the two arrows.
# - One coordinate: $v\leftarrow\mu(1-\eta\lambda)v+\eta\lambda x$. That is the whole difference.
# - Where the roots are complex: rate $\sqrt{\mu(1-\eta\lambda)}$ against $\sqrt\mu$; at the minimum in one step at $\eta\lambda=1$; diverges at $1+\frac1{1+2\mu}$.
# - The change of variable: $w=\theta-\mu v$, $v=\eta b$; from $v_{t+1}-\mu v_t=\eta g$ follows $w\leftarrow w-\eta(g+\mu b)$. Needs constant η and μ.
# - Constants for strongly convex functions: $\eta=1/L$, $\mu=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}$, not squared; on a quadratic the rate is $1-1/\sqrt\kappa$.
# - Without strong convexity: momentum $\frac{t-1}{t+2}$, error of order $1/k^2$ against $1/k$.
# - Limits: with mini-batch noise, or on a network, the theorem does not apply; there I would compare the two.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Show that the two forms are the same.</summary>
#
# Hold $w=\theta-\mu v$ and $b=v/\eta$.
# The gradient is at $w$. The buffer: $b\leftarrow\mu b+g$.
# The point: $w'=\theta'-\mu v'=\theta-v'-\mu v'=w+\mu v-v'-\mu v'=w-\eta g-\mu v'=w-\eta(g+\mu b')$.
# Start at rest, so that $w_0=\theta_0$; keep η and μ constant.
#
# </details>
#
# <details><summary>So which point do I have after training with torch?</summary>
#
# $w=\theta-\mu v$, the look-ahead point. θ is $w+\mu\eta b$.
# Near convergence, when $v\to0$, they are the same; in the middle of a run they differ by $\mu v$.
#
# </details>
#
# <details><summary>Is it a second gradient evaluation per step?</summary>
#
# No. One gradient per step, only at another point. In the rewritten form even the code costs no more than plain momentum: one multiply and add.
#
# </details>
#
# <details><summary>Is it a second-order method?</summary>
#
# No, it evaluates gradients only. But the difference of gradients along the path contains curvature:
# $\nabla f(\theta-\mu v)\approx\nabla f(\theta)-\mu Hv$, and $Hv$ is the brake.
# (And Nesterov is a person; there is no Newton in it.)
#
# </details>
#
# <details><summary>Does the 1/k² hold for SGD with Nesterov momentum?</summary>
#
# Not as it stands. The theorem is about exact gradients and a certain schedule of lr and momentum.
# With a constant lr and noise of constant size the error ends at a level that both set.
#
# </details>
#
# <details><summary>Why is there no momentum² in Nesterov's best constants?</summary>
#
# The square is hidden. The product of the double root at $\eta\lambda=1/\kappa$ is $r^2=\mu(1-\frac1\kappa)$, with $r=1-\frac1{\sqrt\kappa}$.
# So $\mu=\frac{(1-1/\sqrt\kappa)^2}{(1-1/\sqrt\kappa)(1+1/\sqrt\kappa)}=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}$: one factor cancels.
# The heavy ball's lr is up to four times larger than $1/L$, so it needs less momentum.
#
# </details>
#
# <details><summary>How does Nadam use it?</summary>
#
# It puts the same change of variable into Adam: the step uses μ times the *new* mean, plus a share of the present gradient. Question 11 derives it.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "It gives rare features larger updates." That is Adagrad.
# - "Newton momentum." Nesterov is a person.
# - "It needs two gradients per step."
# - "It is more stable, so I can raise the learning rate." It is better damped, but on a quadratic its limit is lower.
# - Rewritten form without the extra μ; or $\mu b$ with the *old* buffer, which is plain momentum again.

# %% [markdown]
# ## References
#
# - Y. Nesterov. *A method for solving the convex programming problem with convergence rate $O(1/k^2)$.* Doklady Akademii Nauk SSSR 269, 1983.
# - Y. Nesterov. *Introductory Lectures on Convex Optimization.* Kluwer, 2004: the lower bound for methods that only see gradients.
# - I. Sutskever, J. Martens, G. Dahl, G. Hinton. *On the importance of initialization and momentum in deep learning.* ICML 2013: the look-ahead form, and the momentum $\mu(1-\eta\lambda)$.
# - L. Lessard, B. Recht, A. Packard. *Analysis and Design of Optimization Algorithms via Integral Quadratic Constraints.* SIAM Journal on Optimization 26(1), 2016.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* arXiv:1609.04747, 2016, §4.3: the paragraph on rare features, under Adagrad.
# - PyTorch documentation of `torch.optim.SGD`: the option `nesterov`.
