"""The figures that the notebooks share: one palette, one style, one way to say what a figure shows.

Every function draws on `ax`, or on a figure of its own some 750 pixels wide, and returns the Axes; `takeaway` is a line
set below it. Colours are those of Okabe & Ito (2008) and darker kin, each with a dash of its own, so that methods stay
apart for colour-blind readers and in black and white. Figures are white in dark themes too. matplotlib comes late.
"""

import base64
import html
import io
import math
import textwrap
from itertools import pairwise

import numpy as np

WIDTH = 7.5  # inches, at 100 dots each
_STYLES = {
    "sgd": ("#000000", "-"), "gd": ("#000000", "-"), "momentum": ("#E69F00", "-"), "nesterov": ("#D55E00", "--"),
    "adagrad": ("#009E73", "-"), "adadelta": ("#00573F", "--"), "rmsprop": ("#56B4E9", "-"), "adam": ("#0072B2", "-"),
    "nadam": ("#CC79A7", "--"), "adamw": ("#7B3294", "-."), "newton": ("#882255", "-"), "cg": ("#999933", "-"),
    "bfgs": ("#332288", "-"), "lbfgs": ("#777777", "--"), "batch_norm": ("#0072B2", "-"),
    "no_batch_norm": ("#000000", "-"), "noisy_batch_norm": ("#D55E00", "--"), "layer_norm": ("#009E73", "-"),
    "instance_norm": ("#CC79A7", "-."), "group_norm": ("#E69F00", ":"), "dropout": ("#882255", ":"),
    "train": ("#0072B2", "-"), "test": ("#D55E00", "--"), "l1": ("#D55E00", "-"), "l2": ("#0072B2", "-"),
    "smooth_l1": ("#009E73", "--"), "huber": ("#CC79A7", "-."), "cross_entropy": ("#009E73", "-"),
    "mse": ("#0072B2", "-"), "right": ("#009E73", "-"), "wrong": ("#D55E00", "-"), "missing": ("#999999", ":"),
}  # fmt: skip
COLORS = {name: tint for name, (tint, _) in _STYLES.items()}
_SPARE = [_STYLES[name] for name in ("adam", "nesterov", "adagrad", "nadam", "momentum", "rmsprop", "newton", "lbfgs")]
_BOXES = {
    "input": "#E8E8E8", "op": "#DCEBF7", "parameter": "#FCEBC8", "loss": "#FADDD0", "output": "#D5EFE6", "plain": "white",
}  # fmt: skip


def color(name: str) -> str:
    """The colour of a method; "Adam (lr 0.1)", "batch norm" and "L-BFGS" are found too. ValueError for others."""
    if _key(name) not in _BY_KEY:
        raise ValueError(f"no colour is set for {name!r}; there is one for {', '.join(COLORS)}")
    return _BY_KEY[_key(name)][0]


def _key(name):
    return "".join(filter(str.isalnum, str(name).lower().split("(")[0].split(",")[0]))


_BY_KEY = {_key(name): style for name, style in _STYLES.items()}


def _styles(names):
    """name -> (colour, dash): the method's own, or one that nothing else in the figure has."""
    styles = {name: _BY_KEY[_key(name)] for name in names if _key(name) in _BY_KEY}
    styles = {name: pair for i, (name, pair) in enumerate(styles.items()) if pair not in list(styles.values())[:i]}
    for name in names:
        free = (pair for pair in [*_SPARE, *_STYLES.values()] if pair not in styles.values())
        styles.setdefault(name, next(free, _STYLES["missing"]))
    return {name: styles[name] for name in names}


def style() -> None:
    """Set matplotlib's defaults for the course; every function here that makes a figure does so too."""
    import matplotlib as mpl

    mpl.rcParams.update({
        "figure.figsize": (WIDTH, 4.2), "figure.dpi": 100, "savefig.dpi": 100, "figure.constrained_layout.use": True,
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "font.size": 10.5,
        "axes.titlesize": 12, "axes.titlelocation": "left", "axes.labelsize": 10.5, "legend.fontsize": 9.5,
        "xtick.labelsize": 9.5, "ytick.labelsize": 9.5, "axes.grid": True, "grid.color": "#E3E3E3",
        "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
        "lines.linewidth": 1.8, "axes.prop_cycle": mpl.cycler(color=[tint for tint, _ in _SPARE]),
    })  # fmt: skip


def _axes(ax, height=4.2):
    import matplotlib.pyplot as plt

    if ax is None:
        style()
        _, ax = plt.subplots(figsize=(WIDTH, float(np.clip(height, 1.8, 9))), layout="constrained")
    return ax


def _finish(ax, title, xlabel="", ylabel="", takeaway=None):
    columns = ax.get_position().width * ax.figure.get_figwidth() * 72 / 5.2  # characters of 10 points that fit
    ax.set_title(textwrap.fill(title, int(columns * 0.85)), loc="left")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if takeaway:
        below = ("axes fraction", ax.xaxis.label if ax.axison else "axes fraction")
        text = {"va": "top", "fontsize": 10, "style": "italic", "color": "#333333"}
        note = textwrap.fill(takeaway, int(columns))
        ax.annotate(note, (0, 0), (0, -7), xycoords=below, textcoords="offset points", annotation_clip=False, **text)
    return ax


def curves(series, xlabel, ylabel, title, *, logx=False, logy=False, band=None, legend="right", takeaway=None, ax=None):
    """Lines by name: series[name] is y (n,) or a tuple (x (n,), y (n,)); band[name] = (low (n,), high (n,)) is shaded.

    `legend`: "right" of the axes, in the order in which the lines end; any place matplotlib knows; or None.
    """
    ax, ends = _axes(ax), {}
    for name, (tint, dash) in _styles(series).items():
        y = np.asarray(series[name][1] if isinstance(series[name], tuple) else series[name])
        x = np.asarray(series[name][0]) if isinstance(series[name], tuple) else np.arange(len(y))
        (line,) = ax.plot(x, y, dash, color=tint, label=name, marker="o" if len(x) <= 12 else None, markersize=4)
        if name in (band or {}):
            ax.fill_between(x, *band[name], color=tint, alpha=0.18, linewidth=0)
        ends[line] = y[np.isfinite(y)][-1] if np.isfinite(y).any() else -np.inf
    ax.set(xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    if legend and len(series) > 1:
        place = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if legend == "right" else {"loc": legend}
        ax.legend(handles=sorted(ends, key=ends.get, reverse=True), **place)
    return _finish(ax, title, xlabel, ylabel, takeaway)


def contours(f, xlim, ylim, paths, title, *, minimum=None, xlabel="θ₁", ylabel="θ₂", takeaway=None, ax=None):
    """Level lines of f(x, y), vectorised over grids, and on them the paths[name] (n, 2) from ring to dot.

    Levels are a constant ratio apart above the lowest value, so that valleys and walls both show. `minimum`: (x, y).
    """
    ax = _axes(ax, 4.8)
    x, y = np.meshgrid(np.linspace(*xlim, 241), np.linspace(*ylim, 241))
    z = np.asarray(f(x, y), dtype=np.float64)
    lowest = z.min()
    if minimum is not None:
        lowest = min(lowest, float(f(*np.asarray(minimum, dtype=np.float64))))
        ax.plot(*minimum, "*", color="black", markersize=14, label="minimum", linestyle="none")
    levels = lowest + (z.max() - lowest) * np.geomspace(1e-4, 1, 13)
    ax.contour(x, y, z, levels=levels, colors="#9AA5B1", linewidths=0.8)
    ax.set(xlim=xlim, ylim=ylim)
    ax.grid(False)
    _draw_paths(ax, paths)
    return _finish(ax, title, xlabel, ylabel, takeaway)


def _draw_paths(ax, paths):
    """[(path, its line, its head)], the ring at the start apart, for those who let them walk."""
    drawn = []
    for name, (tint, dash) in _styles(paths).items():
        path = np.asarray(paths[name])
        ax.plot(*path[0], "o", color=tint, markerfacecolor="white", markersize=8)
        (line,) = ax.plot(*path.T, dash, color=tint, label=name, marker=".", markersize=5, linewidth=1.5)
        (head,) = ax.plot(*path[-1], "o", color=tint, markersize=7)
        drawn.append((path, line, head))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return drawn


def animate_paths(f, xlim, ylim, paths, title, *, frames=40, **options):
    """`contours` with the paths being walked: an animated GIF in an HTML <img> that plays without scripts.

    options: as for `contours`. About 100 kB for four paths.
    """
    import matplotlib.pyplot as plt
    from IPython.display import HTML
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    ax = contours(f, xlim, ylim, {}, title, **options)
    drawn, canvas, stills = _draw_paths(ax, paths), FigureCanvasAgg(ax.figure), []
    for share in np.linspace(0, 1, frames):
        for path, line, head in drawn:
            walked = path[: 1 + round(share * (len(path) - 1))]
            line.set_data(*walked.T)
            head.set_data(*walked[-1:].T)
        canvas.draw()
        stills.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    plt.close(ax.figure)
    palette = stills[-1].quantize(64)  # one for all, without dithering: frames then differ only where something moves
    first, *rest = (still.quantize(palette=palette, dither=Image.Dither.NONE) for still in stills)
    durations = [80] * len(rest) + [2500]  # milliseconds; the last one is to be looked at
    first.save(file := io.BytesIO(), "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    alt = html.escape(f"Animation: {title}. Paths of {', '.join(map(str, paths))}.")
    return HTML(f'<img src="data:image/gif;base64,{base64.b64encode(file.getvalue()).decode()}" alt="{alt}">')


def heatmap(
    matrix, title, xlabel, ylabel, *, annotate=None, diverging=False, xticks=None, yticks=None, takeaway=None, ax=None
):
    """A matrix (rows, columns) as colours with a scale; by default numbers in the cells of one up to 12 by 12.

    `diverging`: white at zero, blue below, red above. `xticks`, `yticks`: one label for each column, row.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    rows, columns = matrix.shape
    ax, small = _axes(ax, min(0.7 * WIDTH * rows / columns + 0.9, 5.5)), max(rows, columns) <= 12
    bound = np.nanmax(abs(matrix))
    tints = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound} if diverging else {"cmap": "cividis"}
    image = ax.imshow(
        matrix, aspect="equal" if 1 / 3 < rows / columns < 3 else "auto", interpolation="nearest", **tints
    )
    ax.figure.colorbar(image, ax=ax)
    ax.grid(False)
    for axis, labels, count in (ax.xaxis, xticks, columns), (ax.yaxis, yticks, rows):
        if small or labels is not None:
            axis.set_ticks(range(count), labels)
    for (i, j), value in np.ndenumerate(matrix) if annotate or (small and annotate is None) else ():
        dark = np.dot(image.to_rgba(value)[:3], (0.299, 0.587, 0.114)) < 0.5
        ax.text(j, i, f"{value:.2g}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    return _finish(ax, title, xlabel, ylabel, takeaway)


def bars(values, ylabel, title, *, errors=None, number="{:.3g}", log=False, takeaway=None, ax=None):
    """A bar for each name, lying, so that long names can be read, with its value at the end.

    values: name -> number; ylabel: what the numbers are; errors: name -> half width; number: how values are written.
    """
    names = list(values)
    ax = _axes(ax, 0.42 * len(names) + 1.3)
    spread = None if errors is None else [errors.get(name, 0) for name in names]
    tints = [tint for tint, _ in _styles(names).values()]
    drawn = ax.barh(range(len(names)), list(values.values()), xerr=spread, capsize=4, color=tints, alpha=0.85, log=log)
    ax.bar_label(drawn, [number.format(value) for value in values.values()], padding=5, fontsize=9.5)
    ax.yaxis.set_ticks(range(len(names)), [textwrap.fill(str(name), 30) for name in names])
    ax.yaxis.set_inverted(True)
    ax.grid(False, axis="y")
    ax.margins(x=0.12)
    return _finish(ax, title, ylabel, takeaway=takeaway)


def loglog_fit(x, y, xlabel, ylabel, title, *, label="measured", takeaway=None, ax=None):
    """Points on log-log axes and the power law fitted through them by least squares; returns (Axes, its exponent)."""
    ax, x, y = _axes(ax), np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    slope, offset = np.polyfit(np.log(x), np.log(y), 1)
    ax.loglog(x, y, "o", color=color("adam"), label=label)
    ax.loglog(x, np.exp(offset) * x**slope, "--", color=color("wrong"), label=f"fit, slope {slope:.2f}")
    ax.legend()
    return _finish(ax, title, xlabel, ylabel, takeaway), float(slope)


def images(arrays, title, *, titles=None, columns=None, takeaway=None, ax=None):
    """A grid of images, each (H, W), (1, H, W) or (H, W, 3); each grey one is scaled to its own range."""
    arrays = [np.squeeze(np.asarray(array)) for array in arrays]
    columns = columns or min(len(arrays), 8)
    rows, tall = math.ceil(len(arrays) / columns), max(array.shape[0] / array.shape[1] for array in arrays)
    ax = _axes(ax, WIDTH / columns * tall * rows + (0.35 if titles else 0.05) * rows + 0.6)
    ax.axis("off")
    for k, array in enumerate(arrays):
        row, column = divmod(k, columns)
        place = (column / columns, 1 - (row + 1) / rows, 0.94 / columns, (0.8 if titles else 0.94) / rows)
        part = ax.inset_axes(place, xticks=[], yticks=[])
        part.imshow(array, cmap="gray", interpolation="nearest")
        part.set_title(titles[k] if titles else "", loc="center", fontsize=9.5, pad=3)
    return _finish(ax, title, takeaway=takeaway)


def graph(nodes, edges, title, *, takeaway=None, ax=None):
    """Boxes and arrows: nodes[name] = (x, y, text, kind), y upwards; edges = [(from, to, label or None[, bend])].

    Kinds: input, op, parameter, loss, output, plain. A positive bend turns an arrow to the left of its way. Where the
    graph is six or seven units wide, a unit is about an inch: room for ten letters.
    """
    x, y = np.array([node[:2] for node in nodes.values()], dtype=np.float64).T
    ax = _axes(ax, WIDTH * (np.ptp(y) + 1) / (np.ptp(x) + 1.2) + 0.5)
    ax.axis("off")
    ax.set(xlim=(x.min() - 0.6, x.max() + 0.6), ylim=(y.min() - 0.5, y.max() + 0.5), aspect="equal")
    centred, boxes = {"ha": "center", "va": "center"}, {}
    for name, (left, top, text, kind) in nodes.items():
        frame = {"boxstyle": "round,pad=0.4,rounding_size=0.3", "facecolor": _BOXES[kind], "edgecolor": "#555555"}
        boxes[name] = ax.text(left, top, text, fontsize=10, bbox=frame, **centred).get_bbox_patch()
    for start, end, label, *bend in edges:
        (x1, y1), (x2, y2), turn = nodes[start][:2], nodes[end][:2], bend[0] if bend else 0
        arrow = {"arrowstyle": "-|>", "mutation_scale": 13, "color": "#444444", "connectionstyle": f"arc3,rad={-turn}"}
        ends = {"patchA": boxes[start], "patchB": boxes[end], "shrinkA": 0, "shrinkB": 1}
        # Above the boxes, that is after them: only then is it known how large they are, and where arrows have to end.
        ax.annotate("", (x2, y2), (x1, y1), arrowprops=arrow | ends, zorder=4)
        middle = ((x1 + x2 - turn * (y2 - y1)) / 2, (y1 + y2 + turn * (x2 - x1)) / 2)
        white = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(*middle, label or "", fontsize=9, bbox=white if label else None, zorder=5, **centred)
    return _finish(ax, title, takeaway=takeaway)


def architecture(rows, title, *, takeaway=None, ax=None):
    """A network from input to output: rows of (name, output shape, number of parameters), one box each, and the sum."""
    words = {"conv": "op", "pool": "output", "linear": "parameter", "fc": "parameter", "input": "input"}
    kinds = [next((kind for word, kind in words.items() if word in name.lower()), "plain") for name, *_ in rows]
    nodes = {row: (1.4, -0.42 * row, name, kinds[row]) for row, (name, *_) in enumerate(rows)}
    ax = graph(
        nodes,
        [(*pair, None) for pair in pairwise(nodes)],
        title,
        takeaway=takeaway,
        ax=_axes(ax, 0.48 * len(rows) + 1.5),
    )
    ax.set(xlim=(0, 6.6), ylim=(-0.42 * len(rows) - 0.2, 0.6), aspect="auto")
    table = [("output shape", "parameters"), *(row[1:] for row in rows), ("total", sum(row[2] for row in rows))]
    for row, (shape, count) in enumerate(table, start=-1):
        text = shape if isinstance(shape, str) else " × ".join(map(str, shape))
        ax.text(4.2, -0.42 * row, text, ha="center", va="center")
        ax.text(6.4, -0.42 * row, f"{count:,}" if isinstance(count, int) else count, ha="right", va="center")
    return ax
