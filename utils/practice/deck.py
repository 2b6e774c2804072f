"""The cards as a deck for Anki: the same bytes from the same source, and identities that a new import updates.

Notes are known by their card's key, decks and the note type by a digest of their names. Anki takes a note for newer by
its time, so all have the time of the source: of the last commit, else of the newest notebook.
"""

import hashlib
import io
import os
import sqlite3
import subprocess
import tempfile
import zipfile
from itertools import count
from pathlib import Path

from utils.grading import catalogue, disk
from utils.practice import cards
from utils.practice.cards import ROOT, Card

NAME = "Vision interviews"
CSS = (
    ".card{font:18px/1.5 system-ui,sans-serif;max-width:40em;margin:1em auto;padding:0 1em;text-align:left}"
    ".where{opacity:.65;font-size:80%}pre{overflow-x:auto}td,th{border:1px solid;padding:.2em .5em}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
)
WHERE = '<p class="where">{{Where}}</p>'
TEMPLATES = [
    {"name": "aloud", "qfmt": f"{WHERE}{{{{Front}}}}", "afmt": "{{FrontSide}}<hr id=answer>{{Back}}"},
    {"name": "中文", "qfmt": "{{#Chinese}}<p class=\"where\">{{Where}}</p>{{FrontChinese}}{{/Chinese}}",
     "afmt": "{{FrontSide}}<hr id=answer>{{Chinese}}"},
]  # fmt: skip
FIELDS = ("Key", "Front", "Back", "FrontChinese", "Chinese", "Where")


def write(path: Path, stamp: int | None = None) -> int:
    """Write all cards of the course as an .apkg and return their number; the whole file or nothing."""
    found = [card for stem in catalogue.entries() for card in cards.of(stem, solved=True)]
    disk.write(path, package(found, source_time() if stamp is None else stamp))
    return len(found)


def source_time() -> int:
    """Seconds since 1970 of what the cards are made of."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct", "--", "solutions"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        said = ""
    newest = max((path.stat().st_mtime for path in (ROOT / "solutions").glob("*.ipynb")), default=0)
    return int(said or newest)


def package(found: list[Card], stamp: int) -> bytes:
    """An .apkg: a zip, stored and with fixed times, of a SQLite file and an empty list of media."""
    import genanki

    model = genanki.Model(_number("note type"), NAME, [{"name": name} for name in FIELDS], TEMPLATES, CSS)
    decks: dict[int, object] = {}
    for card in found:
        chapter = catalogue.entries()[card.stem]["chapter"]
        if chapter not in decks:
            title = f"{NAME}::{chapter} {catalogue.CHAPTERS[chapter][0]}"
            decks[chapter] = genanki.Deck(_number(f"chapter {chapter}"), title)
        note = genanki.Note(model, _fields(card), guid=card.key, tags=[f"question-{card.number}", card.kind])
        decks[chapter].add_note(note)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, data in (("collection.anki2", _collection(decks.values(), stamp)), ("media", b"{}")):
            zipped.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _collection(decks: object, stamp: int) -> bytes:
    """The bytes of the database, made in a folder of its own: SQLite writes files only."""
    import genanki

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "collection.anki2"
        connection = sqlite3.connect(path)
        try:
            genanki.Package(list(decks)).write_to_db(connection.cursor(), stamp, count(stamp * 1000))
            connection.commit()
        except sqlite3.OperationalError as error:
            raise OSError(f"its database could not be made in {folder} ({error})") from None
        finally:
            connection.close()
        return path.read_bytes()


def _number(name: str) -> int:
    """An id of 31 bits that never changes."""
    digest = hashlib.blake2b(f"{NAME}/{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) >> 2 | 1 << 30


def _fields(card: Card) -> list[str]:
    front = card.front
    if card.kind == cards.FOLKLORE:
        front += "\n\nDoes it hold, only under a condition, or not?"
    chinese = catalogue.entries()[card.stem]["title_zh"] if card.chinese else ""
    where = f"question {card.number} · {card.kind.replace('-', ' ')}"
    return [card.key, *map(as_html, (front, card.back, chinese, card.chinese)), where]


def as_html(text: str) -> str:
    """Markdown with $…$ as HTML with the delimiters of Anki's MathJax; links within the course become their words."""
    return _renderer().render(text).strip() if text else ""


def _renderer() -> object:
    from markdown_it import MarkdownIt
    from markdown_it.common.utils import escapeHtml
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def formula(text: str, options: dict) -> str:
        left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        # Two closing braces end a field of Anki's templates, so they are held apart.
        return left + escapeHtml(text.strip()).replace("}}", "} }") + right

    def link(self: object, tokens: list, index: int, options: dict, env: dict) -> str:
        return ""

    renderer = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=formula, double_inline=True)
    for name in ("link_open", "link_close"):
        renderer.add_render_rule(name, link)
    return renderer
