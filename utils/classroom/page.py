"""A page of its own: HTML without scripts and without other hosts, readable on a phone, light and dark."""

import html
import re

from utils.classroom import formula_svg

STYLE = """
:root{--text:#222;--soft:#555;--back:#fff;--box:#f5f5f5;--line:#ccc;--empty:#e6e6e6;
--right:#0a7d5c;--wrong:#b84a00;--blank:#6b6b6b;--named:#d55e00;--other:#e69f00;--good:#009e73;--calm:#0072b2}
@media(prefers-color-scheme:dark){:root{--text:#ddd;--soft:#aaa;--back:#181818;--box:#242424;--line:#444;--empty:#3a3a3a;
--right:#4fc79f;--wrong:#ff9457;--blank:#aaa;--calm:#56b4e9}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1rem}
body{color:var(--text);background:var(--back)}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}h3{font-size:1rem;margin:0}
p{margin:.4rem 0}.soft{color:var(--soft);font-size:.92rem}
code{font:0.92em ui-monospace,monospace;overflow-wrap:anywhere;background:var(--box);padding:0 .2em;border-radius:3px}
.right{color:var(--right)}.wrong{color:var(--wrong)}.blank{color:var(--blank)}
article{border-left:4px solid var(--line);padding:.2rem 0 .2rem .9rem;margin:1.2rem 0}
article.right{border-color:var(--right);color:inherit}article.wrong{border-color:var(--wrong);color:inherit}
article.blank{color:inherit}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .8rem;margin:.5rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;min-width:0}
details{margin:.4rem 0}summary{cursor:pointer}
.scroll{overflow-x:auto}table{border-collapse:collapse}
td,th{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right}
svg.bar{display:block;width:100%;height:14px}
.empty{fill:var(--empty)}.s-right{fill:var(--good)}.s-named{fill:var(--named)}.s-other{fill:var(--other)}
.s-blank{fill:var(--empty)}.s-calm{fill:var(--calm)}.key svg{width:12px;height:12px;vertical-align:-1px}
.key span{margin-right:1rem;white-space:nowrap}
.days{display:flex;align-items:flex-end;gap:4px;margin:.6rem 0}
.days div{flex:1 1 0;min-width:0;text-align:center;font-size:.75rem}
.days svg{display:block;width:100%;height:120px}
@media(max-width:30rem){dl{grid-template-columns:1fr}dd{margin-bottom:.3rem}}
@media print{body{max-width:none}details{display:block}}
""".strip()


def page(title: str, parts: list[str]) -> str:
    """The whole page under one heading."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main><h1>{html.escape(title)}</h1>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def prose(text: str) -> str:
    """A text of the course's as HTML: paragraphs, `code`, **strong** and $formulas$; the rest stays as it is."""
    escaped = html.escape(text.strip(), quote=False)
    escaped = _INLINE.sub(_inline, escaped)
    return "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in escaped.split("\n\n") if part.strip())


_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<stress>[^*\s][^*]*)\*|\$\$?(?P<tex>[^$]+)\$\$?"
)


def _inline(match: re.Match) -> str:
    if match["tex"]:
        return formula_svg.drawn(html.unescape(match["tex"]))
    tag, text = next((tag, match[tag]) for tag in ("code", "strong", "stress") if match[tag])
    tag = {"strong": "b", "stress": "i"}.get(tag, tag)
    return f"<{tag}>{text}</{tag}>"


def bar(parts: list[tuple[str, float]], whole: float, label: str) -> str:
    """One row of a bar chart: (class, width) from the left on an empty track."""
    at, rects = 0.0, ['<rect width="100" height="10" class="empty"/>']
    for kind, size in parts:
        width = 100 * size / whole if whole else 0.0
        rects.append(f'<rect x="{at:.2f}" width="{width:.2f}" height="10" class="s-{kind}"/>')
        at += width
    shape = 'viewBox="0 0 100 10" preserveAspectRatio="none"'
    return f'<svg class="bar" {shape} role="img" aria-label="{html.escape(label)}">{"".join(rects)}</svg>'


def column(parts: list[tuple[str, float]], whole: float, label: str) -> str:
    """One column of a chart, from the bottom."""
    at, rects = 100.0, []
    for kind, size in parts:
        height = 100 * size / whole if whole else 0.0
        at -= height
        rects.append(f'<rect y="{at:.2f}" width="10" height="{height:.2f}" class="s-{kind}"/>')
    shape = 'viewBox="0 0 10 100" preserveAspectRatio="none"'
    return f'<svg {shape} role="img" aria-label="{html.escape(label)}">{"".join(rects)}</svg>'


def key(*entries: tuple[str, str]) -> str:
    """What the colours of a chart mean."""
    square = '<svg viewBox="0 0 10 10"><rect width="10" height="10" class="s-{}"/></svg>'
    return (
        f'<p class="key soft">{"".join(f"<span>{square.format(kind)} {words}</span>" for kind, words in entries)}</p>'
    )
