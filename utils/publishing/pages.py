"""What the book shows: a question's page from its executed notebook, and the tables that are derived from the course.

Pure: notebooks, catalogue and the zoo's table in, notebooks and HTML out. `site.py` writes and builds them.
"""

import ast
import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
from nbformat import NotebookNode

from utils.authoring import blank, deeper, minutes
from utils.authoring.build import Source
from utils.folklore.ruling import MIME
from utils.grading import catalogue
from utils.publishing import lite
from utils.publishing.practice_page import practice, transfer
from utils.publishing.verdict_page import folklore

# ---- a question's page ------------------------------------------------------------------------------------------


def question_page(source: Source, executed: NotebookNode, in_browser: bool) -> NotebookNode:
    """The executed notebook as a page: facts and buttons under the title, each blank above its folded solution."""
    cells = []
    for run in deeper.runs(executed.cells):
        run[0].source = _with_minutes(run)
    for cell, heading in _with_headings(executed.cells):
        if cell.cell_type == "code" and blank.is_solved(cell.source):
            cells.append(nbformat.v4.new_markdown_cell(_fenced(blank.blanked(cell.source, source.path.name))))
        if cell.cell_type == "code":
            alt = f"Figure: {figure_title(cell.source) or heading}"
            cell.metadata["mystnb"] = {"image": {"alt": alt}, **_prompt(cell)}
            for output in cell.outputs:
                output.get("data", {}).pop(MIME, None)  # for the folklore page, not for a reader's eye
        cells.append(cell)
    cells[0].source += "\n\n" + question_bar(source.stem, in_browser)
    executed.cells = cells
    return executed


def _with_minutes(run: list[NotebookNode]) -> str:
    """The first cell of a deeper part, with the time it takes in its heading, which the book folds it under."""
    heading, _, rest = run[0].source.partition("\n")
    return f"{heading} ({max(1, round(minutes.of(run).minutes))} min)\n{rest}"


def _prompt(cell: NotebookNode) -> dict:
    """What to press for code that is folded because it only draws; a solution has the book's own words."""
    drawing = "hide-input" in deeper.tags(cell) and not blank.is_solved(cell.source)
    return {"code_prompt_show": "Show the code", "code_prompt_hide": "Hide the code"} if drawing else {}


def _with_headings(cells: list[NotebookNode]) -> Iterator[tuple[NotebookNode, str]]:
    """Each cell with the heading it stands under."""
    heading = ""
    for cell in cells:
        found = re.findall(r"(?m)^#{1,4} (.+)$", cell.source) if cell.cell_type == "markdown" else []
        heading = found[-1] if found else heading
        yield cell, heading


def _fenced(code: str) -> str:
    return f"```python\n{code.strip()}\n```"


def figure_title(code: str) -> str:
    """The title that a cell gives its figure, as far as it is written out; "" when it gives none."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            found += [keyword.value for keyword in node.keywords if keyword.arg == "title"]
            found += node.args if _names_a_figure(node.func) else []
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "title":
            found.append(node.value)
    texts = [" ".join(_literal(node).split()) for node in found]
    return max(texts, key=lambda text: text.count(" "), default="")


def _names_a_figure(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute):
        return False
    return function.attr in ("set_title", "suptitle") or getattr(function.value, "id", "") == "plots"


def _literal(node: ast.expr) -> str:
    """A string literal, or the written parts of an f-string with … for the rest; "" for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) or "…" for part in node.values)
    return ""


def question_bar(stem: str, in_browser: bool) -> str:
    """Chapter, minutes and what is needed, and the way to the learner's own copy; raw HTML for Markdown."""
    entry = catalogue.entries()[stem]
    chapter = f"{entry['chapter']} · {catalogue.CHAPTERS[entry['chapter']][0]}"
    more = f", and {entry['minutes_deeper']} for the deeper parts" if entry["minutes_deeper"] else ""
    facts = [f"Chapter {chapter}", f"{entry['minutes']} minutes{more}", _needs(entry), _dots(entry)]
    links = [f'<a class="course-download" href="../download/{stem}.ipynb" download>Download the notebook</a>']
    copies = ""
    if in_browser and not entry["torch"]:
        name, page = lite.notebook_name(stem), "../lite/notebooks/index.html"
        links.insert(0, f'<a class="course-open" href="{page}?path={name}">Try it in the browser</a>')
        copies = f'<div class="course-copies" data-stem="{stem}" data-current="{name}" data-lite="{page}"></div>'
    return (
        f'<div class="course-bar"><p>{" ".join(f"<span>{fact}</span>" for fact in facts)}</p>'
        f"<p>{' '.join(links)}</p>{copies}</div>"
    )


def _needs(entry: dict) -> str:
    return "needs torch: on your own machine" if entry["torch"] else "NumPy only: runs in the browser"


def _dots(entry: dict) -> str:
    """One mark an exercise; `progress.js` fills those that this browser has seen solved."""
    marks = "".join(f'<i data-exercise="{name}" title="{name}"></i>' for name in entry["exercises"])
    count = len(entry["exercises"])
    return f'<span class="course-dots">{marks}</span> {count} exercise{"s" if count > 1 else ""}'


# ---- blocks of the authored pages -------------------------------------------------------------------------------


def count() -> str:
    """What the course has, in figures: questions, chapters, and the questions that run in the browser."""
    known = catalogue.entries().values()
    chapters = len({entry["chapter"] for entry in known})
    browser = sum(not entry["torch"] for entry in known)
    return f"{len(known)} interview questions in {chapters} chapters; {browser} of them need NumPy only"


def chapter_map() -> str:
    """All questions by chapter: English and Chinese titles, minutes, and whether each runs in the browser."""
    parts = []
    for chapter, (english, chinese) in catalogue.CHAPTERS.items():
        rows = [(stem, entry) for stem, entry in catalogue.entries().items() if entry["chapter"] == chapter]
        hours = sum(entry["minutes"] for _, entry in rows) / 60
        parts.append(f"### {chapter} · {english} · {chinese}\n\n{len(rows)} questions, about {hours:.0f} hours.\n")
        parts.append('<ol class="course-map">' + "".join(_map_row(*row) for row in rows) + "</ol>\n")
    return "\n".join(parts)


def _map_row(stem: str, entry: dict) -> str:
    where = "torch" if entry["torch"] else "browser"
    badge = {"torch": "needs torch", "browser": "in the browser"}[where]
    return (
        f'<li><a href="questions/{stem}.html"><b>{stem[:2]}</b> {html.escape(entry["title"])}</a>'
        f'<span lang="zh">{html.escape(entry["title_zh"])}</span>'
        f'<small>{entry["minutes"]} min · <span class="course-{where}">{badge}</span> · {_dots(entry)}</small></li>'
    )


def zoo() -> str:
    """The table of every network: our counts beside the published figures, with year, errors and main idea."""
    from utils import models

    head = ("network", "year", "main idea", "parameters", "multiply-adds", "as printed", "error in %, top-1 / top-5")
    body = "".join(_zoo_row(name, row, models.measure(name)) for name, row in models.PUBLISHED.items())
    header = "".join(f'<th scope="col">{title}</th>' for title in head)
    return (
        '<div class="course-scroll" tabindex="0" role="region" aria-label="table of networks"><table>'
        f"<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>\n"
    )


def _zoo_row(name: str, row: Any, ours: Any) -> str:
    errors = "<br>".join(
        f"{_percent(error.top1)} / {_percent(error.top5)} <small>{html.escape(error.protocol)}</small>"
        for error in row.errors
    )
    printed = ", ".join(filter(None, (row.paper_parameters, row.paper_cost))) or "–"
    cells = (
        str(row.year or "–"), f"{html.escape(row.idea)}<br><small>{html.escape(row.source)}</small>",
        _beside(ours.parameters, row.parameters), _beside(ours.macs, row.macs), html.escape(printed), errors or "–",
    )  # fmt: skip
    return f'<tr><th scope="row">{html.escape(row.title)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _beside(ours: int, published: int | None) -> str:
    """Our count, and whether a published one equals it."""
    if published is None:
        return f"{ours:,}"
    return f"{ours:,} ✓" if ours == published else f"{ours:,} <small>published {published:,}</small>"


def mistakes() -> str:
    """Every wrong answer that a check knows by name, question by question, folded by exercise."""
    parts, chapter = [], 0
    for stem, entry in catalogue.entries().items():
        if entry["chapter"] != chapter:
            chapter = entry["chapter"]
            parts.append(f"## {chapter} · {catalogue.CHAPTERS[chapter][0]}\n")
        parts.append(f"### [{stem[:2]} · {entry['title']}](questions/{stem}.ipynb)\n")
        parts += [_mistake_list(exercise) for exercise in catalogue.question(catalogue.slug(stem)).exercises]
    return "\n".join(parts)


def _mistake_list(exercise: Any) -> str:
    groups: dict[str, list[str]] = {}
    for mistake in exercise.mistakes:
        groups.setdefault(mistake.advice, []).append(f"<b>{html.escape(mistake.name)}</b>")
    rows = "".join(f"<li>{'<br>'.join(names)}<br>{html.escape(advice)}</li>" for advice, names in groups.items())
    summary = f"<summary><code>{exercise.name}</code>: {len(exercise.mistakes)} mistakes</summary>"
    return f'<details class="course-mistakes">{summary}<ul>{rows}</ul></details>\n'


_REFERENCE = re.compile(r"- (?P<authors>[^*]*?)\s*\*(?P<title>.+?)\*[.,]?\s*(?P<rest>.*)", re.DOTALL)


def references(sources: list[Source]) -> str:
    """Every work that a question names, by title, with what each question takes from it; then what has no title."""
    works: dict[str, list[tuple[str, re.Match]]] = {}
    others = []
    for stem, item in _cited(sources):
        if match := _REFERENCE.fullmatch(item):
            main_title = match["title"].split(":")[0].rstrip(".").lower()  # subtitles are often left out
            works.setdefault(main_title, []).append((stem, match))
        else:
            others.append(f"- [{stem[:2]}](questions/{stem}.ipynb): {' '.join(item[2:].split())}")
    titled = "\n".join(_work(works[key]) for key in sorted(works))
    return "\n".join([titled, "\n## Documentation, and works named in passing\n", *others] if others else [titled])


def _cited(sources: list[Source]) -> Iterator[tuple[str, str]]:
    """(stem, "- …") of each item under a question's References."""
    for source in sources:
        text = next(cell.source for cell in source.notebook.cells if cell.source.startswith("## References"))
        yield from ((source.stem, item.strip()) for item in re.split(r"\n(?=- )", text) if item.startswith("- "))


def _work(uses: list[tuple[str, re.Match]]) -> str:
    title, authors = (max((match[part].rstrip(" .,") for _, match in uses), key=len) for part in ("title", "authors"))
    places = "".join(
        f"\n  - [{stem[:2]}](questions/{stem}.ipynb): {' '.join(match['rest'].split())}" for stem, match in uses
    )
    return f"- *{title}.* {authors}.{places}"


def blocks(sources: list[Source], notebooks: dict[str, NotebookNode]) -> dict[str, Callable[[], str]]:
    """What stands where an authored page says `<!-- course: NAME -->`."""
    return {
        "count": count, "map": chapter_map, "folklore": lambda: folklore(notebooks), "zoo": zoo, "mistakes": mistakes,
        "references": lambda: references(sources), "practice": practice, "transfer": transfer,
    }  # fmt: skip
