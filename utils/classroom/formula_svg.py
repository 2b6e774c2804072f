"""A formula of a hint as a drawing: a page without scripts has no MathJax, so matplotlib's own TeX draws it as SVG."""

import functools
import html
import re

_SIZE = 10.0  # points; the drawing is scaled to the text around it


@functools.cache
def drawn(tex: str) -> str:
    """Inline SVG in the colour of the text; the TeX itself, as code, where matplotlib cannot draw it."""
    from matplotlib.textpath import TextPath

    try:
        path = TextPath((0, 0), f"${_spelt_out(tex)}$", size=_SIZE)
    except (ValueError, RuntimeError):
        return f"<code>{html.escape(tex)}</code>"
    box = path.get_extents()
    shape = (box.x0 - 0.5, -box.y1 - 0.5, box.width + 1, box.height + 1)
    place = (
        f"width:{shape[2] / _SIZE:.2f}em;height:{shape[3] / _SIZE:.2f}em;vertical-align:{(box.y0 - 0.5) / _SIZE:.2f}em"
    )
    view = " ".join(f"{number:.1f}" for number in shape)
    label = html.escape(tex, quote=True)
    drawing = f'<path d="{_outline(path)}" fill="currentColor"/>'
    return f'<svg viewBox="{view}" style="{place}" role="img" aria-label="{label}">{drawing}</svg>'


def _spelt_out(tex: str) -> str:
    """TeX as matplotlib reads it: with the braces that TeX lets one leave out."""
    for old, new in ((r"\tfrac", r"\frac"), (r"\big", ""), (r"\|", "‖"), (r"\top", r"\mathsf{T}")):
        tex = tex.replace(old, new)
    tex = re.sub(r"\\frac(\w)(\w)", r"\\frac{\1}{\2}", tex)
    tex = re.sub(r"\\frac(\w)\{", r"\\frac{\1}{", tex)
    return re.sub(r"\\sqrt(\\[a-z]+|\w)", r"\\sqrt{\1}", tex)


def _outline(path: object) -> str:
    """A path as SVG writes it; its y axis points down."""
    letter = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    parts = []
    for points, code in path.iter_segments(simplify=False, curves=True):
        pairs = " ".join(f"{x:.1f} {-y:.1f}" for x, y in points.reshape(-1, 2)) if code != 79 else ""
        parts.append(letter[int(code)] + pairs)
    return "".join(parts)
