# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 29 · The whole zoo: which one would you pick?
#
# *常见 CNN 模型对比,怎么选?*

# %% [markdown]
# ## Question
#
# "You know LeNet, AlexNet, VGG, Inception, ResNet, ResNeXt and DenseNet.
# Compare them: parameters, cost, accuracy. Which one would you pick, and for what?
# Show me how you count the parameters and the multiply-adds of a network."
#
# "请比较常见的 CNN 模型:参数量、计算量、精度各如何?不同场景下你会怎么选?请写出统计参数量和乘加次数的代码。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Four budgets.** Parameters, multiply-adds, activations, latency. They are four different things, and no one of them predicts the others.
# - **Where each sits.** Multiply-adds in the early, large maps; parameters in the late, wide layers and above all in fully connected ones.
# - **The factor two.** What papers call FLOPs are mostly multiply-adds. FLOPs in the strict sense are twice that.
# - **One protocol.** Errors compare only under the same crops, the same images, and the same training recipe.
# - **A choice with a reason.** First the constraint, then the network; and ResNet-50 as the default that has to be beaten.

# %% [markdown]
# ## The idea
#
# ### Count one layer by hand
#
# A convolution with $k \times k$ kernels from $c_\text{in}$ to $c_\text{out}$ channels in $g$ groups, on an output of $H' \times W'$.
# Each output number is a sum of $\frac{c_\text{in}}{g} k^2$ products. So
#
# $$
# \text{weights} = c_\text{out}\,\frac{c_\text{in}}{g}\,k^2
# \qquad
# \text{multiply-adds} = \underbrace{c_\text{out} H' W'}_{\text{outputs}} \cdot \underbrace{\frac{c_\text{in}}{g}\,k^2}_{\text{products of each}}
# = \text{weights} \cdot H'W'
# $$
#
# A linear layer is the case $k = H' = W' = 1$: one multiply-add per weight.
#
# So weights used at many positions cost arithmetic, weights used once cost memory.
# Everything about VGG follows from that line.

# %% [markdown]
# ### Conventions
#
# - One multiply-add (MAC) is one multiplication and one addition. FLOPs are then twice the MACs.
# - Papers write "FLOPs" and mean MACs: ResNet's 3.8 G, DenseNet's, ResNeXt's. torch's own flop counter means FLOPs.
# - Biases, batch norm, ReLU, pooling are left out. They are few multiplications, but not little memory traffic.
# - One image, in evaluation mode: auxiliary heads, which hang off while training, do not run.
# - Parameters are what is learnt. Running means and variances are buffers.

# %% [markdown]
# ### What decides the time?
#
# A processor can do so many multiply-adds a second, and move so many bytes a second. A layer takes about as long as the slower of the two:
#
# $$ t \approx \max\left(\frac{\text{multiply-adds}}{\text{peak}},\; \frac{\text{bytes moved}}{\text{bandwidth}}\right) $$
#
# The quotient multiply-adds / bytes is the *arithmetic intensity*. Where it is low the arithmetic units wait for memory.
# Linear layers on one image, depthwise convolutions, batch norm, ReLU and concatenations are all low.

# %%
import copy
import re
import time
from itertools import chain, pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from utils import check, hint, models, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: parameters
#
# The number of parameters of a module. By default only those that are trained (`requires_grad`).
# A shared parameter counts once; buffers do not count.


# %%
def count_parameters(module, trainable_only=True):
    """module: nn.Module -> int."""
    # BEGIN SOLUTION
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable_only)
    # END SOLUTION


# %%
check(count_parameters)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what torch offers</summary>
#
# `module.parameters()` walks through all parts, gives each parameter once, and leaves buffers out.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# Sum `p.numel()` over those with `p.requires_grad or not trainable_only`.
#
# </details>

# %% [markdown]
# ### Exercise 2: multiply-adds of a convolution
#
# `height` and `width` are those of the *output*. `groups` divides both numbers of channels.


# %%
def conv2d_macs(c_in, c_out, kernel, height, width, groups=1):
    """All ints; the output is (c_out, height, width) -> int."""
    # BEGIN SOLUTION
    return c_out * height * width * (c_in // groups) * kernel**2
    # END SOLUTION


# %%
check(conv2d_macs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one output number</summary>
#
# How many products are summed for a single number of the output? And how many numbers has the output?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# $c_\text{out} H' W'$ outputs, $(c_\text{in} / g)\,k^2$ products each. Only `c_in` is divided by the groups.
#
# </details>

# %% [markdown]
# ### Exercise 3: multiply-adds of a network
#
# All convolutions (`nn.Conv2d`) and linear layers (`nn.Linear`), for one image; `input_shape` has no batch axis.
# A layer counts at each use and at each position. Biases are not counted.
# Work on a copy, on the meta device, in evaluation mode: the caller's module stays as it was.


# %%
def model_macs(module, input_shape):
    """module: nn.Module, input_shape such as (3, 224, 224) -> int."""
    # BEGIN SOLUTION
    macs = []

    def count(layer, inputs, output):
        macs.append(output.numel() * layer.weight[0].numel())

    twin = copy.deepcopy(module).to("meta").eval()
    for part in twin.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            part.register_forward_hook(count)
    with torch.no_grad():
        twin(torch.empty(1, *input_shape, device="meta"))
    return sum(macs)
    # END SOLUTION


# %%
check(model_macs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: who knows the sizes of the maps?</summary>
#
# The network itself, when it runs. `layer.register_forward_hook(f)` makes torch call `f(layer, inputs, output)` after each use of the layer.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: shapes without memory</summary>
#
# `copy.deepcopy(module).to("meta").eval()` is a copy whose tensors have shapes and no contents. Feed it `torch.empty(1, *input_shape, device="meta")`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: one formula for both kinds</summary>
#
# `layer.weight[0]` holds the weights of one output: for a convolution `(c_in / groups, k, k)`, for a linear layer `(in_features,)`.
# So a use costs `output.numel() * layer.weight[0].numel()`. Collect that in the hook, and sum.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(count_parameters)

# %% tags=["solution"]
common_mistakes(conv2d_macs)

# %% tags=["solution"]
common_mistakes(model_macs)

# %% [markdown]
# ## Experiments
#
# From here on your own functions are at work.
#
# ### The zoo, counted
#
# Every network of this course at full size, built on the meta device.
# Batch norm and ReLU have nothing to count, so we take them out before the multiply-adds: it saves half of the time.

# %%
def without_norms(net):
    """The same convolutions and linear layers; what works entry by entry replaced by nothing."""
    for part in list(net.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, (nn.BatchNorm2d, nn.ReLU)):
                setattr(part, name, nn.Identity())
    return net


counted = {}
for name in models.NAMES:
    net = models.build(name, device="meta")
    parameters = count_parameters(net)
    counted[name] = (parameters, model_macs(without_norms(net), models.PUBLISHED[name].input_shape))

known = [name for name in models.NAMES if models.PUBLISHED[name].macs is not None]
print(f"{len(counted)} networks")
print("parameters equal to the published counts:   ", sum(counted[n][0] == models.PUBLISHED[n].parameters for n in counted))
print(f"multiply-adds equal to the published counts: {sum(counted[n][1] == models.PUBLISHED[n].macs for n in known)} of {len(known)} that are published")

# %% [markdown]
# ### The table
#
# Parameters and multiply-adds are yours. "Printed" is what the paper says, with its own rounding and its own conventions.

# %%
def millions(number):
    return f"{number / 1e6:.2f} M" if number < 1e9 else f"{number / 1e9:.2f} G"


rows = ["| network | year | input | parameters | printed | multiply-adds | printed |", "|---|---|---|--:|---|--:|---|"]
for name, (parameters, macs) in counted.items():
    p = models.PUBLISHED[name]
    size = "×".join(map(str, p.input_shape))
    cells = [p.title, p.year or "–", size, f"{parameters:,}", p.paper_parameters or "–", millions(macs), p.paper_cost or "–"]
    rows.append(f"| {' | '.join(map(str, cells))} |")
Markdown("\n".join(rows))

# %% [markdown]
# ### What each added, and its errors
#
# Top-1 / top-5 error in percent, *with its protocol*. A number without its protocol is worth nothing; you see below why.

# %%
def shown(error):
    top1, top5 = ("–" if value is None else f"{value:g}" for value in (error.top1, error.top5))
    return f"{top1} / {top5} ({error.protocol})"


rows = ["| network | main idea | top-1 / top-5 error, % |", "|---|---|---|"]
for name in counted:
    p = models.PUBLISHED[name]
    rows.append(f"| {p.title} | {p.idea} | {'<br>'.join(map(shown, p.errors)) or '–'} |")
Markdown("\n".join(rows))

# %% [markdown]
# ### Error against cost, under one protocol
#
# Only the networks that torchvision trained and evaluated itself: one centre crop, the first weights ("V1").
# Inception v3 is the exception in one point: its crop has 299 pixels, not 224. It is drawn hollow.

# %%
V1 = "one centre crop, torchvision's V1 weights"
one_crop = {name: e.top1 for name in counted for e in models.PUBLISHED[name].errors if e.protocol == V1}
one_crop.pop("inception-v3-aux")  # the same network with its training head, the same error
FAMILIES = {
    "VGG": ["vgg11", "vgg13", "vgg16", "vgg19"],
    "VGG with BN": ["vgg11-bn", "vgg13-bn", "vgg16-bn", "vgg19-bn"],
    "ResNet": ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"],
    "ResNeXt": ["resnext50-32x4d", "resnext101-32x8d"],
    "DenseNet": ["densenet121", "densenet169", "densenet201", "densenet161"],
    "Inception": ["googlenet-torchvision", "inception-v3"],
    "MobileNet": ["mobilenet-v3-large", "mobilenet-v2"],
    "AlexNet": ["alexnet"],
}
one_crop.pop("googlenet-torchvision-aux")
assert sorted(one_crop) == sorted(chain(*FAMILIES.values()))
print(f"{len(one_crop)} networks under one protocol")

# %% [markdown]
# A network is on the *lower edge* when no other is at most as dear and has a lower error. Which are, by each of the two costs?

# %%
def lower_edge(cost):
    """The networks that no other beats, cheapest first."""
    edge = []
    for name in sorted(one_crop, key=cost):
        if not edge or one_crop[name] < one_crop[edge[-1]]:
            edge.append(name)
    return edge


for label, index in (("parameters", 0), ("multiply-adds", 1)):
    print(f"{label}:", ", ".join(models.PUBLISHED[n].title for n in lower_edge(lambda n, index=index: counted[n][index])))

# %%
TINTS = dict(zip(FAMILIES, ["#777777", "#000000", "#0072B2", "#332288", "#009E73", "#D55E00", "#CC79A7", "#E69F00"], strict=True))
SHORT = {n: re.sub(r"\D", "", n) for n in one_crop}
SHORT |= {"resnext50-32x4d": "50 32×4d", "resnext101-32x8d": "101 32×8d"}
SHORT |= {"googlenet-torchvision": "GoogLeNet", "inception-v3": "v3", "alexnet": "AlexNet", "mobilenet-v2": "V2", "mobilenet-v3-large": "V3-Large"}


PLACES = {
    "above": ((0, 7), "center", "bottom"), "below": ((0, -8), "center", "top"),
    "left": ((-8, 0), "right", "center"), "right": ((8, 0), "left", "center"),
}  # fmt: skip


def scatter(ax, cost, unit, **where):
    """Error against a cost, families joined by lines; labels above their points, or where=[names] says otherwise."""
    places = {n: PLACES[place] for place, names in where.items() for n in names}
    for family, names in list(FAMILIES.items())[:-1]:
        ax.plot([cost[n] for n in names], [one_crop[n] for n in names], "-", color=TINTS[family], linewidth=1.2, alpha=0.7)
        for n in names:
            fill = "white" if n == "inception-v3" else TINTS[family]
            ax.plot(cost[n], one_crop[n], "o", color=TINTS[family], markerfacecolor=fill, markersize=7, label=family if n == names[0] else None)
            shift, ha, va = places.get(n, PLACES["above"])
            text = dict(textcoords="offset points", fontsize=8.5, color=TINTS[family])
            ax.annotate(SHORT[n], (cost[n], one_crop[n]), shift, ha=ha, va=va, **text)
    ticks = [t for t in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if 0.8 * min(cost.values()) < t < 1.3 * max(cost.values())]
    ax.set(xscale="log", ylabel="top-1 error, % (one centre crop, V1 weights)", ylim=(19.6, 32.6))
    ax.set_xticks(ticks, ticks)
    ax.minorticks_off()
    note = f"AlexNet is outside: {one_crop['alexnet']:.1f} % at {cost['alexnet']:.2g} {unit}"
    ax.text(0.02, 0.03, note, transform=ax.transAxes, fontsize=9, color=TINTS["AlexNet"])


# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(9, 5.4), layout="constrained")
scatter(ax, {n: counted[n][1] / 1e9 for n in one_crop}, "G", left=["densenet121", "densenet169", "densenet201", "resnet50"],
        below=["resnet18", "inception-v3", "resnext50-32x4d", "resnet101", "resnext101-32x8d", *FAMILIES["VGG with BN"]])
ax.set(xlim=(0.17, 26), xlabel="multiply-adds for one image, G", title="Error against arithmetic: VGG pays most, ResNeXt gets the most for it")
ax.legend(loc="upper center", bbox_to_anchor=(0.25, 1))
plt.show()

# %% [markdown]
# **Takeaway.** MobileNetV3-Large (question 49) has the error of nets with ten times its arithmetic.
# Up to 3.4 G DenseNet-121 and 169 get the most for their arithmetic, from 4 G on ResNet-50, ResNeXt and ResNet-152.
# VGG-16 needs nearly four times ResNet-50's arithmetic for a higher error.

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(9, 5.4), layout="constrained")
scatter(ax, {n: counted[n][0] / 1e6 for n in one_crop}, "M", right=FAMILIES["VGG"], left=FAMILIES["VGG with BN"],
        below=["resnext50-32x4d", *FAMILIES["DenseNet"][:3], "resnext101-32x8d"])
ax.set(xlim=(3, 190), xlabel="parameters, M", title="Error against parameters: MobileNetV3 below 8 M, DenseNet up to 20 M")
ax.legend(loc="upper center", bbox_to_anchor=(0.62, 1))
plt.show()

# %% [markdown]
# **Takeaway.** The same errors, another axis, another order: VGG and AlexNet are now farther off, ResNet-18 and 34 have lost their place to DenseNet.
# Who asks "which is the most efficient network?" has to say: efficient in what?

# %% [markdown]
# ### Where the two budgets sit: VGG-16, layer by layer
#
# Thirteen convolutions and three linear layers. Use your `conv2d_macs` for the former.

# %%
WIDTHS = [(64, 2, 224), (128, 2, 112), (256, 3, 56), (512, 3, 28), (512, 3, 14)]
layers, c_in = [], 3
for stage, (c_out, repeats, size) in enumerate(WIDTHS, start=1):
    for index in range(repeats):
        layers.append((f"conv{stage}-{index + 1}", 9 * c_in * c_out + c_out, conv2d_macs(c_in, c_out, 3, size, size)))
        c_in = c_out
for index, (n_in, n_out) in enumerate([(512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)], start=1):
    layers.append((f"fc{index}", n_in * n_out + n_out, n_in * n_out))

assert sum(row[1] for row in layers) == counted["vgg16"][0]
assert sum(row[2] for row in layers) == counted["vgg16"][1]
linear = layers[-3:]
print(f"the three linear layers: {sum(row[1] for row in linear) / counted['vgg16'][0]:.0%} of the parameters, "
      f"{sum(row[2] for row in linear) / counted['vgg16'][1]:.1%} of the multiply-adds")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(2, 1, figsize=(8.5, 4.6), sharex=True, layout="constrained")
names, parameters, macs = zip(*layers, strict=True)
axes[0].bar(names, np.array(macs) / 1e9, color="#0072B2")
axes[0].set(ylabel="multiply-adds, G", title="VGG-16: the arithmetic is in the convolutions …")
axes[1].bar(names, np.array(parameters) / 1e6, color="#E69F00")
axes[1].set(ylabel="parameters, M", title="… and the parameters are in one linear layer")
axes[1].tick_params(axis="x", rotation=45)
plt.show()

# %% [markdown]
# **Takeaway.** Global average pooling, from GoogLeNet on, did away with the lower picture.
# It made networks small, not fast.

# %% [markdown]
# ### Trap 1: FLOPs or multiply-adds
#
# torch's flop counter against your function, on ResNet-50.

# %%
resnet50 = models.build("resnet50", device="meta").eval()
with FlopCounterMode(display=False) as counter:
    resnet50(torch.empty(1, 3, 224, 224, device="meta"))
print(f"torch's flop counter: {counter.get_total_flops():,}")
print(f"your multiply-adds:   {counted['resnet50'][1]:,}   factor {counter.get_total_flops() / counted['resnet50'][1]:g}")

# %% [markdown]
# ### Trap 2: one name, two networks
#
# The ResNet paper puts the stride of a bottleneck on the first 1×1, everybody's code on the 3×3 ("v1.5").

# %%
for name in ("resnet50-v1", "resnet50"):
    parameters, macs = counted[name]
    print(f"{models.PUBLISHED[name].title:15} {parameters:,} parameters, {macs / 1e9:.2f} G multiply-adds")

# %% [markdown]
# Stride placement changes the multiply-adds, by 6 %, and no parameter. So a count of parameters cannot tell the two apart.

# %% [markdown]
# ### Trap 3: what is a parameter?
#
# Keras reports 25,636,712 for ResNet-50; you count 25,557,032. Who is right?
# Keras gives the convolutions biases, and lists batch norm's moving statistics as "non-trainable parameters".

# %%
biases = sum(part.out_channels for part in resnet50.modules() if isinstance(part, nn.Conv2d))
statistics = sum(2 * part.num_features for part in resnet50.modules() if isinstance(part, nn.BatchNorm2d))
print(f"{counted['resnet50'][0]:,} + {biases:,} biases + {statistics:,} moving statistics = {counted['resnet50'][0] + biases + statistics:,}")

# %% [markdown]
# Both are right, about different things.

# %% [markdown]
# ### Trap 4: heads that only train
#
# GoogLeNet and Inception v3 have auxiliary classifiers. They are gone in evaluation, but their parameters are in many a table.

# %%
for name in ("googlenet", "inception-v3"):
    (main, macs), (both, macs_both) = counted[name], counted[f"{name}-aux"]
    print(f"{models.PUBLISHED[name].title:25} {main / 1e6:5.2f} M, with heads {both / 1e6:5.2f} M; multiply-adds in evaluation equal: {macs == macs_both}")

# %% [markdown]
# ### Trap 5: the input's size
#
# Inception v3 reads 299 pixels, ResNet 224. What does ResNet-50 cost at other sizes?

# %%
plain50 = without_norms(copy.deepcopy(resnet50))
for size in (160, 224, 299, 320):
    macs = model_macs(plain50, (3, size, size))
    print(f"ResNet-50 at {size}: {macs / 1e9:5.2f} G  ({macs / counted['resnet50'][1]:.2f} times; the square of the sides' ratio: {(size / 224) ** 2:.2f})")

# %% [markdown]
# At 299 pixels ResNet-50 costs more than Inception v3's 5.7 G. The parameters stay the same, whatever the size.

# %% [markdown]
# ### Trap 6: one network, many errors
#
# All top-1 errors of the table for a few networks. Each row is *one* architecture.

# %%
KINDS = {
    "one crop": (("one crop",), "o", "#0072B2"),
    "one crop of 320 pixels": (("one 320 crop",), "v", "#56B4E9"),
    "10 crops": (("10 crops",), "s", "#E69F00"),
    "several scales, or dense": (("several scales", "one scale, dense", "best of one"), "^", "#009E73"),
    "144 crops": (("144 crops",), "D", "#CC79A7"),
    "torchvision, V1 recipe": (("one centre crop, torchvision's V1",), "o", "#000000"),
    "torchvision, V2 recipe": (("one centre crop, torchvision's V2",), "*", "#D55E00"),
}
ROWS = {
    "VGG-16": ["vgg16"], "ResNet-50": ["resnet50-v1", "resnet50"], "ResNet-101": ["resnet101-v1", "resnet101"],
    "ResNet-152": ["resnet152-v1", "resnet152"], "Inception v3": ["inception-v3"], "Inception v4": ["inception-v4"],
    "ResNeXt-50": ["resnext50-32x4d"], "DenseNet-121": ["densenet121"], "DenseNet-201": ["densenet201"],
}  # fmt: skip
found = {row: [e for name in names for e in models.PUBLISHED[name].errors if e.top1] for row, names in ROWS.items()}
spread = {row: max(e.top1 for e in errors) - min(e.top1 for e in errors) for row, errors in found.items()}
for row in ("ResNet-50", "ResNet-101", "ResNet-152"):
    print(f"{row}: {len(found[row])} figures, up to {spread[row]:.1f} points apart")

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
for label, (prefixes, marker, tint) in KINDS.items():
    points = [(e.top1, y) for y, errors in enumerate(found.values()) for e in errors if e.protocol.startswith(prefixes)]
    ax.plot(*zip(*points, strict=True), marker, color=tint, markersize=12 if marker == "*" else 8, alpha=0.85, label=label, linestyle="none")
ax.set_yticks(range(len(ROWS)), list(ROWS))
ax.invert_yaxis()
ax.set(xlabel="top-1 error, %", title="One network, errors five points apart: protocol and recipe")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Takeaway.** Read along a row: crops and scales move an error by up to nearly four points, the training recipe by four to five.
# Read down a column of one colour: the architectures of a generation differ by less.

# %%
errors50 = {e.protocol: e.top1 for e in models.PUBLISHED["resnet50"].errors}
recipe = errors50[V1] - min(errors50.values())
depth = one_crop["resnet50"] - one_crop["resnet152"]
print(f"ResNet-50, new recipe instead of old: {recipe:.1f} points.  ResNet-152 instead of ResNet-50, old recipe: {depth:.1f} points.")

# %% [markdown]
# **Takeaway.** Before you change the network, look at how it was trained.

# %% [markdown]
# ### Bytes moved
#
# A dispatch mode sees every operation that torch runs. Add up the bytes of all that goes in and comes out, views apart.
# On the meta device this needs no memory. (Fusing operations, or folding batch norm, would save some of it.)


# %%
class Traffic(TorchDispatchMode):
    """Bytes read and written by the operations inside."""

    total = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view:
            leaves = torch.utils._pytree.tree_leaves((args, kwargs, result))
            self.total += sum(leaf.nbytes for leaf in leaves if isinstance(leaf, torch.Tensor))
        return result


def bytes_moved(net, input_shape, batch=1):
    with torch.no_grad(), Traffic() as traffic:
        net.eval()(torch.empty(batch, *input_shape, device="meta"))
    return traffic.total


def activations(net, input_shape):
    """How many numbers leave the convolutions and linear layers, for one image."""
    numbers = []
    for part in net.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            part.register_forward_hook(lambda layer, inputs, output: numbers.append(output.numel()))
    net(torch.empty(1, *input_shape, device="meta"))
    return sum(numbers)


# %%
MEASURED = ["alexnet", "vgg11", "vgg16", "googlenet-torchvision", "resnet18", "resnet34", "resnet50", "resnext50-32x4d",
            "densenet121"]  # fmt: skip
moved = {}
for name in MEASURED:
    net, shape = models.build(name, device="meta"), models.PUBLISHED[name].input_shape
    moved[name] = bytes_moved(net, shape)
    many = bytes_moved(net, shape, batch=32) / 32
    macs, maps = counted[name][1], activations(without_norms(net), shape)
    print(f"{models.PUBLISHED[name].title:24} {macs / 1e9:5.2f} G   {maps / 1e6:4.1f} M activations   {moved[name] / 2**20:4.0f} MiB moved   "
          f"{macs / moved[name]:4.1f} multiply-adds a byte, in a batch of 32 {macs / many:4.1f}")

# %% [markdown]
# **Takeaway.** AlexNet on a single image mostly reads its weights; a batch shares that reading.
# DenseNet-121 moves more bytes than ResNet-50, with two thirds of its arithmetic and of its activations: it reads them again and again.

# %% [markdown]
# ### Latency, measured
#
# One image, one thread, on this machine; the best of three passes, in milliseconds.
# The weights are zeros: the arithmetic does not mind. Which of the three axes would you expect to be the straight line?

# %% tags=["nbval-ignore-output"]
def milliseconds(name):
    net = models.build(name, device="meta").eval().to_empty(device="cpu")
    with torch.inference_mode():
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.zero_()
        image, times = torch.zeros(1, *models.PUBLISHED[name].input_shape), []
        for _ in range(4):
            start = time.perf_counter()
            net(image)
            times.append(time.perf_counter() - start)
    return 1e3 * min(times[1:])


threads = torch.get_num_threads()
torch.set_num_threads(1)
latency = {name: milliseconds(name) for name in MEASURED}
torch.set_num_threads(threads)

fig, axes = plt.subplots(1, 3, figsize=(9.5, 4.2), sharey=True, layout="constrained")
axis_of = {
    "parameters, M": {n: counted[n][0] / 1e6 for n in MEASURED},
    "multiply-adds, G": {n: counted[n][1] / 1e9 for n in MEASURED},
    "bytes moved, MiB": {n: moved[n] / 2**20 for n in MEASURED},
}
letters = dict(zip(MEASURED, "ABCDEFGHI", strict=True))
for ax, (label, values) in zip(axes, axis_of.items(), strict=True):
    for name in MEASURED:
        ax.loglog(values[name], latency[name], "o", color="#0072B2", markersize=15, alpha=0.25)
        ax.text(values[name], latency[name], letters[name], ha="center", va="center", fontsize=10)
    ax.set_xlabel(label)
    for axis, numbers in ((ax.xaxis, values.values()), (ax.yaxis, latency.values())):
        axis.set_ticks([t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if 0.8 * min(numbers) < t < 1.2 * max(numbers)])
        axis.set_major_formatter("{x:g}")
    ax.minorticks_off()
axes[0].set_ylabel("latency, ms")
key = "   ".join(f"{letter} {models.PUBLISHED[name].title}" for name, letter in letters.items())
fig.suptitle("Latency follows multiply-adds, roughly, and parameters not at all", x=0.01, ha="left")
fig.supxlabel(key.replace("   F", "\nF"), fontsize=9)
plt.show()

# %% tags=["nbval-ignore-output"]
speed = {models.PUBLISHED[n].title: counted[n][1] / latency[n] / 1e6 for n in sorted(MEASURED, key=lambda n: counted[n][1] / moved[n])}
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
intensity = [counted[n][1] / moved[n] for n in sorted(MEASURED, key=lambda n: counted[n][1] / moved[n])]
bars = ax.barh([f"{name}  ({x:.1f} a byte)" for name, x in zip(speed, intensity, strict=True)], speed.values(), color="#0072B2", alpha=0.85)
ax.bar_label(bars, fmt="%.0f", padding=4)
ax.set(xlabel="multiply-adds done, G a second", title="Where more is computed for each byte, more is computed in a second")
ax.grid(False, axis="y")
plt.show()

# %% [markdown]
# **Takeaway.** Within a factor of two or three the multiply-adds tell the time; the rest is memory traffic and the number of small operations.
# On a GPU, with its far higher arithmetic peak, the rest is larger.

# %% [markdown]
# ### Who is best under which limit?
#
# Of the networks under one protocol, the lowest error within a budget. Inception v3 with its larger crop is left out.

# %%
candidates = {n: error for n, error in one_crop.items() if n != "inception-v3"}


def best(limit, cost):
    within = [n for n in candidates if cost(n) <= limit]
    winner = min(within, key=candidates.get)
    return models.PUBLISHED[winner].title, candidates[winner]


for label, limits, cost in (
    ("multiply-adds up to {:g} G", (1, 2, 3, 5, 10, 20), lambda n: counted[n][1] / 1e9),
    ("parameters up to {:g} M", (8, 15, 22, 30, 100), lambda n: counted[n][0] / 1e6),
):
    for limit in limits:
        title, error = best(limit, cost)
        print(f"{label.format(limit):28} {title:24} {error:5.2f} %")

# %% [markdown]
# **Takeaway.** ResNeXt where there is room, DenseNet where parameters are short, and below 3 G too.
# VGG never wins, AlexNet only where nothing else fits.

# %% [markdown]
# ### What would a detector get?
#
# Detectors read maps at strides 4, 8, 16 and 32, and want halves exactly. The channels of the last map of each size:

# %%
def pyramid(name):
    """Size → channels of the last map of that size."""
    shape = models.PUBLISHED[name].input_shape
    rows = models.describe(models.build(name, device="meta"), shape)
    return {row.shape[1]: row.shape[0] for row in rows if len(row.shape) == 3 and row.shape[1] > 1}


for name in ("resnet50", "resnext50-32x4d", "densenet121", "inception-v3", "inception-v4"):
    sizes = {size: c for size, c in pyramid(name).items() if size <= models.PUBLISHED[name].input_shape[1] / 4}
    levels = ", ".join(f"{c} channels at {size}×{size}" for size, c in sizes.items())
    print(f"{models.PUBLISHED[name].title:18} input {models.PUBLISHED[name].input_shape[1]}: {levels}")

# %% [markdown]
# **Takeaway.** ResNet, ResNeXt and DenseNet halve exactly: 56, 28, 14, 7.
# Inception's convolutions without padding leave odd sizes, which are awkward to align with boxes.

# %% [markdown]
# ### What is left to train on ten classes?
#
# With little data you take a pretrained network and change the head. How many parameters does it then have, and how many are in the new last layer?

# %%
for name in ("alexnet", "vgg16", "resnet18", "resnet50", "densenet121"):
    with torch.device("meta"):
        net = models.build(name, num_classes=10)
    last = [part for part in net.modules() if isinstance(part, nn.Linear)][-1]
    print(f"{models.PUBLISHED[name].title:18} {count_parameters(net) / 1e6:6.1f} M, the last layer alone {count_parameters(last):6,}")

# %% [markdown]
# ### A small guide, from the figures above
#
# | you have | take | because |
# |---|---|---|
# | no special constraint | ResNet-50, with a modern recipe | the reference for everything; the recipe is worth more than the architecture |
# | a server, accuracy counts | ResNeXt-101, or ResNet-152 | the lowest error under one protocol |
# | a limit on arithmetic, about 4 G | ResNeXt-50 | 1.5 points below ResNet-50 at nearly its cost |
# | a limit on the file (download, flash) | DenseNet-121 or 169 | the lowest error below 15 M parameters |
# | a phone | ResNet-18 or GoogLeNet of this list; better a network made for it (MobileNet, EfficientNet) | below 2 G, and few bytes |
# | little memory for training | ResNet-18 or 34 | DenseNet keeps the most maps (question 28) |
# | a detector or a segmenter | ResNet-50 or 101 with a feature pyramid | exact halves at strides 4 to 32, and everybody's weights |
# | a few hundred images | any of them pretrained, the smaller first; train the head, then more | a few thousand new parameters, not millions |
# | 28×28 digits | LeNet-5 | 62 thousand parameters do |
# | perceptual losses, style transfer | VGG-16 or 19 | its plain maps are the custom there, in spite of the cost |

# %% [markdown]
# ## Folklore on trial
#
# ### "More parameters means slower"
#
# Slower by arithmetic, that is: more multiply-adds. Inside each family, and between families.

# %%
def grows(names, first, second):
    """Sorted by the one, does the other grow as well?"""
    values = [second(n) for n in sorted(names, key=first)]
    return all(a < b for a, b in pairwise(values))


def size_of(name):
    return counted[name][0]


def cost_of(name):
    return counted[name][1]


ruling = trial(
    "more parameters means slower",
    {
        "VGG-11 to 19": grows(FAMILIES["VGG"], size_of, cost_of),
        "ResNet-18 to 152": grows(FAMILIES["ResNet"], size_of, cost_of),
        "DenseNet-121 to 161": grows(FAMILIES["DenseNet"], size_of, cost_of),
        "AlexNet and ResNet-18": grows(["alexnet", "resnet18"], size_of, cost_of),
        "DenseNet-121 and ResNet-18": grows(["densenet121", "resnet18"], size_of, cost_of),
        "AlexNet and VGG-16 and ResNet-50": grows(["alexnet", "vgg16", "resnet50"], size_of, cost_of),
    },
    only_if="the networks are of one family",
)
assert ruling == "holds only if the networks are of one family"
ruling

# %% [markdown]
# AlexNet has five times the parameters of ResNet-18 and two fifths of its arithmetic.

# %% [markdown]
# ### "More parameters means more accurate"

# %%
def accuracy_of(name):
    return -one_crop[name]


ruling = trial(
    "more parameters means more accurate",
    {
        "VGG-11 to 19": grows(FAMILIES["VGG"], size_of, accuracy_of),
        "ResNet-18 to 152": grows(FAMILIES["ResNet"], size_of, accuracy_of),
        "DenseNet-121 to 161": grows(FAMILIES["DenseNet"], size_of, accuracy_of),
        "VGG-16 and ResNet-50": grows(["vgg16", "resnet50"], size_of, accuracy_of),
        "AlexNet and DenseNet-121": grows(["alexnet", "densenet121"], size_of, accuracy_of),
    },
    only_if="the networks are of one family and trained alike",
)
assert ruling == "holds only if the networks are of one family and trained alike"
ruling

# %% [markdown]
# VGG-16 has more than five times ResNet-50's parameters, and four and a half points more error.

# %% [markdown]
# ### "Multiply-adds predict latency"
#
# A measured time would be this machine's. So ask what decides it anywhere: with less arithmetic, are there also fewer bytes to move?
# And take two layers of *equal* arithmetic, an ordinary 3×3 and a depthwise one.

# %%
size, c = 28, 64
ordinary = nn.Conv2d(c, c, 3, padding=1, bias=False, device="meta")
depthwise = nn.Conv2d(c * c, c * c, 3, padding=1, groups=c * c, bias=False, device="meta")
layer_macs = [conv2d_macs(c, c, 3, size, size), conv2d_macs(c * c, c * c, 3, size, size, groups=c * c)]
layer_bytes = [bytes_moved(ordinary, (c, size, size)), bytes_moved(depthwise, (c * c, size, size))]
for kind, macs, moved_bytes in zip(("ordinary 3×3", "depthwise 3×3"), layer_macs, layer_bytes, strict=True):
    print(f"{kind:14} {macs / 1e6:.1f} M multiply-adds, {moved_bytes / 2**20:5.1f} MiB moved, {macs / moved_bytes:5.1f} a byte")


def same_order(a, b):
    """Does the network with less arithmetic also move fewer bytes?"""
    return (counted[a][1] < counted[b][1]) == (moved[a] < moved[b])


ruling = trial(
    "multiply-adds predict latency",
    {
        "ResNet-18 and 34: less arithmetic, fewer bytes": same_order("resnet18", "resnet34"),
        "VGG-11 and 16: less arithmetic, fewer bytes": same_order("vgg11", "vgg16"),
        "DenseNet-121 and ResNet-50: less arithmetic, fewer bytes": same_order("densenet121", "resnet50"),
        "AlexNet and ResNet-18, one image: less arithmetic, fewer bytes": same_order("alexnet", "resnet18"),
        "two layers of equal arithmetic move equal bytes, within a factor of 10": max(layer_bytes) < 10 * min(layer_bytes),
    },
    only_if="the networks are of one kind, so that bytes and operations grow with the arithmetic",
)
assert ruling == "holds only if the networks are of one kind, so that bytes and operations grow with the arithmetic"
ruling

# %% [markdown]
# Say instead: *multiply-adds are a first guess. For the answer, measure on the device, with its batch size and its library.*

# %% [markdown]
# ### "Deeper is better"

# %%
ruling = trial(
    "deeper is better",
    {
        "VGG, 11 to 19 layers": grows(["vgg11", "vgg13", "vgg16", "vgg19"], lambda n: int(n[3:]), accuracy_of),
        "ResNet, 18 to 152 layers": grows(FAMILIES["ResNet"], lambda n: int(n[6:]), accuracy_of),
        "DenseNet-161 and 201: the deeper is more accurate": one_crop["densenet201"] < one_crop["densenet161"],
        "DenseNet-121 and ResNet-50: the deeper is more accurate": one_crop["densenet121"] < one_crop["resnet50"],
        "ResNeXt-50 and ResNet-101: the deeper is more accurate": one_crop["resnet101"] < one_crop["resnext50-32x4d"],
    },
    only_if="nothing but the depth changes, and the depth can be trained",
)
assert ruling == "holds only if nothing but the depth changes, and the depth can be trained"
ruling

# %% [markdown]
# Depth is one axis. Width (DenseNet-161), cardinality (ResNeXt) and resolution are others.
# And without shortcuts it ends early: plain nets of 34 layers are worse than those of 18 (question 25).

# %% [markdown]
# ### "The FLOPs in the papers are comparable"
#
# Take the number that is printed, and compare it with one convention: all convolutions and linear layers, multiply-adds.

# %%
def printed(name):
    """The first number of the printed cost, in G."""
    return float(re.match(r"[\d.]+", models.PUBLISHED[name].paper_cost).group())


convolutions = {name: counted[name][1] - 512 * 7 * 7 * 4096 - 4096 * 4096 - 4096 * 1000 for name in ("vgg16", "vgg19")}
for name in ("vgg16", "vgg19"):
    print(f"{models.PUBLISHED[name].title:12} printed {printed(name):5.1f} G; all layers {counted[name][1] / 1e9:5.2f}, "
          f"convolutions only {convolutions[name] / 1e9:5.2f}")
for name in ("resnet50-v1", "resnet152-v1", "inception-v3"):
    print(f"{models.PUBLISHED[name].title:12} printed {printed(name):5.1f} G; all layers {counted[name][1] / 1e9:5.2f}")


def agrees(number, name):
    """Cut off after its first decimal, as the ResNet paper does, or rounded there."""
    true = counted[name][1] / 1e9
    return number in (int(10 * true) / 10, round(true, 1))


ruling = trial(
    "the FLOPs in the papers are comparable",
    {
        "ResNet-152, in the ResNet paper": agrees(printed("resnet152-v1"), "resnet152-v1"),
        "ResNet-50, in the ResNet paper, against the v1 network": agrees(printed("resnet50-v1"), "resnet50-v1"),
        "the same figure against the v1.5 that everybody runs": agrees(printed("resnet50-v1"), "resnet50"),
        "VGG-19, in the ResNet paper": agrees(printed("vgg19"), "vgg19"),
        "VGG-16, in the ResNet paper": agrees(printed("vgg16"), "vgg16"),
        "Inception v3, in its paper": agrees(printed("inception-v3"), "inception-v3"),
        "torch's flop counter on ResNet-50": counter.get_total_flops() == counted["resnet50"][1],
    },
    only_if="the same things were counted, on the same version of the network",
)
assert ruling == "holds only if the same things were counted, on the same version of the network"
ruling

# %% [markdown]
# One table of one paper has VGG-16 without its linear layers and VGG-19 with them. Count for yourself: it is ten lines.

# %% [markdown]
# ### "The errors in the papers tell which network is better"
#
# Compare ResNet-152 with Inception v4, first careless, then with one kind of protocol.

# %%
def error_of(name, protocol):
    return next(e.top1 for e in models.PUBLISHED[name].errors if e.protocol == protocol)


scales, crops, one = (error_of("resnet152-v1", p) for p in ("several scales", "10 crops", "one crop"))
v4_one, v4_many = error_of("inception-v4", "one crop, non-blacklisted images"), error_of("inception-v4", "144 crops")
print(f"ResNet-152:   {one:.1f} one crop, {crops:.1f} ten crops, {scales:.1f} several scales")
print(f"Inception v4: {v4_one:.1f} one crop, {v4_many:.1f} 144 crops")

ruling = trial(
    "the error in the paper tells which network is better: Inception v4 beats ResNet-152",
    {
        "one crop each": v4_one < one,
        "many crops or scales each": v4_many < scales,
        "Inception's one crop, ResNet's several scales": v4_one < scales,
    },
    only_if="both were measured in the same way",
)
assert ruling == "holds only if both were measured in the same way"
ruling

# %% [markdown]
# And even "one crop" is not one thing here: the Inception papers leave out the blacklisted images, and crop at 299.

# %% [markdown]
# ## Answer in 30 seconds
#
# "I look at four budgets: parameters, multiply-adds, activations and latency. They are different things.
# AlexNet and VGG carry their parameters in linear layers; GoogLeNet replaced those by average pooling and made large kernels cheap with 1×1s;
# ResNet made depth trainable; ResNeXt is better at the same cost; DenseNet needs the fewest parameters, but memory.
# My default is ResNet-50 with a modern recipe: 25.6 million parameters, 4.1 G multiply-adds.
# I compare errors under one protocol only, and I measure latency on the device."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Counting: weights times output positions. Early layers cost arithmetic, late ones parameters. FLOPs are twice the multiply-adds that papers call so.
# - LeNet-5, 1998: convolution, pooling; 60 thousand parameters. AlexNet, 2012: ReLU, dropout, GPUs; 61 M, nearly all in linear layers, 0.7 G.
# - VGG-16, 2014: only 3×3; 138 M and 15.5 G, the dearest. GoogLeNet, 2014: parallel branches, 1×1 reductions, average pooling; 7 M and 1.6 G.
# - Inception v2 to v4: batch norm, factorised kernels, label smoothing; v3 has 24 M and 5.7 G at 299 pixels.
# - ResNet, 2015: shortcuts; 50 layers have 25.6 M and 4.1 G. ResNeXt: groups, one and a half points better at that cost.
# - DenseNet: concatenation; 121 has 8 M and 2.8 G, and keeps more activations than ResNet-50.
# - Under one protocol, one crop, torchvision's first weights: VGG-16 28.4, DenseNet-121 25.6, ResNet-50 23.9, ResNeXt-50 22.4, ResNet-152 21.7.
# - But a better recipe gives ResNet-50 19.1: more than going from 50 to 152 layers.
# - The choice: server and accuracy, ResNeXt-101; arithmetic limited, ResNeXt-50; file size, DenseNet; detection, ResNet with a pyramid.
#   A phone: a network made for it. Little data: a small pretrained one.
# - And then I measure: latency depends on bytes moved and on the number of operations too.

# %% [markdown]
# ## Follow-ups
#
# The figure that one of the answers needs, computed:

# %%
by_kernel = {}
for part in plain50.modules():
    if isinstance(part, nn.Conv2d):
        part.register_forward_hook(lambda layer, inputs, output: by_kernel.setdefault(layer.kernel_size[0], []).append(
            conv2d_macs(layer.in_channels, layer.out_channels, layer.kernel_size[0], *output.shape[2:])))  # fmt: skip
plain50(torch.empty(1, 3, 224, 224, device="meta"))
print(", ".join(f"{k}×{k}: {sum(macs) / counted['resnet50'][1]:.0%}" for k, macs in sorted(by_kernel.items())), "of ResNet-50's multiply-adds")

# %% [markdown]
# <details><summary>Why is VGG so large and yet so simple to run fast?</summary>
#
# 89 % of its parameters are in three linear layers, 103 M of them in the first, because it follows a 7×7×512 map.
# Its convolutions are few, large and regular, which every library likes: it does more multiply-adds a second than most.
#
# </details>
#
# <details><summary>How many FLOPs does a training step take?</summary>
#
# About three times the forward pass: the backward pass computes the gradient by the input and that by the weights, each about a forward pass.
# So six FLOPs for each multiply-add of the forward pass. Checkpointing makes it eight.
#
# </details>
#
# <details><summary>Parameters in bytes?</summary>
#
# Four each in float32: ResNet-50 about 100 MB. Two in half precision, one in int8.
# Training with Adam needs 16 each: weight, gradient and two moments, before any activation.
#
# </details>
#
# <details><summary>Does batch norm count?</summary>
#
# γ and β are parameters, 2C; the running statistics are buffers.
# In multiply-adds it is left out, and at inference it can be folded into the convolution before it.
# Unfolded it costs time all the same, because it reads and writes every map.
#
# </details>
#
# <details><summary>A 1×1 convolution has few parameters. Is it cheap?</summary>
#
# Not for sure: it has one tap, but on many channels, and at every pixel. In ResNet-50 half of the arithmetic is 1×1 convolutions: see the cell above.
#
# </details>
#
# <details><summary>What about the attention of a transformer: does your function count it?</summary>
#
# No. It sees layers with weights, and $QK^\mathsf{T}$ has none: it is a product of two activations.
# A counter on the level of operations, as torch's, sees it.
#
# </details>
#
# <details><summary>How do you measure latency properly?</summary>
#
# On the target device, with its library and its batch size. Warm up first, take the median or the minimum of many passes, fix the number of threads.
# On a GPU synchronise before each look at the clock, or you time the launch and not the work. Report throughput at a large batch separately.
#
# </details>
#
# <details><summary>Which of these would you use today?</summary>
#
# As a backbone that everybody knows: ResNet-50. For accuracy at a given cost later families are better (EfficientNet, RegNet, ConvNeXt, vision transformers).
# They are beyond this course, and so are their figures; but the way to compare them is the same.
#
# </details>
#
# <details><summary>What is a Pareto front?</summary>
#
# The networks that no other beats in both, error and cost. It depends on the cost you plot: see the two figures.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - A single number for "size", or parameters given as a measure of speed.
# - FLOPs and multiply-adds mixed in one table.
# - Errors of different protocols in one column.
# - "ResNet-50 has 25.6 M parameters, so it is larger and slower than DenseNet-121."
# - VGG as the default backbone, in a new product.
# - "Inception v3 is more accurate than ResNet-50", and no word on 299 pixels.
# - A choice with no question about device, data or latency before it.

# %% [markdown]
# ## References
#
# - A. Krizhevsky, I. Sutskever, G. Hinton 2012, Table 2 (AlexNet). K. Simonyan, A. Zisserman 2015, Tables 2–5 (VGG).
# - C. Szegedy et al. 2015 (GoogLeNet), §5 and Table 3; 2016 (Rethinking Inception), §6–10; 2017 (Inception-v4).
# - K. He, X. Zhang, S. Ren, J. Sun 2016 (Deep residual learning), Tables 1–5. S. Xie et al. 2017 (ResNeXt), §3.4 and §5.
# - G. Huang et al. 2017 (DenseNet), Table 3.
# - torchvision: the documentation of its pretrained weights, V1 and V2, has the errors under one protocol.
# - S. Williams, A. Waterman, D. Patterson. *Roofline: An Insightful Visual Performance Model.* Communications of the ACM 2009: arithmetic intensity.
