"""The figures that the notebooks share: one palette, one style, one way to say what a figure shows.

Every function draws on `ax`, or on a figure of its own some 750 pixels wide, and returns the Axes; `takeaway` is a line
set below it. Colours are those of Okabe & Ito (2008) and darker kin, each with a dash of its own, so that methods stay
apart for colour-blind readers and in black and white. Figures are white in dark themes too. matplotlib comes late.
"""

import base64
import html
import io
import re
import textwrap
from itertools import pairwise

import numpy as np

WIDTH = 7.5  # inches, at 100 dots each
COLORS = {
    "sgd": "#000000", "gd": "#000000", "momentum": "#E69F00", "nesterov": "#D55E00", "adagrad": "#009E73",
    "adadelta": "#00573F", "rmsprop": "#56B4E9", "adam": "#0072B2", "nadam": "#CC79A7", "adamw": "#7B3294",
    "newton": "#882255", "cg": "#999933", "bfgs": "#332288", "lbfgs": "#777777", "batch_norm": "#0072B2",
    "no_batch_norm": "#000000", "noisy_batch_norm": "#D55E00", "layer_norm": "#009E73", "instance_norm": "#CC79A7",
    "group_norm": "#E69F00", "dropout": "#882255", "train": "#0072B2", "test": "#D55E00", "l1": "#D55E00",
    "l2": "#0072B2", "smooth_l1": "#009E73", "huber": "#CC79A7", "cross_entropy": "#009E73", "mse": "#0072B2",
    "right": "#009E73", "wrong": "#D55E00", "missing": "#C4C4C4",
}  # fmt: skip
_DASHES = {
    "nesterov": "--", "adadelta": "--", "nadam": "--", "adamw": "-.", "lbfgs": "--", "noisy_batch_norm": "--",
    "instance_norm": "-.", "group_norm": ":", "dropout": ":", "test": "--", "smooth_l1": "--", "huber": "-.",
}  # fmt: skip
_SPARE = ["adam", "nesterov", "adagrad", "nadam", "momentum", "rmsprop", "newton", "lbfgs"]  # for what has no colour
_BOXES = dict(input="#E8E8E8", op="#DCEBF7", parameter="#FCEBC8", loss="#FADDD0", output="#D5EFE6", plain="white")


def color(name: str) -> str:
    """The colour of a method; "Adam (lr 0.1)", "batch norm" and "L-BFGS" are found too. ValueError for others."""
    if _known(name) is None:
        raise ValueError(f"no colour is set for {name!r}; there is one for {', '.join(COLORS)}")
    return COLORS[_known(name)]


def _known(name):
    letters = re.sub(r"[(,].*|[^a-z0-9]", "", str(name).lower())
    return next((known for known in COLORS if known.replace("_", "") == letters), None)


def _styles(names):
    """name -> (colour, dash): the method's own, or one that nothing else in the figure has."""
    styles = {}
    for name in sorted(names, key=lambda name: _known(name) is None):
        pairs = ((COLORS[known], _DASHES.get(known, "-")) for known in [_known(name), *_SPARE, *COLORS] if known)
        styles[name] = next((pair for pair in pairs if pair not in styles.values()), ("#999999", ":"))
    return {name: styles[name] for name in names}


def style() -> None:
    """Set matplotlib's defaults for the course; every function here that makes a figure does so too."""
    import matplotlib as mpl

    mpl.rcParams.update({
        "figure.figsize": (WIDTH, 4.2), "figure.dpi": 100, "figure.constrained_layout.use": True, "font.size": 10,
        "figure.facecolor": "white", "axes.facecolor": "white", "axes.titlesize": 12, "axes.titlelocation": "left",
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
        "axes.prop_cycle": mpl.cycler(color=[COLORS[name] for name in _SPARE]),
        "grid.color": "#E3E3E3", "legend.frameon": False, "lines.linewidth": 1.8,
    })  # fmt: skip


def _axes(ax, height=4.2):
    if ax is None:
        import matplotlib.pyplot as plt

        style()
        _, ax = plt.subplots(figsize=(WIDTH, float(np.clip(height, 1.8, 9))), layout="constrained")
    return ax


def _finish(ax, title, xlabel="", ylabel="", takeaway=None):
    letters = int(ax.get_position(original=True).width * ax.figure.get_figwidth() * 72 / 5.2)  # 10 points high, a line
    ax.set_title(textwrap.fill(title, letters * 5 // 6), loc="left")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    below = ("axes fraction", ax.xaxis.label if ax.axison else "axes fraction")
    note = dict(va="top", fontsize=10, style="italic", color="#333333", annotation_clip=False)
    ax.annotate(textwrap.fill(takeaway or "", letters), (0, 0), (0, -7), below, "offset points", **note)
    return ax


def curves(series, xlabel, ylabel, title, *, logx=False, logy=False, band=None, legend="right", takeaway=None, ax=None):
    """Lines by name: series[name] is y (n,) or a tuple (x (n,), y (n,)); band[name] = (low (n,), high (n,)) is shaded.

    `legend`: "right" of the axes, in the order in which the lines end, or any place that matplotlib knows, or None.
    """
    ax, ends = _axes(ax), {}
    for name, (tint, dash) in _styles(series).items():
        x, y = series[name] if isinstance(series[name], tuple) else (np.arange(len(series[name])), series[name])
        (line,) = ax.plot(x, y, dash, color=tint, label=name, marker="o" if len(x) <= 12 else None, markersize=4)
        if name in (band or {}):
            ax.fill_between(x, *band[name], color=tint, alpha=0.18, linewidth=0)
        ends[line] = next(filter(np.isfinite, reversed(y)), -np.inf)
    ax.set(xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    if legend and len(series) > 1:
        place = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if legend == "right" else {"loc": legend}
        ax.legend(handles=sorted(ends, key=ends.get, reverse=True), **place)
    return _finish(ax, title, xlabel, ylabel, takeaway)


def contours(f, xlim, ylim, paths, title, *, minimum=None, xlabel="θ₁", ylabel="θ₂", takeaway=None, ax=None):
    """Level lines of f(x, y), f taking grids, and on them the paths[name] (n, 2) from ring to dot; minimum: (x, y)."""
    height = 5.6 * (ylim[1] - ylim[0]) / (xlim[1] - xlim[0]) + 1.1
    ax = _axes(ax, height if 2.5 < height < 5.5 else 4.8)
    ax.set(xlim=xlim, ylim=ylim, aspect="equal" if 2.5 < height < 5.5 else "auto")  # equal: descent looks orthogonal
    ax.grid(False)
    x, y = np.meshgrid(np.linspace(*xlim, 241), np.linspace(*ylim, 241))
    z = np.asarray(f(x, y), dtype=np.float64)
    levels = z.min() + np.ptp(z) * np.geomspace(1e-4, 1, 13)  # a constant ratio apart: valleys and walls both show
    ax.contour(x, y, z, levels=levels, colors="#9AA5B1", linewidths=0.8)
    if minimum is not None:
        ax.plot(*minimum, "*", color="black", markersize=14, label="minimum", zorder=5)
    for name, (tint, dash) in _styles(paths).items():
        path = np.asarray(paths[name])
        ax.plot(*path.T, dash, color=tint, label=name, marker=".", markersize=5, linewidth=1.5)
        ax.plot(*path[0], "o", color=tint, markerfacecolor="white", markersize=8)
        ax.plot(*path[-1], "o", color=tint, markersize=7)
    if paths:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return _finish(ax, title, xlabel, ylabel, takeaway)


def animate_paths(f, xlim, ylim, paths, title, *, frames=40, **options):
    """`contours` (and its options) with the paths being walked: a GIF in an HTML <img>, which plays without scripts."""
    import matplotlib.pyplot as plt
    from IPython.display import HTML
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    ax, stills = contours(f, xlim, ylim, paths, title, **options), []
    (canvas := FigureCanvasAgg(ax.figure)).draw()
    ax.figure.set_layout_engine("none")  # the layout of the last frame for all
    for share in np.linspace(0, 1, frames):
        ax.clear()
        walked = {name: path[: 1 + round(share * (len(path) - 1))] for name, path in paths.items()}
        contours(f, xlim, ylim, walked, title, ax=ax, **options)
        canvas.draw()
        stills.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    plt.close(ax.figure)
    palette = stills[-1].quantize(64, Image.Quantize.MAXCOVERAGE)  # one for all and no dither: only what moves differs
    first, *rest = (still.quantize(palette=palette, dither=Image.Dither.NONE) for still in stills)
    pace = [80] * len(rest) + [2500]  # milliseconds
    first.save(file := io.BytesIO(), "GIF", save_all=True, append_images=rest, duration=pace, loop=0)
    alt = html.escape(f"Animation: {title}. Paths of {', '.join(map(str, paths))}.")
    return HTML(f'<img src="data:image/gif;base64,{base64.b64encode(file.getvalue()).decode()}" alt="{alt}">')


def bars(values, ylabel, title, *, errors=None, number="{:.3g}", takeaway=None, ax=None):
    """A lying bar for each name, its value at the end: values[name], errors[name] its half width, ylabel its unit."""
    names, tints = [textwrap.fill(str(name), 18) for name in values], [tint for tint, _ in _styles(values).values()]
    ax = _axes(ax, len(names) * (0.27 + 0.15 * (1 + max(name.count("\n") for name in names))) + 1.3)
    spread = None if errors is None else [errors.get(name, 0) for name in values]
    drawn = ax.barh(range(len(names)), list(values.values()), xerr=spread, capsize=4, color=tints, alpha=0.85)
    ax.bar_label(drawn, [number.format(value) for value in values.values()], padding=5, fontsize=9.5)
    ax.set_yticks(range(len(names)), names)
    ax.set(ylim=(len(names) - 0.4, -0.6), xmargin=0.12)
    ax.grid(False, axis="y")
    return _finish(ax, title, ylabel, takeaway=takeaway)


def loglog_fit(x, y, xlabel, ylabel, title, *, label="measured", takeaway=None, ax=None):
    """Points on log-log axes and the power law fitted through them by least squares; returns (Axes, its exponent)."""
    slope, offset = np.polyfit(np.log(x), np.log(y), 1)
    ax = curves({label: (x, y)}, xlabel, ylabel, title, logx=True, logy=True, takeaway=takeaway, ax=ax)
    ax.lines[-1].set(linestyle="none", marker="o", markersize=6)
    ax.plot(x, np.exp(offset + slope * np.log(x)), "--", color=color("wrong"), label=f"fit, slope {slope:.2f}")
    ax.legend()
    return ax, float(slope)


def images(arrays, title, *, titles=None, columns=None, takeaway=None, ax=None):
    """A grid of images, each (H, W), (1, H, W) or (H, W, 3); each grey one is scaled to its own range."""
    arrays = [np.squeeze(np.asarray(array)) for array in arrays]
    columns, tall = columns or min(len(arrays), 8), max(array.shape[0] / array.shape[1] for array in arrays)
    rows, room = -(-len(arrays) // columns), 0.3 if titles else 0.08  # inches above each image
    ax = _axes(ax, rows * (0.94 * tall * WIDTH / columns + room) + (0.7 if takeaway else 0.4))
    ax.axis("off")
    share = 1 - rows * room / (ax.get_position(original=True).height * ax.figure.get_figheight())
    for k, array in enumerate(arrays):
        row, column = divmod(k, columns)
        part = ax.inset_axes((column / columns, 1 - (row + 1) / rows, 0.94 / columns, share / rows))
        part.imshow(array, cmap="gray")
        part.set_title(titles[k] if titles else "", loc="center", fontsize=9.5, pad=3)
        part.axis("off")
    return _finish(ax, title, takeaway=takeaway)


def number_grid(ax, numbers, left, top, title, shaded=(), tint="#DCEBF7", pale=(), hidden=()):
    """A matrix as unit cells with its numbers, on axes whose y points down; the first cell's corner is (left, top).

    Cells (row, column) may be `shaded` in a tint, `pale`, or `hidden` behind a question mark.
    """
    import matplotlib.pyplot as plt

    for (i, j), value in np.ndenumerate(numbers):
        face = tint if (i, j) in shaded else "white"
        ax.add_patch(plt.Rectangle((left + j, top + i), 1, 1, facecolor=face, edgecolor="0.6"))
        text, shade = "?" if (i, j) in hidden else str(value).replace("-", "−"), "0.6" if (i, j) in pale else "black"
        ax.text(left + j + 0.5, top + i + 0.5, text, ha="center", va="center", color=shade)
    ax.text(left, top - 0.25, title, fontsize=9.5)


def graph(nodes, edges, title, *, takeaway=None, ax=None):
    """Boxes and arrows: nodes[name] = (x, y, text, kind), y upwards; edges = [(from, to, label or None[, bend])].

    Kinds: input, op, parameter, loss, output, plain, and point, a bare corner that arrows pass. A positive bend turns
    left. Seven units wide, a unit is an inch.
    """
    at = {name: complex(*node[:2]) for name, node in nodes.items()}
    middles = [(at[a] + at[b] + 1j * sum(bend) * (at[b] - at[a])) / 2 for a, b, _, *bend in edges]
    x, y = (part([*at.values(), *middles]) for part in (np.real, np.imag))
    ax = _axes(ax, WIDTH * (np.ptp(y) + 0.8) / (np.ptp(x) + 1.2) + (0.6 if takeaway else 0.35))
    ax.axis("off")
    ax.margins(0)
    ax.update_datalim([(x.min() - 0.6, y.min() - 0.4), (x.max() + 0.6, y.max() + 0.4)])
    centred, white, boxes = dict(ha="center", va="center"), dict(facecolor="white", edgecolor="none", pad=1.5), {}
    for name, (left, top, text, kind) in nodes.items():
        if kind == "point":
            continue
        frame = dict(boxstyle="round,pad=0.4,rounding_size=0.3", facecolor=_BOXES[kind], edgecolor="#555555")
        boxes[name] = ax.text(left, top, text, fontsize=10, bbox=frame, **centred).get_bbox_patch()
    for (start, end, label, *bend), middle in zip(edges, middles, strict=True):
        head = "-|>" if end in boxes else "-"
        arrow = dict(arrowstyle=head, mutation_scale=13, color="#444444", connectionstyle=f"arc3,rad={-sum(bend)}")
        arrow |= dict(patchA=boxes.get(start), patchB=boxes.get(end), shrinkA=0, shrinkB=1 if end in boxes else 0)
        # Above the boxes, that is after them: only then is it known how large they are, and where arrows have to end.
        ax.annotate("", nodes[end][:2], nodes[start][:2], arrowprops=arrow, zorder=4)
        ax.text(middle.real, middle.imag, label or "", fontsize=9, bbox=white, zorder=5, **centred)
    _finish(ax, title, takeaway=takeaway).figure.draw_without_rendering()
    ax.set(aspect="equal", adjustable="datalim")  # after the layout, to which it can only widen the limits
    return ax


def architecture(rows, title, *, takeaway=None, ax=None):
    """A network from input to output: rows of (name, output shape, number of parameters), one box each, and the sum."""
    words = {"conv": "op", "pool": "output", "linear": "parameter", "fc": "parameter", "input": "input"}
    kinds = [next((kind for word, kind in words.items() if word in name.lower()), "plain") for name, *_ in rows]
    nodes = {row: (1.4, -row, name, kinds[row]) for row, (name, *_) in enumerate(rows)}
    ax = _axes(ax, 0.42 * len(rows) + 1.4)
    graph(nodes, [(*pair, None) for pair in pairwise(nodes)], title, takeaway=takeaway, ax=ax)
    ax.set(xlim=(0, 6.6), ylim=(-len(rows) - 0.4, 1.4), aspect="auto")
    table = [("output shape", "parameters"), *(row[1:] for row in rows), ("total", sum(row[2] for row in rows))]
    for row, (shape, count) in enumerate(table, start=-1):
        shape = shape if isinstance(shape, str) else " × ".join(map(str, shape))
        ax.text(4.2, -row, shape, ha="center", va="center")
        ax.text(6.4, -row, count if isinstance(count, str) else f"{count:,}", ha="right", va="center")
    return ax
