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
# "You know LeNet, AlexNet, VGG, Inception, ResNet, ResNeXt, DenseNet and what came after them.
# Compare them: parameters, cost, accuracy. Which one would you pick, and for what?
# Show me how you count the parameters and the multiply-adds of a network."
#
# "请比较常见的 CNN 模型:参数量、计算量、精度各如何?不同场景下你会怎么选?请写出统计参数量和乘加次数的代码。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Four budgets.** Parameters, multiply-adds, activations, latency. They are four different things, and none of them replaces another.
# - **Where each sits.** Multiply-adds in the early, large maps; parameters in the late, wide layers and above all in fully connected ones.
# - **The factor two.** What papers call FLOPs are mostly multiply-adds. FLOPs in the strict sense are twice that.
# - **One protocol, one recipe.** Errors compare only under the same crops, the same images, and the same training.
# - **A choice with a reason.** First the constraint, then the network; ResNet-50 is the usual baseline; name one that beats it at its cost.

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
# That is why VGG's arithmetic is in its convolutions and its parameters are in its linear layers.

# %% [markdown]
# ### Conventions and traps
#
# - One multiply-add (MAC) is one multiplication and one addition. FLOPs are then twice the MACs; torch's own counter means that, papers mostly write "FLOPs" and mean MACs (ResNet's 3.8 G, ResNeXt's 4.1 G).
# - Biases, batch norm, ReLU, pooling are left out. They are few multiplications, but not little memory traffic.
# - Parameters are what is learnt. Running means and variances are buffers. (Keras lists them, and its convolutions have biases: 25,636,712 for ResNet-50, where you count 25,557,032.)
# - *Activations* are the numbers that leave convolutions and linear layers. What autograd keeps for the backward pass is more (question 28).
# - One image, in evaluation mode: auxiliary heads, which are used in training only, do not run.
# - One name, two networks: the paper's ResNet-50 has its stride on the first 1×1 (3.86 G), everybody's code on the 3×3 (v1.5, 4.09 G).
# - The input's size: the cost of convolutions grows about with the square of the side; with global pooling before the classifier the parameters stay the same. Inception reads 299 pixels.
# - Protocols: ten crops or many scales lower an error by up to four points. Inception's papers also left out some 1,700 validation images that are on a blacklist for poor bounding boxes.

# %% [markdown]
# ### What decides the time?
#
# A processor can do so many multiply-adds a second, and move so many bytes a second. A layer takes about as long as the slower of the two:
#
# $$ t \approx \max\left(\frac{\text{multiply-adds}}{\text{peak}},\; \frac{\text{bytes moved}}{\text{bandwidth}}\right) $$
#
# The quotient multiply-adds / bytes is the *arithmetic intensity*. Where it is low the arithmetic units wait for memory. (Speed drawn against intensity, a slope that ends in a flat top, is called the *roofline*.)
# Linear layers on one image, depthwise convolutions, batch norm, ReLU and concatenations are all low.

# %%
import copy
import re
import time
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils import check, expect, hint, models, plots, published, trial

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
    """module: nn.Module -> int.

    trainable_only: count only what has requires_grad. A shared parameter counts once; buffers do not count.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    """All ints; the output is (c_out, height, width) -> int.

    groups divides c_in and c_out; biases are not counted.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    """module: nn.Module, input_shape such as (3, 224, 224) -> int.

    nn.Conv2d and nn.Linear, for one image, in evaluation mode; a layer counts at each use and position, biases do not.
    Run a copy on the meta device, so that no memory is used and the caller's module stays as it was.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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

# %% [markdown]
# ## Experiments
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
    net = models.build(name, device="meta").eval()
    counted[name] = (count_parameters(net), model_macs(without_norms(net), models.PUBLISHED[name].input_shape))

known = [name for name in models.NAMES if models.PUBLISHED[name].macs is not None]
print(f"{len(counted)} networks")
print("parameters equal to the published counts:   ", sum(counted[n][0] == models.PUBLISHED[n].parameters for n in counted))
print(f"multiply-adds equal to the published counts: {sum(counted[n][1] == models.PUBLISHED[n].macs for n in known)} of {len(known)} that are published")

# %% [markdown]
# The networks to know by heart. Depth, parameters and multiply-adds are counted here; the error is top-1, one centre crop, as evaluated by torchvision.
# The last column says who trained: *one evaluation is not one recipe*.

# %%
V1, V2 = "one centre crop, torchvision's V1 weights", "one centre crop, torchvision's V2 weights (newer recipe)"


def error_of(name, protocol=V1):
    return next((error for error in models.PUBLISHED[name].errors if error.protocol == protocol), None)


KNOWN_BY_HEART = ["alexnet", "vgg16", "googlenet-torchvision", "inception-v3", "resnet18", "resnet50", "resnet152", "resnext50-32x4d",
                  "densenet121", "mobilenet-v2", "mobilenet-v3-large", "efficientnet-b0", "convnext-t"]
rows = ["| network | year | depth | parameters | multiply-adds | top-1 error | trained by |", "|---|---|--:|--:|--:|--:|---|"]
depth = {name: models.depth(models.build(name, device="meta").eval()) for name in KNOWN_BY_HEART}  # layers with weights on the longest way
for name in KNOWN_BY_HEART:
    p, error, (parameters, macs) = models.PUBLISHED[name], error_of(name), counted[name]
    rows.append(f"| {p.title} | {p.year or '–'} | {depth[name]} | {parameters / 1e6:.1f} M | {macs / 1e9:.2f} G | {error.top1:.1f} | {error.trained} |")
Markdown("\n".join(rows))

# %% [markdown]
# ### Error against cost: one evaluation, several origins
#
# All points are evaluated by torchvision on one centre crop. They were *trained* by different people:
# filled, torchvision's simple recipe; hollow, ported weights (of the authors for DenseNet, GoogLeNet and Inception v3, of timm for EfficientNet); stars, torchvision's modern recipe.
# "Simple" is torchvision's word, and it is not one recipe: its README trains ResNet and VGG for 90 epochs, ResNeXt for 100, MobileNetV2 for 300, MobileNetV3 for 600 with more augmentation.
# So the comparison is fair for VGG and ResNet, nearly so for ResNeXt, and less so beyond.
# Even the evaluation differs a little: images are resized to 256 pixels for V1 weights and to 232 for V2 (236 for ConvNeXt-T) before the crop of 224; Inception v3 has a crop of 299.

# %%
FAMILIES = {
    "VGG": ["vgg11", "vgg13", "vgg16", "vgg19"],
    "VGG with BN": ["vgg11-bn", "vgg13-bn", "vgg16-bn", "vgg19-bn"],
    "ResNet": ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"],
    "ResNeXt": ["resnext50-32x4d", "resnext101-32x8d"],
    "DenseNet": ["densenet121", "densenet169", "densenet201", "densenet161"],
    "Inception": ["googlenet-torchvision", "inception-v3"],
    "for phones": ["mobilenet-v2", "mobilenet-v3-large", "efficientnet-b0"],
    "ConvNeXt": ["convnext-t"],
}
one_crop = {name: error_of(name) for names in FAMILIES.values() for name in names}
print({origin: sum(e.trained == origin for e in one_crop.values()) for origin in sorted({e.trained for e in one_crop.values()})})

# %% tags=["hide-input"]
TINTS = dict(zip(FAMILIES, ["#777777", "#000000", "#0072B2", "#332288", "#009E73", "#D55E00", "#E69F00", "#CC79A7"], strict=True))
SHORT = {n: re.sub(r"\D", "", n) for n in one_crop}
SHORT |= {"resnext50-32x4d": "50 32×4d", "resnext101-32x8d": "101 32×8d", "googlenet-torchvision": "GoogLeNet", "inception-v3": "v3",
          "mobilenet-v2": "MobileNetV2", "mobilenet-v3-large": "V3-L", "efficientnet-b0": "EfficientNet-B0", "convnext-t": "ConvNeXt-T"}
PLACES = {"above": ((0, 7), "center", "bottom"), "below": ((0, -8), "center", "top"), "left": ((-8, 0), "right", "center"), "right": ((8, 0), "left", "center")}
SIDE = {"left": ["densenet121", "densenet169", "densenet201", "resnet50"], "right": ["convnext-t"],
        "below": ["resnet18", "inception-v3", "resnext50-32x4d", "resnet101", "resnext101-32x8d", "mobilenet-v3-large", "efficientnet-b0", *FAMILIES["VGG with BN"]]}
side_of = {n: place for place, names in SIDE.items() for n in names}
fig, ax = plt.subplots(figsize=(9.5, 5.6), layout="constrained")
for family, names in FAMILIES.items():
    tint, costs, errors = TINTS[family], [counted[n][1] / 1e9 for n in names], [one_crop[n].top1 for n in names]
    ax.plot(costs, errors, linestyle="none" if family == "for phones" else "-", color=tint, linewidth=1.2, alpha=0.7)
    for n, cost, error in zip(names, costs, errors, strict=True):
        modern, ported = one_crop[n].trained == "torchvision, modern recipe", one_crop[n].trained.endswith("ported")
        ax.plot(cost, error, "*" if modern else "o", color=tint, markerfacecolor="white" if ported else tint, markersize=13 if modern else 7,
                label=family if n == names[0] else None)
        shift, ha, va = PLACES[side_of.get(n, "above")]
        ax.annotate(SHORT[n], (cost, error), shift, ha=ha, va=va, textcoords="offset points", fontsize=8.5, color=tint)
for n in ("resnet50", "resnext50-32x4d", "resnet152"):
    new, cost = error_of(n, V2).top1, counted[n][1] / 1e9
    ax.annotate("", (cost, new), (cost, one_crop[n].top1), arrowprops=dict(arrowstyle="->", color="0.6", linestyle=":"))
    ax.plot(cost, new, "*", color=TINTS["ResNeXt" if "next" in n else "ResNet"], markersize=13)
ticks = (0.2, 0.5, 1, 2, 5, 10, 20)
ax.set(xscale="log", xlim=(0.17, 26), ylim=(16.5, 32.6), xlabel="multiply-adds for one image, G", ylabel="top-1 error, % (one centre crop)",
       title="The arrows are a newer recipe: worth more than the step from ResNet-50 to 152")
ax.set_xticks(ticks, ticks)
ax.minorticks_off()
ax.legend(loc="lower left", ncols=2, fontsize=9)
plt.show()


# %% [markdown]
# **Takeaway.** Under nearly one recipe VGG-16 needs almost four times ResNet-50's arithmetic for a higher error, and ResNeXt-50 has 1.5 points less than ResNet-50 at about its cost.
# With longer training MobileNetV3-Large passes ResNet-34 at a seventeenth of its arithmetic.
# The dotted arrows, old recipe to new, are 4.7 points for ResNet-50; going from 50 to 152 layers is 2.2.
# So before you change the network, look at how it was trained. (A little of the arrows is the resize: 232 instead of 256.)

# %% [markdown]
# ### A small guide
#
# | you have | take | because |
# |---|---|---|
# | no special constraint | ResNet-50 with modern weights | the reference for everything; 19.1 % |
# | a server, accuracy counts | ConvNeXt, or a vision transformer if pretrained on much | 17.5 % at ResNet-50's arithmetic |
# | a phone | MobileNetV3 or EfficientNet-B0 | 26.0 % for 0.22 G, 22.3 % for 0.39 G; found by search, the first for latency on a phone, the second for multiply-adds |
# | a limit on the file (download, flash) | MobileNetV2, EfficientNet-B0, DenseNet-121 | 3.5, 5 and 8 M parameters |
# | little memory for training | ResNet-18 or 34 | 21 and 31 MiB of maps for one image, DenseNet-121 keeps 124 (question 28) |
# | a detector or a segmenter | ResNet-50 or ConvNeXt with a feature pyramid | exact halves at strides 4 to 32, and everybody's weights |
# | a few hundred images | any of them pretrained, the smaller first; train the head, then more | a few thousand new parameters, not millions |
# | 28×28 digits | LeNet-5 | 62 thousand parameters do |
# | perceptual losses, style transfer | VGG-16 or 19 | custom: the methods were built on its maps |
#
# (ResNeXt-50 gained 1.5 points over ResNet-50 under the old recipe and gains 0.3 under the new one, and its grouped convolutions take more time than their multiply-adds suggest: question 27.)

# %% [markdown] tags=["deeper"]
# ### Deeper: the whole table
#
# Parameters and multiply-adds are yours. "Printed" is what the paper says, with its own rounding and its own conventions.

# %% tags=["deeper"]
def millions(number):
    return f"{number / 1e6:.2f} M" if number < 1e9 else f"{number / 1e9:.2f} G"


rows = ["| network | year | input | parameters | printed | multiply-adds | printed |", "|---|---|---|--:|---|--:|---|"]
for name, (parameters, macs) in counted.items():
    p = models.PUBLISHED[name]
    size = "×".join(map(str, p.input_shape))
    cells = [p.title, p.year or "–", size, f"{parameters:,}", p.paper_parameters or "–", millions(macs), p.paper_cost or "–"]
    rows.append(f"| {' | '.join(map(str, cells))} |")
Markdown("\n".join(rows))


# %% [markdown] tags=["deeper"]
# And what each added, with its errors: top-1 / top-5 in percent, *with the protocol*. A number without its protocol is worth nothing.

# %% tags=["deeper"]
def shown(error):
    top1, top5 = ("–" if value is None else f"{value:g}" for value in (error.top1, error.top5))
    return f"{top1} / {top5} ({error.protocol})"


rows = ["| network | main idea | top-1 / top-5 error, % |", "|---|---|---|"]
for name in counted:
    p = models.PUBLISHED[name]
    rows.append(f"| {p.title} | {p.idea} | {'<br>'.join(map(shown, p.errors)) or '–'} |")
Markdown("\n".join(rows))

# %% [markdown] tags=["deeper"]
# ### Deeper: where the two budgets sit, VGG-16 layer by layer
#
# Thirteen convolutions and three linear layers. Use your `conv2d_macs` for the former.

# %% tags=["deeper"]
WIDTHS = [(64, 2, 224), (128, 2, 112), (256, 3, 56), (512, 3, 28), (512, 3, 14)]
layers, c_in = [], 3
for stage, (c_out, repeats, size) in enumerate(WIDTHS, start=1):
    for index in range(repeats):
        layers.append((f"conv{stage}-{index + 1}", 9 * c_in * c_out + c_out, conv2d_macs(c_in, c_out, 3, size, size)))
        c_in = c_out
for index, (n_in, n_out) in enumerate([(512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)], start=1):
    layers.append((f"fc{index}", n_in * n_out + n_out, n_in * n_out))

expect(sum(row[1] for row in layers) == counted["vgg16"][0])
expect(sum(row[2] for row in layers) == counted["vgg16"][1])
linear = layers[-3:]
print(f"the three linear layers: {sum(row[1] for row in linear) / counted['vgg16'][0]:.0%} of the parameters, "
      f"{sum(row[2] for row in linear) / counted['vgg16'][1]:.1%} of the multiply-adds")

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(2, 1, figsize=(8.5, 4.6), sharex=True, layout="constrained")
names, parameters, macs = zip(*layers, strict=True)
axes[0].bar(names, np.array(macs) / 1e9, color="#0072B2")
axes[0].set(ylabel="multiply-adds, G", title="VGG-16: the arithmetic is in the convolutions …")
axes[1].bar(names, np.array(parameters) / 1e6, color="#E69F00")
axes[1].set(ylabel="parameters, M", title="… and the parameters are in one linear layer")
axes[1].tick_params(axis="x", rotation=45)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Global average pooling (Network in Network, then GoogLeNet) removed the large linear layers of the lower picture.
# It saved parameters and hardly any arithmetic.

# %% [markdown] tags=["deeper"]
# ### Deeper: the traps, counted
#
# FLOPs or multiply-adds; the stride; Keras; the heads; the input's size.

# %% tags=["deeper"]
resnet50 = models.build("resnet50", device="meta").eval()
with FlopCounterMode(display=False) as counter:
    resnet50(torch.empty(1, 3, 224, 224, device="meta"))
print(f"torch's flop counter: {counter.get_total_flops():,}   your multiply-adds: {counted['resnet50'][1]:,}   factor {counter.get_total_flops() / counted['resnet50'][1]:g}")
for name in ("resnet50-v1", "resnet50"):
    parameters, macs = counted[name]
    print(f"{models.PUBLISHED[name].title:15} {parameters:,} parameters, {macs / 1e9:.2f} G multiply-adds")
biases = sum(part.out_channels for part in resnet50.modules() if isinstance(part, nn.Conv2d))
statistics = sum(2 * part.num_features for part in resnet50.modules() if isinstance(part, nn.BatchNorm2d))
print(f"Keras: {counted['resnet50'][0]:,} + {biases:,} biases + {statistics:,} moving statistics = {counted['resnet50'][0] + biases + statistics:,}")
for name in ("googlenet", "inception-v3"):
    (main, macs), (both, macs_both) = counted[name], counted[f"{name}-aux"]
    print(f"{models.PUBLISHED[name].title:25} {main / 1e6:5.2f} M, with heads {both / 1e6:5.2f} M; multiply-adds in evaluation equal: {macs == macs_both}")
plain50 = without_norms(resnet50)
for size in (160, 224, 299, 320):
    macs = model_macs(plain50, (3, size, size))
    print(f"ResNet-50 at {size}: {macs / 1e9:5.2f} G  ({macs / counted['resnet50'][1]:.2f} times; the square of the sides' ratio: {(size / 224) ** 2:.2f})")

# %% [markdown] tags=["deeper"]
# ### Deeper: one network, many errors
#
# All top-1 errors of the table for a few networks. Each row is *one* architecture.

# %% tags=["deeper"]
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
}
found = {row: [e for name in names for e in models.PUBLISHED[name].errors if e.top1] for row, names in ROWS.items()}
spread = {row: max(e.top1 for e in errors) - min(e.top1 for e in errors) for row, errors in found.items()}
for row in ("ResNet-50", "ResNet-101", "ResNet-152"):
    print(f"{row}: {len(found[row])} figures, up to {spread[row]:.1f} points apart")

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
for label, (prefixes, marker, tint) in KINDS.items():
    points = [(e.top1, y) for y, errors in enumerate(found.values()) for e in errors if e.protocol.startswith(prefixes)]
    ax.plot(*zip(*points, strict=True), marker, color=tint, markersize=12 if marker == "*" else 8, alpha=0.85, label=label, linestyle="none")
ax.set_yticks(range(len(ROWS)), list(ROWS))
ax.invert_yaxis()
ax.set(xlabel="top-1 error, %", title="One network, errors five points apart: protocol and recipe")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Read along a row: crops and scales move an error by up to nearly four points, the training recipe by four to five.
# Read down one colour: from ResNet-50 to ResNet-152 it is about two points.
# ResNet-152 against Inception v4: 23.0 and 20.0 % with one crop each, 19.4 and 17.7 % with many; but a careless 19.4 against 20.0 turns the order round.

# %% [markdown] tags=["deeper"]
# ### Deeper: bytes moved, and latency
#
# Add up the bytes of all that goes into and comes out of the operations, views apart.
# (Fusing operations, or folding batch norm, would save some of it.)

# %% tags=["deeper"]
MEASURED = ["alexnet", "vgg16", "googlenet-torchvision", "resnet18", "resnet50", "resnext50-32x4d", "densenet121"]
moved = {}
for name in MEASURED:
    net, shape = models.build(name, device="meta"), models.PUBLISHED[name].input_shape
    moved[name] = models.bytes_moved(net, shape)
    many = models.bytes_moved(net, shape, batch=32) / 32
    macs, maps = counted[name][1], models.activations(without_norms(net), shape)
    print(f"{models.PUBLISHED[name].title:24} {macs / 1e9:5.2f} G   {maps / 1e6:4.1f} M activations   {moved[name] / 2**20:4.0f} MiB moved   "
          f"{macs / moved[name]:4.1f} multiply-adds a byte, in a batch of 32 {macs / many:4.1f}")


# %% [markdown] tags=["deeper"]
# AlexNet on a single image mostly reads its weights; a batch shares that reading.
# DenseNet-121 moves more bytes than ResNet-50, with two thirds of its arithmetic and of its activations: it reads them again and again.
#
# Now the clock: one image, one thread, on this machine; the better of two passes. The weights are zeros: the arithmetic does not mind.

# %% tags=["deeper", "hide-input"]
def milliseconds(name):
    net = models.build(name, device="meta").eval().to_empty(device="cpu")
    with torch.inference_mode():
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.zero_()
        image, times = torch.zeros(1, *models.PUBLISHED[name].input_shape), []
        for _ in range(3):
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
letters = dict(zip(MEASURED, "ABCDEFG", strict=True))
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
fig.suptitle("On this processor latency follows multiply-adds, roughly; parameters tell little", x=0.01, ha="left")
fig.supxlabel(key.replace("   F", "\nF"), fontsize=9)
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** For these seven networks, on one thread, the order is nearly that of the multiply-adds, and they tell the time within a factor of two or three; memory traffic and many small operations are likely reasons for the rest.
# On a GPU, with its far higher arithmetic peak, expect a larger rest.

# %% [markdown] tags=["deeper"]
# ### Deeper: what a detector gets, and what is left to train
#
# Detectors read maps at strides 4, 8, 16 and 32, and want exact halves. The channels of the last map of each size; and the size of the last layer for ten classes.

# %% tags=["deeper"]
def pyramid(name):
    """Size → channels of the last map of that size."""
    shape = models.PUBLISHED[name].input_shape
    rows = models.describe(models.build(name, device="meta"), shape)
    return {row.shape[1]: row.shape[0] for row in rows if len(row.shape) == 3 and row.shape[1] > 1}


for name in ("resnet50", "resnext50-32x4d", "densenet121", "inception-v3"):
    sizes = {size: c for size, c in pyramid(name).items() if size <= models.PUBLISHED[name].input_shape[1] / 4}
    levels = ", ".join(f"{c} channels at {size}×{size}" for size, c in sizes.items())
    print(f"{models.PUBLISHED[name].title:18} input {models.PUBLISHED[name].input_shape[1]}: {levels}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** ResNet, ResNeXt and DenseNet halve exactly: 56, 28, 14, 7.
# Inception's convolutions without padding leave odd sizes, which are awkward to align with boxes.

# %% tags=["deeper"]
for name in ("alexnet", "vgg16", "resnet18", "resnet50", "densenet121"):
    with torch.device("meta"):
        net = models.build(name, num_classes=10)
    last = [part for part in net.modules() if isinstance(part, nn.Linear)][-1]
    print(f"{models.PUBLISHED[name].title:18} {count_parameters(net) / 1e6:6.1f} M, the last layer alone {count_parameters(last):6,}")

# %% [markdown]
# ## Folklore on trial
#
# For the first two claims take every two networks of the figure: does the one with more of this have more of that?

# %%
family_of = {name: family for family, names in FAMILIES.items() for name in names}
PAIRS = [dict(one=a, other=b) for a, b in combinations(family_of, 2)]


def grows(first, second):
    """A predicate over a pair: is the order by the one the order by the other?"""
    return lambda one, other: (first(one) < first(other)) == (second(one) < second(other))


def same_family(one, other):
    return family_of[one] == family_of[other] and family_of[one] != "for phones"


def size_of(name):
    return counted[name][0]


def cost_of(name):
    return counted[name][1]


def accuracy_of(name):
    return -one_crop[name].top1


# %% [markdown]
# ### "More parameters means slower"
#
# By arithmetic, that is: more multiply-adds.

# %%
def share(first, second, among):
    held = [grows(first, second)(**pair) for pair in PAIRS if same_family(**pair) == among]
    return f"{sum(held)} of {len(held)}"


print("inside a family:", share(size_of, cost_of, True), "  between families:", share(size_of, cost_of, False))
trial(
    "more parameters means more multiply-adds",
    grows(size_of, cost_of),
    over=PAIRS,
    expect="not decided here",
)

# %% [markdown]
# Inside a family it held in all 30 pairs, between families in 90 %. An exception to remember: VGG-11 has three times the parameters of ResNet-101 and less arithmetic.

# %% [markdown]
# ### "More parameters means more accurate"

# %%
print("inside a family:", share(size_of, accuracy_of, True), "  between families:", share(size_of, accuracy_of, False))
trial(
    "more parameters means more accurate",
    grows(size_of, accuracy_of),
    over=PAIRS[::2],
    held_out=PAIRS[1::2],
    only_if=("the networks are of one family", same_family),
    expect="holds only if the networks are of one family",
)

# %% [markdown]
# Between families the order of the parameters told less than a coin would: 120 of 270.
# VGG-16 has more than five times ResNet-50's parameters, and four and a half points more error.

# %% [markdown]
# ### "Deeper is better"

# %%
trial(
    "deeper is better",
    published=[
        published("He et al. 2016 (Deep residual learning), table 2", "without shortcuts 34 layers have 28.54 %, 18 layers 27.94 %", holds=False),
        published("He et al. 2016 (Deep residual learning), table 4", "with shortcuts 50, 101 and 152 layers have 20.74, 19.87 and 19.38 %", holds=True),
    ],
    expect="not decided here",
)

# %% [markdown]
# So add the condition that these two tables suggest: without shortcuts more layers did worse, with shortcuts better.
# And depth is one axis. Width (DenseNet-161), cardinality (ResNeXt), resolution and the recipe are others.

# %% [markdown]
# ### "Multiply-adds predict latency"

# %%
trial(
    "networks of equal multiply-adds take equal time",
    published=[
        published("Xie et al. 2017, §5.1", "ResNeXt-101 and ResNet-101 of equal cost: 0.95 and 0.70 s a training step", holds=False),
        published("Szegedy et al. 2017 (Inception-v4), §3.2", "Inception-v4 has the raw cost of Inception-ResNet-v2, and its step time was significantly longer", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# Say instead: *multiply-adds are a first guess. I measure on the device, with its batch size and its library.*
# (For seven networks on one thread of a processor the guess was right within a factor of two or three, as the folded measurement above shows. Depthwise networks on a GPU can lie further off.)

# %% [markdown]
# ## Answer in 30 seconds
#
# "My default is ResNet-50 with a modern recipe: 25.6 million parameters, 4.1 G multiply-adds, 19 percent top-1 error. The recipe was worth 4.7 points.
# At nearly the same cost ConvNeXt-T has 17.5; for a phone I take MobileNetV3 or EfficientNet, with a tenth of the arithmetic.
# Parameters, multiply-adds, activations and latency are four budgets; none replaces another.
# I compare errors under one protocol and measure latency on the device.
# What is your constraint?"
#
# ### 三十秒回答
#
# "默认选 ResNet-50 加现代训练方法:2560 万参数,41 亿次乘加,top-1 错误率 19%,新训练方法值 4.7 个点。
# 计算量相近的 ConvNeXt-T 是 17.5%;手机上选 MobileNetV3 或 EfficientNet,计算量只有十分之一。
# 参数量、乘加、激活和延迟是四笔账,互相不能代替。
# 错误率要在同一评测协议下比,延迟要在目标设备上测。
# 您的限制是什么?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Counting: weights times output positions. Early layers cost arithmetic, late ones parameters. FLOPs are twice the multiply-adds that papers call so.
# - LeNet-5, 1998: convolution, pooling; 60 thousand parameters. AlexNet, 2012: ReLU, dropout, GPUs; 61 M, nearly all in linear layers, 0.7 G; 15.3 % top-5 against 26.2 %.
# - VGG-16, 2014: only 3×3; 138 M and 15.5 G, the most expensive of this list; second in ILSVRC. GoogLeNet won with 6.67 %: parallel branches, 1×1 reductions, average pooling; 7 M and 1.6 G.
# - Inception v2 to v4: batch norm, factorised kernels, label smoothing; v3 has 24 M and 5.7 G at 299 pixels.
# - ResNet, 2015: shortcuts; 50 layers have 25.6 M and 4.1 G; 3.57 % and first place. ResNeXt: groups, second in 2016. SENet: channel gates, first in 2017 with 2.25 %.
# - DenseNet: concatenation; 121 has 8 M and 2.8 G, and keeps more maps for the backward pass than ResNet-50.
# - MobileNet and EfficientNet: depthwise convolutions, inverted residuals, compound scaling; 0.2 to 0.4 G. ConvNeXt, 2022: a ResNet modernised step by step.
# - Under one evaluation, torchvision's first weights: VGG-16 28.4, DenseNet-121 25.6, ResNet-50 23.9, ResNeXt-50 22.4, ResNet-152 21.7. But a better recipe gives ResNet-50 19.1.
# - The choice: first the constraint (device, latency, memory, data), then the network. And then I measure: latency depends on bytes moved and on the number of operations too.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>A design task: images of 1024×768, 5 ms on a phone, 2,000 labels. Sketch the network and its cost on paper.</summary>
#
# *Budget first.* State an assumption: the phone's accelerator reaches 100 to 500 G multiply-adds a second on one image. Then 5 ms are 0.5 to 2.5 G. Plan for 0.5 G and measure.
# *Resolution.* MobileNetV2 costs 0.30 G at 224². At 1024×768, 15.7 times the pixels, it would cost 4.7 G: too much. Does the task need the pixels? If not, resize to 320×240 (1.5 times the pixels of 224²): 0.46 G.
# *Shapes.* Stem 3×3, stride 2: 32×120×160. Inverted residuals, stride 2 each: 24×60×80, 32×30×40, 96×15×20, 320×8×10. Global average, linear.
# Check one layer: depthwise 3×3 on 144 channels at 60×80 is $9\cdot144\cdot4800 = 6$ M; the 1×1 from 144 to 24 there is $144\cdot24\cdot4800 = 17$ M. The 1×1 dominate.
# *If small objects matter:* crop or tile, or a first coarse pass that chooses where to look.
# *Data.* 2,000 labels: pretrained weights, freeze the stem, strong augmentation, a head of 1280 × classes; label smoothing, early stopping; 400 held out.
# *Device.* int8, batch norm folded, no operator that the accelerator does not know (hard swish, not swish). Measure on the phone with a warm cache; then cut width to 0.75 (about two thirds of the cost) if needed.
#
# </details>
#
# <details><summary>Why is VGG so large and yet so simple to run fast?</summary>
#
# 89 % of its parameters are in three linear layers, 103 M of them in the first, because it follows a 7×7×512 map.
# Its convolutions are few, large and regular, which libraries run well: in the measurement above it did the most multiply-adds a second of the seven.
#
# </details>
#
# <details><summary>How many FLOPs does a training step take?</summary>
#
# About three times the forward pass: the backward pass computes the gradient with respect to the input and with respect to the weights, each about a forward pass.
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
# Not for sure: it has one tap, but on many channels, and at every pixel. In ResNet-50 half of the arithmetic is 1×1 convolutions.
#
# </details>
#
# <details><summary>What about the attention of a transformer: does your function count it?</summary>
#
# No. It sees `nn.Conv2d` and `nn.Linear` only, and $QK^\mathsf{T}$ is neither: it is a product of two activations.
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
# As a backbone that everybody knows: ResNet-50 with modern weights. For accuracy at that cost: ConvNeXt-T, 17.5 % against 19.1.
# On a phone: MobileNetV3 or EfficientNet. With very much data or pretraining: a vision transformer (questions 48 and 49).
# With few labels: a backbone that was pretrained without labels, such as DINOv2 (Oquab et al. 2023), frozen, and a linear layer on its features.
#
# </details>
#
# <details><summary>What is a Pareto front?</summary>
#
# The networks that no other beats in both, error and cost. It depends on the cost you plot: multiply-adds and latency give different fronts.
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
# - No network after 2017 in the answer.
# - A choice with no question about device, data or latency before it.

# %% [markdown]
# ## References
#
# - A. Krizhevsky, I. Sutskever, G. Hinton 2012, Table 2 (AlexNet). K. Simonyan, A. Zisserman 2015, Tables 2–5 (VGG).
# - C. Szegedy et al. 2015 (GoogLeNet), §5 and Table 3; 2016 (Rethinking Inception), §6–10; 2017 (Inception-v4).
# - K. He, X. Zhang, S. Ren, J. Sun 2016 (Deep residual learning), Tables 1–5. S. Xie et al. 2017 (ResNeXt), §3.4 and §5. M. Sandler et al. 2018 (MobileNetV2); A. Howard et al. 2019 (MobileNetV3); M. Tan, Q. Le 2019 (EfficientNet); Z. Liu et al. 2022 (ConvNeXt).
# - G. Huang et al. 2017 (DenseNet), Table 3.
# - torchvision: the documentation of its pretrained weights, V1 and V2, has errors, recipes and resizes.
# - M. Oquab et al. *DINOv2: Learning Robust Visual Features without Supervision.* 2023.
# - S. Williams, A. Waterman, D. Patterson. *Roofline: An Insightful Visual Performance Model.* Communications of the ACM 2009: arithmetic intensity.
