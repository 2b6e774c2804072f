"""Folds each section called "Deeper: …" into a <details> whose summary is its heading."""

from docutils import nodes


def fold(app: object, doctree: nodes.document, name: str) -> None:
    """After the contents are collected, so that a folded heading stays in them."""
    for section in list(doctree.findall(nodes.section)):
        title = section[0]
        if isinstance(title, nodes.title) and title.astext().startswith("Deeper: "):
            rest = section.children[1:]
            section.children = []
            section += [_raw('<details class="course-deeper"><summary>'), title, _raw("</summary>"), *rest]
            section += _raw("</details>")


def _raw(markup: str) -> nodes.raw:
    return nodes.raw("", markup, format="html")


def setup(app: object) -> dict:
    """Sphinx calls this."""
    app.connect("doctree-resolved", fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
