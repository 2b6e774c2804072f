"""The shared figures: right colours, readable sizes, nothing cut off or overlapping."""

import base64
import io
import itertools
import re

import matplotlib
import numpy as np
import pytest

from utils import plots

matplotlib.use("Agg")
FIRST_ORDER = ["sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamw"]
SECOND_ORDER = ["gd", "newton", "cg", "bfgs", "lbfgs"]
# Machado, Oliveira & Fernandes (2009), full severity, for linear RGB.
SIGHTS = {
    "full colour": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@pytest.fixture(autouse=True)
def tidy():
    """Defaults and figures are gone after each test."""
    import matplotlib.pyplot as plt

    with matplotlib.rc_context():
        yield
    plt.close("all")


def lab(tint, sight):
    """CIE L*a*b* of a colour as a reader with this sight sees it."""
    srgb = np.array(matplotlib.colors.to_rgb(tint))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(SIGHTS[sight]) @ linear, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def parabola(x, y):
    return x**2 + 4 * y**2


def paths(n=30):
    t = np.linspace(1, 0, n)
    return {"gd": np.stack([2 * t, t], 1), "Adam (lr 0.1)": np.stack([2 * t, t**2], 1)}


NODES = {
    "x": (0, 0, "x", "input"),
    "f": (2, 0, "conv 3×3", "op"),
    "w": (2, -1, "W", "parameter"),
    "y": (4, 0, "+", "plain"),
}
EDGES = [("x", "f", None), ("w", "f", "dW"), ("f", "y", None), ("x", "y", "identity", 0.3)]
LENET = [
    ("input", (1, 32, 32), 0),
    ("conv 5×5", (6, 28, 28), 156),
    ("average pool 2", "6 × 14 × 14", 0),
    ("linear", (10,), 850),
]
SERIES = {name: np.exp(-np.arange(50) / (5 + k)) for k, name in enumerate(FIRST_ORDER)}
ACCURACY = {"batch norm": 0.95, "no batch norm": 0.93, "a rather long name of some other variant": 0.9}
DRAWINGS = {
    "curves": lambda **more: plots.curves(SERIES, "step", "loss", "Curves", logy=True, **more),
    "contours": lambda **more: plots.contours(parabola, (-3, 3), (-2, 2), paths(), "Contours", minimum=(0, 0), **more),
    "bars": lambda **more: plots.bars(ACCURACY, "accuracy", "Bars", errors={"batch norm": 0.01}, **more),
    "loglog_fit": lambda **more: plots.loglog_fit([1, 2, 4, 8], [8, 4, 2, 1], "B", "variance", "Fit", **more)[0],
    "images": lambda **more: plots.images(np.random.default_rng(0).random((5, 1, 8, 8)), "Images", columns=3, **more),
    "graph": lambda **more: plots.graph(NODES, EDGES, "Graph", **more),
    "architecture": lambda **more: plots.architecture(LENET, "Network", **more),
}
each_drawing = pytest.mark.parametrize("name", DRAWINGS)
TAKEAWAY = (
    "What this figure shows, in a sentence that is long enough to need a second line below the axes of the figure."
)


def texts(figure):
    return [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text().strip()]


@each_drawing
def test_a_figure_is_drawn_whole(name):
    """Title, labels and takeaway lie inside a figure of 700 to 800 pixels, all in at least 9 points, none overlapping."""
    ax = DRAWINGS[name](takeaway=TAKEAWAY)
    figure = ax.figure
    figure.canvas.draw()
    frame = figure.bbox.padded(2)
    written = texts(figure)
    boxes = {text: text.get_window_extent() for text in written if text.axes is not None}

    assert 700 <= figure.get_figwidth() * figure.dpi <= 800
    assert ax.get_title(loc="left")
    assert TAKEAWAY in [text.get_text().replace("\n", " ") for text in written]
    assert min(text.get_fontsize() for text in written) >= 9
    assert [] == [
        t.get_text() for t, b in boxes.items() if not (frame.contains(b.x0, b.y0) and frame.contains(b.x1, b.y1))
    ]
    inner = [(t, b.padded(-1)) for t, b in boxes.items()]
    assert [] == [(t.get_text(), u.get_text()) for (t, b), (u, c) in itertools.combinations(inner, 2) if b.overlaps(c)]


@each_drawing
def test_a_figure_fits_into_given_axes(name):
    """Drawn on given axes it returns these and opens no figure of its own."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")

    assert DRAWINGS[name](ax=axes[1]) is axes[1]
    assert 1 == len(plt.get_fignums())
    assert axes[1].get_title(loc="left")


def test_one_method_has_one_colour():
    """A method is found by any usual spelling, and curves, contours and bars give it the same colour."""
    curve = plots.curves({"x": [1, 2], "Adam (lr 0.1)": [1, 2]}, "t", "loss", "T").lines[1]
    bar = plots.bars({"SGD": 1.0, "adam": 2.0}, "loss", "T").patches[1]

    assert {plots.COLORS["adam"]} == {plots.color(name) for name in ("adam", "Adam", "Adam (lr 0.1)", "adam, tuned")}
    assert plots.COLORS["batch_norm"] == plots.color("batch norm")
    assert plots.COLORS["lbfgs"] == plots.color("L-BFGS")
    assert plots.COLORS["adam"] == curve.get_color()
    assert matplotlib.colors.same_color((*bar.get_facecolor()[:3], 1), plots.COLORS["adam"])


def test_an_unknown_method_has_no_colour():
    """`color` refuses an unknown name and lists the known ones."""
    with pytest.raises(ValueError, match="no colour is set for 'sdg'; there is one for sgd, gd"):
        plots.color("sdg")


def test_no_two_lines_look_alike():
    """Unknown names, and a method shown twice, get a pair of colour and dash that is still free."""
    names = ["adam (lr 1)", "adam (lr 2)", "one", "two", "three", "gd", *FIRST_ORDER]
    lines = plots.curves({name: [1.0, 2.0] for name in names}, "t", "loss", "T").lines

    assert names[0] == lines[0].get_label()
    assert plots.COLORS["adam"] == lines[0].get_color()
    assert len(names) == len({(line.get_color(), line.get_linestyle()) for line in lines})


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(
    "family", [FIRST_ORDER, SECOND_ORDER, ["l1", "l2", "smooth_l1", "huber"], ["right", "wrong", "missing"]]
)
def test_methods_stay_apart_for_colour_blind_readers(family, sight):
    """Two methods of a family differ clearly in colour for every reader, or else in their dashes."""
    styles = {name: (plots.color(name), plots._DASHES.get(name, "-")) for name in family}
    alike = [
        (a, b)
        for a, b in itertools.combinations(family, 2)
        if styles[a][1] == styles[b][1] and np.linalg.norm(lab(styles[a][0], sight) - lab(styles[b][0], sight)) < 14
    ]

    assert [] == alike
    assert len(family) == len({tint for tint, _ in styles.values()})


def test_curves_lists_names_in_the_order_in_which_lines_end():
    """The legend on the right reads from top to bottom like the lines' ends; NaN and infinity do not count."""
    series = {"low": [3.0, 1.0], "high": ([0, 1, 2], [1.0, 9.0, np.nan]), "middle": [0.0, 4.0]}
    ax = plots.curves(series, "t", "loss", "T", band={"low": ([2, 0], [4, 2])})

    assert ["high", "middle", "low"] == [text.get_text() for text in ax.get_legend().get_texts()]
    assert 1 == len(ax.collections)
    assert plots.curves(series, "t", "loss", "T", legend=None).get_legend() is None


def test_contours_show_where_a_path_starts_and_ends():
    """A ring marks the start, a dot the end; equal axes where they fit, so that descent looks orthogonal."""
    ax = plots.contours(parabola, (-3, 3), (-2, 2), {"gd": [[2, 1], [1, 0.5], [0.5, 0]]}, "T")
    line, ring, dot = ax.lines

    assert [(2, 1), (0.5, 0)] == [tuple(mark.get_xydata()[0]) for mark in (ring, dot)]
    assert ("white", line.get_color()) == (ring.get_markerfacecolor(), dot.get_markerfacecolor())
    assert 1.0 == ax.get_aspect()
    assert "auto" == plots.contours(parabola, (0, 1), (0, 100), {}, "T").get_aspect()


def test_an_animation_plays_without_scripts():
    """The GIF has all frames, runs for ever, is small, ends on the whole path and says in words what it shows."""
    from PIL import Image

    page = plots.animate_paths(parabola, (-3, 3), (-2, 2), paths(), "Two <paths>", frames=8).data
    picture = base64.b64decode(re.search(r'src="data:image/gif;base64,([^"]+)"', page)[1])
    with Image.open(io.BytesIO(picture)) as gif:
        first = np.asarray(gif.convert("RGB")).copy()
        gif.seek(gif.n_frames - 1)
        last = np.asarray(gif.convert("RGB"))
        facts = (gif.n_frames, gif.info["loop"], gif.size[0])

    ax = plots.contours(parabola, (-3, 3), (-2, 2), paths(), "Two <paths>")
    ax.figure.canvas.draw()
    x, y = ax.transData.transform(paths()["Adam (lr 0.1)"][-1]).astype(int)
    adam = 255 * np.array(matplotlib.colors.to_rgb(plots.color("adam")))

    assert (8, 0, 750) == facts
    np.testing.assert_allclose(last[len(last) - y, x], adam, atol=12)
    assert len(picture) < 400_000
    assert (255, 255, 255) == tuple(first[0, 0])
    assert (first != last).any()
    assert 'alt="Animation: Two &lt;paths&gt;. Paths of gd, Adam (lr 0.1)."' in page
    assert "<script" not in page


def test_bars_write_their_values():
    """Each bar carries its value in the wanted form, from top to bottom in the order given."""
    ax = plots.bars({"a": 0.5, "b": -0.25}, "share", "T", number="{:.0%}")
    top, bottom = ax.get_ylim()[::-1]

    assert ["50%", "-25%"] == [text.get_text() for text in ax.texts if text.get_text()]
    assert ["a", "b"] == [text.get_text() for text in ax.get_yticklabels()]
    assert top < 0 < 1 < bottom


def test_loglog_fit_returns_the_exponent():
    """The exponent of a power law comes back, and stands in the legend."""
    x = np.array([1.0, 3.0, 10.0, 40.0])
    ax, slope = plots.loglog_fit(x, 5 * x**-1.5, "B", "variance", "T")

    assert slope == pytest.approx(-1.5)
    assert ["measured", "fit, slope -1.50"] == [text.get_text() for text in ax.get_legend().get_texts()]


def test_images_take_grey_and_colour():
    """Grey, one-channel and colour images share a grid, each with its own title."""
    mixed = [np.zeros((8, 8)), np.zeros((1, 8, 8)), np.zeros((6, 9, 3))]
    ax = plots.images(mixed, "T", titles=["a", "b", "c"], columns=2)

    assert ["a", "b", "c"] == [part.get_title() for part in ax.child_axes]
    assert [(8, 8), (8, 8), (6, 9, 3)] == [part.images[0].get_array().shape for part in ax.child_axes]


def arrows_of(ax):
    """The points of a graph's arrows, in pixels, curves followed."""
    patches = [text.arrow_patch for text in ax.texts if getattr(text, "arrow_patch", None)]
    paths = [patch.get_transform().transform_path(patch.get_path()) for patch in patches]
    lines = [np.concatenate(path.to_polygons(closed_only=False)) for path in paths]
    return [np.concatenate([np.linspace(a, b, 9) for a, b in itertools.pairwise(line)]) for line in lines]


def test_arrows_end_at_the_borders_of_boxes():
    """In a graph no arrow enters a box, bent ones neither, and each comes close to two of them."""
    ax = plots.graph(NODES, EDGES, "T")
    ax.figure.canvas.draw()
    words = {node[2] for node in NODES.values()}
    boxes = [text.get_bbox_patch().get_window_extent() for text in ax.texts if text.get_text() in words]

    assert len(EDGES) == len(arrows_of(ax))
    for arrow in arrows_of(ax):
        assert not any(box.padded(-2).contains(*vertex) for vertex in arrow for box in boxes)
        assert 2 == sum(any(box.padded(5).contains(*vertex) for vertex in arrow) for box in boxes)


def test_the_first_drawing_is_the_final_one():
    """Boxes get their size while they are drawn; arrows wait for it, so that drawing again changes nothing."""
    canvas = plots.graph(NODES, EDGES, "T").figure.canvas
    canvas.draw()
    first = np.array(canvas.buffer_rgba())
    canvas.draw()

    assert np.array_equal(first, canvas.buffer_rgba())


def test_a_bend_turns_left():
    """A positive bend lifts an arrow that runs to the right, and its label with it."""
    ax = plots.graph(NODES, EDGES, "T")
    ax.figure.canvas.draw()
    label = next(text for text in ax.texts if text.get_text() == "identity")
    top = ax.transData.inverted().transform(arrows_of(ax)[-1])[:, 1].max()

    assert (2.0, pytest.approx(0.6)) == label.get_position()
    assert top == pytest.approx(0.6, abs=0.05)


def test_an_architecture_adds_up():
    """Shapes and counts stand beside their layers, the sum of parameters below."""
    written = [text.get_text() for text in plots.architecture(LENET, "T").texts]

    assert {"conv 5×5", "6 × 28 × 28", "6 × 14 × 14", "156", "1,006", "total"} <= set(written)


def test_style_is_readable_in_dark_themes():
    """Figures are white, whatever surrounds them, and nothing is smaller than 9 points."""
    plots.style()
    settings = matplotlib.rcParams

    assert {"white"} == {settings["figure.facecolor"], settings["axes.facecolor"]}
    assert 9 <= settings["font.size"]


def test_a_number_grid_shows_every_number_but_the_hidden():
    """One cell and one text for each number, a minus sign that is one, a question mark where a number is hidden."""
    import matplotlib.pyplot as plt

    from utils import plots

    ax = plt.figure().add_subplot()
    plots.number_grid(ax, [[1, -2], [3, 4]], 0, 0, "four numbers", shaded=[(0, 0)], hidden=[(1, 1)])
    texts = [text.get_text() for text in ax.texts]
    plt.close("all")

    assert ["1", "−2", "3", "?", "four numbers"] == texts
    assert 4 == len(ax.patches)
