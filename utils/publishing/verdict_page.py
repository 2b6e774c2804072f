"""The book's page of folklore: every claim with its verdict and what it rests on, from the executed notebooks' data."""

import html
from collections.abc import Iterator

from nbformat import NotebookNode

from utils.folklore.ruling import FAILS, HOLDS, MIME, ONLY_IF, UNDECIDED, kind
from utils.grading import catalogue

CLASS = {HOLDS: "holds", ONLY_IF: "only-if", FAILS: "fails", UNDECIDED: "undecided"}


def rulings(notebook: NotebookNode) -> list[dict]:
    """The verdicts of one executed notebook, in order, as `trial` left them."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[MIME] for output in outputs if MIME in output.get("data", {})]


def folklore(notebooks: dict[str, NotebookNode]) -> str:
    """Every claim of the course with its verdict, chapter by chapter, after a count of each kind."""
    parts, entries = [], catalogue.entries()
    for chapter, (english, _) in catalogue.CHAPTERS.items():
        parts.append(f"## {chapter} · {english}\n")
        of_chapter = [stem for stem in entries if entries[stem]["chapter"] == chapter]
        parts += [_question(stem, rulings(notebooks[stem])) for stem in of_chapter]
    return _tally(notebooks) + "\n\n" + "\n".join(parts)


def _tally(notebooks: dict[str, NotebookNode]) -> str:
    kinds = [kind(ruling["verdict"]) for notebook in notebooks.values() for ruling in rulings(notebook)]
    count = {name: kinds.count(name) for name in CLASS}
    return (
        f"{len(kinds)} claims: {count[HOLDS]} hold, {count[ONLY_IF]} hold only under a condition, "
        f"{count[FAILS]} do not hold, {count[UNDECIDED]} are not decided here."
    )


def _question(stem: str, claims: list[dict]) -> str:
    """The claims of one question under its title; what each verdict rests on is folded."""
    title = f"{stem[:2]} · {html.escape(catalogue.entries()[stem]['title'])}"
    head = f'<p class="course-claims"><a href="questions/{stem}.html#folklore-on-trial">{title}</a></p>'
    return f'{head}<ul class="course-folklore">{"".join(map(_row, claims))}</ul>\n'


def _row(ruling: dict) -> str:
    verdict = ruling["verdict"]
    grounds = "".join(f"<li>{html.escape(line)}</li>" for line in _grounds(ruling))
    folded = f'<details><summary>what it rests on</summary><ul class="course-grounds">{grounds}</ul></details>'
    return (
        f'<li class="course-{CLASS[kind(verdict)]}"><span>“{html.escape(ruling["claim"])}”</span> '
        f"<b>{html.escape(verdict)}</b>{folded if grounds else ''}</li>"
    )


def _grounds(ruling: dict) -> Iterator[str]:
    """What a verdict rests on, line by line: the papers first."""
    for row in ruling.get("published", ()):
        yield f"{row['source']}: {row['figure']} {'✓' if row['holds'] else '✗'}"
    if ruling.get("settings"):
        yield f"here it held in {ruling['held']} of {ruling['settings']} settings ({ruling['family']})"
    if ruling.get("inside", [0, 0])[1]:
        yield "on settings not used to find the condition: {} of {} inside it, {} of {} outside".format(
            *ruling["inside"], *ruling["outside"]
        )
    if ruling.get("reason"):
        yield ruling["reason"]
