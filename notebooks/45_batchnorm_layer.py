# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 45 · Write the whole BatchNorm layer as a class
#
# *手写一个完整的 BatchNorm 层(训练、推理、反向)*

# %% [markdown]
# ## Question
#
# "Write a complete batch-norm layer, as a class: training and evaluation, forward and backward, for vectors and for images.
# What state does it keep, and which call changes what?
# What happens if I call `eval()` between the forward and the backward pass?"
#
# "请写一个完整的 BatchNorm 类:训练和推理、前向和反向,向量和图像都支持。
# 它保存哪些状态,每个调用会改变什么?如果在前向和反向之间调用 eval() 会怎样?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Three kinds of state.** Parameters (γ, β), buffers (running mean and variance), and a cache that lives from one forward to its backward.
# - **Two modes in *both* directions.** Evaluation has a backward pass of its own: statistics are constants.
# - **The details.** Biased variance in the output, unbiased in the buffer; which batch momentum weights (torch: the new one); N·H·W values per channel for images.
# - **Own arrays.** No two layers share an array, and each backward sets the gradients anew instead of adding to them.
# - **How you test it.** Sequences of calls, compared with torch, not one forward pass.

# %% [markdown]
# ## The idea
#
# ### What is kept, and who writes it
#
# | | kind | written by | read by |
# |---|---|---|---|
# | `gamma`, `beta` | parameters | the optimiser | forward, backward |
# | `dgamma`, `dbeta` | gradients | each backward, anew | the optimiser |
# | `running_mean`, `running_var` | buffers | forward, in training only | forward, in evaluation only |
# | $\hat x$, $1/\sigma$, the mode | cache | each forward | the next backward |
# | `training` | mode | `train()`, `eval()` | forward |
#
# The mode belongs to the cache: backward is the derivative of the *last forward*, whatever mode the layer is in by then.

# %% [markdown]
# ### Forward
#
# Let $m$ be the number of values in one channel of the batch: $N$ for `(N, C)`, $N\!\cdot\!H\!\cdot\!W$ for `(N, C, H, W)`. In training
#
# $$
# \mu=\frac1m\sum x,\qquad \sigma^2=\frac1m\sum(x-\mu)^2,\qquad
# \hat x=\frac{x-\mu}{\sqrt{\sigma^2+\varepsilon}},\qquad y=\gamma\hat x+\beta
# $$
#
# Besides, the running mean $r$ and the running variance $v$ move, with torch's momentum α (the weight of the *new* batch):
#
# $$
# r\leftarrow(1-\alpha)\,r+\alpha\,\mu,\qquad
# v\leftarrow(1-\alpha)\,v+\alpha\,\frac{m}{m-1}\,\sigma^2
# $$
#
# The output uses this batch's biased variance; the buffer estimates the population's, so it takes the unbiased one.
# In evaluation $r$ and $v$ stand in for μ and σ².

# %% [markdown]
# ### Backward, twice
#
# Write $g=\gamma\,dy$ and $\bar a$ for the mean over a channel's $m$ values. In training μ and σ depend on every $x$ (question 16 derives it):
#
# $$
# dx=\frac{1}{\sqrt{\sigma^2+\varepsilon}}\Big(g-\bar g-\hat x\;\overline{g\hat x}\Big)
# $$
#
# In evaluation $y=\gamma\,(x-r)/\sqrt{v+\varepsilon}+\beta$ is linear in $x$ apart from a constant, so
#
# $$
# dx=\frac{g}{\sqrt{v+\varepsilon}}
# $$
#
# The gradients of the parameters are the same sums in both modes, each with its own $\hat x$: $d\gamma=\sum dy\,\hat x$, $d\beta=\sum dy$.
# You need the second form for fine-tuning with frozen statistics, and for gradients at the input of a trained network.

# %%
from copy import deepcopy
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, plots, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### The class
#
# Write all methods. The check drives your layer through sequences of calls, moves `gamma` and `beta` as an optimiser would, and looks at every attribute after every step.

# %%
class BatchNorm:
    """Batch norm over channels, for x (N, C) and (N, C, H, W), by torch's conventions.

    Attributes: gamma, beta, running_mean, running_var, each (C,), at first 1, 0, 0 and 1; training, a bool, True at
    first; dgamma, dbeta (C,), of the last backward, never summed up over calls. No two layers share an array.
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        """num_features is C; momentum is the weight of the new batch in the running statistics."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def train(self):
        """From now on forward uses the batch's statistics."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def eval(self):
        """From now on forward uses the running statistics."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        """x (N, C) or (N, C, H, W), in training more than one value a channel -> the output alone, like x.

        In training: biased variance in the output, unbiased into running_var, both running statistics move.
        In evaluation: running statistics, which stay as they are.
        """
        # YOUR CODE HERE
        raise NotImplementedError()

    def backward(self, dout):
        """dout like the last forward's output -> dx alone, like it; sets dgamma and dbeta.

        The derivative of the last forward, in the mode that the layer had in that call.
        """
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(BatchNorm)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two shapes, one code</summary>
#
# `axes = (0,)` for rows and `(0, 2, 3)` for images: `(0, *range(2, x.ndim))` is both. Write a small helper that reshapes `(C,)` to `(1, C)` or `(1, C, 1, 1)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two modes, one formula</summary>
#
# Choose the mean and the variance first, the batch's or the running ones. From there on forward is the same.
# Then backward needs three things of that call: $\hat x$, $1/\sigma$, and whether it was training.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: the unbiased variance</summary>
#
# `count = x.size // x.shape[1]`, and the buffer takes `var * count / (count - 1)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 4: backward</summary>
#
# Both modes: `dgamma`, `dbeta`, `g = dout * gamma`. In training take the mean of `g` away, and `xhat` times the mean of `g * xhat`. Both modes: times `1/σ`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* layer that runs.
#
# ### Which call changes what?
#
# We check the table of *The idea*: all arrays are compared before and after each call. Where do you expect "changed"?

# %%
def snapshot(layer):
    names = ("gamma", "beta", "running_mean", "running_var", "dgamma", "dbeta", "training")
    return {name: np.copy(getattr(layer, name, None)) for name in names}


def operations(rng):
    """(name, call) in the order in which they are tried."""
    return [
        ("forward, training", lambda bn: bn.forward(rng.normal(1, 2, (8, 3)))),
        ("backward, training", lambda bn: bn.backward(rng.normal(size=(8, 3)))),
        ("eval()", lambda bn: bn.eval()),
        ("forward, evaluation", lambda bn: bn.forward(rng.normal(1, 2, (8, 3)))),
        ("backward, evaluation", lambda bn: bn.backward(rng.normal(size=(8, 3)))),
        ("train()", lambda bn: bn.train()),
    ]


layer, changed = BatchNorm(3), {}
for name, call in operations(np.random.default_rng(0)):
    before = snapshot(layer)
    call(layer)
    after = snapshot(layer)
    changed[name] = [bool(np.any(before[key] != after[key])) for key in before]
print(f"{'':22s}" + "".join(f"{key:>14s}" for key in before))
for name, marks in changed.items():
    print(f"{name:22s}" + "".join(f"{'changed' if mark else '·':>14s}" for mark in marks))

# %% [markdown]
# **Takeaway.** None of these calls moves γ and β: that is the optimiser's job. Only a forward pass in training moves the buffers, and no gradient ever reaches them.

# %% [markdown]
# ### Both backward passes against finite differences

# %%
rng = np.random.default_rng(1)
x, gamma, beta = rng.normal(1, 2, (6, 4)), rng.normal(1, 0.3, 4), rng.normal(size=4)


def layer_with(gamma, beta, training):
    bn = BatchNorm(4)
    bn.forward(np.arange(32.0)[:, None] % 5 * np.ones(4))  # running statistics that are not 0 and 1
    bn.gamma, bn.beta = gamma, beta
    if not training:
        bn.eval()
    return bn


def backward_of(training):
    def backward(dout, x, gamma, beta):
        bn = layer_with(gamma, beta, training)
        bn.forward(x)
        return bn.backward(dout), bn.dgamma, bn.dbeta

    return backward


def forward_of(training):
    return lambda x, gamma, beta: layer_with(gamma, beta, training).forward(x)


for training in (True, False):
    report = gradcheck(forward_of(training), backward_of(training), {"x": x, "gamma": gamma, "beta": beta})
    print("training:  " if training else "evaluation:", "every gradient is right" if report else "wrong")

# %% [markdown]
# ### In a network
#
# Two layers of it in a net on digits, SGD by hand (the folded cell). Is the accuracy with running statistics the one with batch statistics?

# %% tags=["hide-input"]
X, y, X_test, y_test = data.digits()


class Net:
    """Linear, BatchNorm, ReLU, twice, and a linear output; the biases before batch norm are left out."""

    def __init__(self, seed, norm=BatchNorm, width=48):
        rng = np.random.default_rng(seed)
        sizes = [64, width, width, 10]
        self.weights = [rng.normal(0, (2 / i) ** 0.5, (i, o)) for i, o in pairwise(sizes)]
        self.norms = [norm(width), norm(width)]

    def forward(self, x):
        self.inputs, self.open = [x], []
        for w, bn in zip(self.weights, self.norms, strict=False):
            z = bn.forward(self.inputs[-1] @ w)
            self.open.append(z > 0)
            self.inputs.append(np.maximum(z, 0))
        return self.inputs[-1] @ self.weights[-1]

    def gradients(self, x, labels):
        """The loss's gradients with respect to the weights; the norms keep theirs."""
        logits = self.forward(x)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        g = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / len(labels)
        found = [self.inputs[-1].T @ g]
        for k in (1, 0):
            g = self.norms[k].backward((g @ self.weights[k + 1].T) * self.open[k])
            found.insert(0, self.inputs[k].T @ g)
        return found

    def step(self, x, labels, lr):
        for w, gradient in zip(self.weights, self.gradients(x, labels), strict=True):
            w -= lr * gradient
        for bn in self.norms:
            bn.gamma, bn.beta = bn.gamma - lr * bn.dgamma, bn.beta - lr * bn.dbeta

    def accuracy(self, x, labels):
        return float(np.mean(self.forward(x).argmax(axis=1) == labels))


def mode(net, training):
    for bn in net.norms:
        bn.train() if training else bn.eval()
    return net


# %%
net, rng, path = Net(0), np.random.default_rng(0), []
for step in range(121):
    if step % 4 == 0:
        own = mode(deepcopy(net), True).accuracy(X_test, y_test)  # a copy, for this pass moves the running statistics
        path.append([step, mode(net, False).accuracy(X_test, y_test), own])
    rows = rng.integers(0, len(y), 32)
    mode(net, True).step(X[rows], y[rows], 0.3)
path = np.array(path)
final = [mode(net, False).accuracy(X_test, y_test), mode(net, True).accuracy(X_test, y_test)]
print(f"running statistics {final[0]:.2f}, one large test batch's own statistics {final[1]:.2f}")

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.plot(path[:, 0], path[:, 2], "--", color="0.35", label="the test batch's own statistics")
ax.plot(path[:, 0], path[:, 1], "-o", color=plots.color("batch norm"), markersize=3, label="running statistics")
ax.set(xlabel="training steps", ylabel="test accuracy", ylim=(0, 1.02),
       title="Evaluation lags at first: the running statistics start at 0 and 1")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** With momentum 0.1 the initial 0 and 1 have the weight $0.9^t$ in the running statistics: after 20 steps 12 %, after 50 half a percent.
# So a net that is evaluated after very few steps may look worse than it is.

# %% [markdown] tags=["deeper"]
# ### Deeper: synchronised batch norm on two devices
#
# Each device has half of the batch. What must they exchange, so that the result is that of one device with the whole batch?

# %% tags=["deeper"]
whole = np.random.default_rng(2).normal(3, 2, (12, 4))
parts = whole[:5], whole[5:]  # not even equally many
sent = [(len(part), part.sum(axis=0), (part**2).sum(axis=0)) for part in parts]  # 2 C + 1 numbers each
count, total, squares = (sum(numbers) for numbers in zip(*sent, strict=True))
mean, var = total / count, squares / count - (total / count) ** 2
print("mean equal:", np.allclose(mean, whole.mean(axis=0)), "  variance equal:", np.allclose(var, whole.var(axis=0)))
apart = np.mean([part.var(axis=0) for part in parts], axis=0)
print("mean of the devices' own variances, too small by", np.round(var - apart, 2))


# %% [markdown] tags=["deeper"]
# Backwards the devices also add up the two sums $\sum g$ and $\sum g\hat x$. Averaging the devices' variances instead leaves out the spread of their means.
# (Real code sends mean and variance, or uses Welford's form: $E[x^2]-\mu^2$ cancels badly in float32.)

# %% [markdown]
# ## Folklore on trial
#
# ### "Freezing γ and β freezes the layer"
#
# Fine-tuning with `requires_grad = False` on γ and β: 30 training batches from shifted data pass through. Is the layer's output in evaluation what it was before? (Within $10^{-6}$; second threshold: within 1 % of its spread.)

# %%
def frozen(mode, shift, batch, seed):
    rng = np.random.default_rng(seed)
    bn = BatchNorm(5)
    for _ in range(30):
        bn.forward(rng.normal(0, 1, (64, 5)))
    probe = rng.normal(size=(50, 5))
    bn.eval()
    before = bn.forward(probe)
    if mode == "training":
        bn.train()
    for _ in range(30):
        bn.forward(rng.normal(shift, 1, (batch, 5)))  # gamma and beta are left alone
    bn.eval()
    gap = np.max(np.abs(bn.forward(probe) - before))
    return gap < 1e-6, gap < 0.01


trial(
    "freezing γ and β freezes a batch-norm layer",
    frozen,
    over=settings(mode=["training", "evaluation"], shift=[0, 1], batch=[8, 64], seed=0),
    held_out=settings(mode=["training", "evaluation"], shift=[0, 0.5, 2], batch=[4, 32], seed=1),
    only_if=("the layer is in evaluation mode too", lambda mode: mode == "evaluation"),
    expect="holds only if the layer is in evaluation mode too",
)


# %% [markdown]
# The buffers are no parameters, so `requires_grad` does not touch them. Freeze by `eval()` on the layer, again after each `model.train()`.
# In training mode even data without any shift changed the output: the running statistics are noisy averages.
#
# ### "Accumulating gradients equals a larger batch"
#
# A batch of 32 is passed whole, or in micro-batches whose gradients are averaged. Is the gradient of the first weights the same? (Relative difference below $10^{-6}$; second threshold: 1 %.)

# %%
class NoNorm:
    """Nothing, in the manner of a norm."""

    def __init__(self, width):
        self.gamma = self.beta = self.dgamma = self.dbeta = np.zeros(width)

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


class LayerNorm(NoNorm):
    """Without γ and β."""

    def forward(self, x):
        self.inverse = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.xhat = (x - x.mean(axis=1, keepdims=True)) * self.inverse
        return self.xhat

    def backward(self, dout):
        along = np.mean(dout * self.xhat, axis=1, keepdims=True)
        return self.inverse * (dout - dout.mean(axis=1, keepdims=True) - self.xhat * along)


kinds = {"none": NoNorm, "layer norm": LayerNorm, "batch norm": BatchNorm, "batch norm, evaluation mode": BatchNorm}


def accumulates(norm, micro, seed):
    net = Net(seed, kinds[norm])
    rows = np.random.default_rng(seed).permutation(len(y))[:32]
    if norm == "batch norm, evaluation mode":
        net.forward(X[:200])  # running statistics of some kind
        mode(net, False)
    at_once = net.gradients(X[rows], y[rows])[0]
    parts = [net.gradients(X[part], y[part])[0] for part in np.split(rows, 32 // micro)]
    gap = np.linalg.norm(np.mean(parts, axis=0) - at_once) / np.linalg.norm(at_once)
    return gap < 1e-6, gap < 0.01


trial(
    "accumulating gradients over micro-batches equals a larger batch",
    accumulates,
    over=settings(norm=list(kinds), micro=[4, 16], seed=[0, 1]),
    held_out=settings(norm=list(kinds), micro=[2, 8], seed=[2, 3, 4]),
    only_if=("no layer looks at other samples", lambda norm: norm != "batch norm"),
    expect="holds only if no layer looks at other samples",
)

# %% [markdown]
# With batch norm every micro-batch is normalised by itself: the network is trained with the noise of the *small* batch, and its buffers are moved once for each micro-batch.
# Say: *accumulation enlarges the batch of the gradient, not that of the statistics*.

# %% [markdown]
# ## Answer in 30 seconds
#
# "The layer keeps parameters, gamma and beta, buffers, the running mean and variance, and a cache from forward to backward.
# In training it normalises with the batch, biased variance, and moves the buffers, unbiased variance. In evaluation the buffers are constants.
# So there are two backward passes: with two mean terms in training, just gamma over sigma in evaluation.
# Backward uses the mode of the last forward pass. Shall I write it?"
#
# ### 三十秒回答
#
# "这个层有三类状态:可学习的 γ、β;缓冲区 running mean 和 running var;还有从前向留给反向的缓存。
# 训练时用 batch 统计量(有偏方差)归一化,并用无偏方差更新缓冲区;推理时缓冲区当常数用。
# 所以反向传播也有两种:训练时要减去两个均值项,推理时只需乘 γ/σ。反向时以最近一次前向的模式为准。需要我写出来吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - State first: parameters, buffers, cache, mode; who writes what.
# - Forward: choose statistics by mode, then one formula. Images: axes (0, 2, 3), $m=NHW$.
# - Buffers: $(1-\alpha)\,\text{old}+\alpha\,\text{new}$, unbiased variance, no gradient, in training only.
# - Backward in training: $\frac1\sigma(g-\bar g-\hat x\,\overline{g\hat x})$. In evaluation: $g/\sigma$. $d\gamma$, $d\beta$ sums in both.
# - Traps: backward by the present mode in place of the cached one; dividing by N in place of NHW; gradients summed up over calls; shared arrays.
# - Test: sequences of calls against torch in float64, not one call: two training passes, backward, evaluation and its backward, images, two layers in turn.
# - Use: freeze with `eval()`, not with `requires_grad`; accumulation does not enlarge the statistics' batch.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What happens if you call forward twice, and then backward twice?</summary>
#
# This layer keeps one cache, so both backward passes would belong to the second forward. torch's graph keeps one for each call. With hand-written layers push the cache on a stack, or return it to the caller.
# It matters in siamese nets and GANs, where one network sees two batches in a step.
#
# </details>
#
# <details><summary>What does SyncBN change?</summary>
#
# Sums and counts of all devices are put together before dividing, forwards and backwards, so $m$ is the global number of values. The backward pass exchanges $\sum g$ and $\sum g\hat x$. Plain data-parallel training keeps the statistics of each device apart, and usually saves one device's buffers.
#
# </details>
#
# <details><summary>What is frozen batch norm?</summary>
#
# Evaluation mode during training, γ and β fixed as well: the layer is a constant scale and shift, $y=ax+b$ per channel. Detectors that start from ImageNet weights and train with two images a device use it. The backward pass is evaluation's.
#
# </details>
#
# <details><summary>momentum=None?</summary>
#
# torch then keeps the plain average of all batches so far, $\alpha=1/t$. It suits recalibration: fixed weights, one pass over the data (question 17).
#
# </details>
#
# <details><summary>What is test-time adaptation with batch norm?</summary>
#
# On shifted data, replace or mix the running statistics with those of the test batch; some methods (TENT) also move γ and β to make predictions more certain. It needs large batches with many classes in them, and the answer for one image then depends on the other images of its batch.
#
# </details>
#
# <details><summary>Why are the buffers not parameters?</summary>
#
# No gradient of the loss reaches them: in training the output does not read them. They are saved with the model (`state_dict`), moved with it to the GPU, and left out of `parameters()`, so that neither the optimiser nor weight decay touches them.
#
# </details>
#
# <details><summary>What about one value a channel?</summary>
#
# Then $\hat x=0$ and the unbiased variance divides by 0. torch refuses in training; in evaluation a single sample is fine.
#
# </details>
#
# <details><summary>And mixed precision?</summary>
#
# Compute mean, variance and the buffers in float32, even when activations are float16: in float16 sums of squares overflow at 65504, and an update of 0.02 % of the value is rounded away.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "In evaluation batch norm has no backward pass", or training's formula there.
# - The running statistics as parameters, "learnt by backprop".
# - Updating the buffers in evaluation.
# - `momentum=0.9`, as in an optimiser: in torch the new batch then has 90 % of the weight, and older ones are nearly forgotten.
# - An array as class attribute or as default argument: all layers share it.
# - One forward pass as the only test.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015: algorithms 1 and 2; section 3 has the backward pass.
# - C. Peng et al. *MegDet: A Large Mini-Batch Object Detector.* CVPR 2018: batch norm across devices.
# - Y. Wu, J. Johnson. *Rethinking "Batch" in BatchNorm.* 2021: frozen statistics, precise batch norm.
# - D. Wang et al. *Tent: Fully Test-Time Adaptation by Entropy Minimization.* ICLR 2021.
# - PyTorch: `torch/nn/modules/batchnorm.py` (buffers, momentum, modes).
