"""The deck: the same bytes from the same source, taken by Anki's own importer, updated and never doubled."""

import errno
import re
import shutil
import sqlite3
import zipfile
from pathlib import Path

import genanki
import pytest
from click.testing import CliRunner

from utils.cli import main
from utils.grading import catalogue
from utils.practice import cards, deck

STEMS = ["10_adam", "15_batchnorm_forward"]
STAMP = 1_790_000_000


def some():
    return [card for stem in STEMS for card in cards.of(stem, solved=True)]


def notes(path, tmp_path):
    """Key → fields, straight from the file."""
    with zipfile.ZipFile(path) as zipped:
        database = zipped.extract("collection.anki2", tmp_path)
    connection = sqlite3.connect(database)
    rows = connection.execute("select guid, flds from notes").fetchall()
    connection.close()
    return {guid: fields.split("\x1f") for guid, fields in rows}


def test_the_same_source_gives_the_same_bytes(tmp_path, monkeypatch):
    """Written twice, the file is the same to the byte, and it has every card of the course under its key."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(STAMP))
    first, second = tmp_path / "first.apkg", tmp_path / "second.apkg"
    written = {deck.write(first), deck.write(second)}

    assert first.read_bytes() == second.read_bytes()
    assert {len(notes(first, tmp_path))} == written
    assert set(notes(first, tmp_path)) == {card.key for stem in catalogue.entries() for card in cards.of(stem)}


@pytest.mark.parametrize("place", ["the deck", "the database"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, place):
    """Half of a file was written when the disk was full: one line, the old deck as it was, and no part of a new one."""
    target = tmp_path / "out" / "deck.apkg"
    target.parent.mkdir()
    target.write_text("the old one")
    honest = Path.write_bytes

    def full(path, data):
        honest(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def full_too(*_):
        raise sqlite3.OperationalError("database or disk is full")

    if place == "the deck":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(genanki.Package, "write_to_db", full_too)
    done = CliRunner().invoke(main, ["deck", str(target)])

    assert 2 == done.exit_code
    assert f"{target} could not be written: " in done.stderr
    assert {"the deck": "No space left", "the database": "disk is full"}[place] in done.stderr
    assert [target] == list(target.parent.iterdir())
    assert "the old one" == target.read_text()


def test_formulas_are_mathjax():
    r"""$…$ becomes \(…\) and $$…$$ \[…\], escaped; links inside the course are their words; tables are tables."""
    html = deck.as_html(
        "$a < b_{c_{d}}$ and\n\n$$\nx^2\n$$\n\n[Question 11](11_adaptive_methods.ipynb), `x < y`\n\n|a|\n|-|\n|1|"
    )

    assert r"\(a &lt; b_{c_{d} }\)" in html
    assert r"\[x^2\]" in html
    assert "Question 11, <code>x &lt; y</code>" in html
    assert "<table>" in html


def test_no_dollar_is_left_over():
    """In the whole course every formula was recognised; money is written otherwise."""
    for stem in catalogue.entries():
        for card in cards.of(stem, solved=True):
            html = re.sub(r"(?s)<(code|pre)>.*?</\1>", "", deck.as_html(card.back))
            assert "$" not in html, card.key


def test_anki_imports_and_updates(tmp_path):
    """Anki's importer takes it; a second import changes nothing, and a newer deck updates a note and doubles none."""
    anki = pytest.importorskip("anki.collection")
    found = some()
    path, collection = tmp_path / "deck.apkg", anki.Collection(str(tmp_path / "collection.anki2"))
    try:
        path.write_bytes(deck.package(found, STAMP))
        take(collection, anki, path)
        take(collection, anki, path)
        spoken = [card for card in found if card.chinese]
        assert len(found) == collection.note_count()
        assert len(found) + len(spoken) == collection.card_count(), "a card in Chinese where there is an answer in it"
        assert {"Vision interviews::1 Optimisation", "Vision interviews::2 Batch normalisation"} <= {
            d.name for d in collection.decks.all_names_and_ids()
        }
        found[0] = found[0]._replace(back="A better answer.")
        path.write_bytes(deck.package(found, STAMP + 60))
        take(collection, anki, path)
        assert len(found) == collection.note_count()
        (changed,) = collection.find_notes(f'"Key:{found[0].key}"')
        assert "<p>A better answer.</p>" == collection.get_note(changed)["Back"]
        shown = collection.get_note(changed).cards()[0]
        assert "A better answer." in shown.answer()
    finally:
        collection.close()
    shutil.rmtree(tmp_path / "collection.media", ignore_errors=True)


def take(collection, anki, path):
    """As the application imports a file that is opened."""
    options = anki.ImportAnkiPackageOptions()
    collection.import_anki_package(anki.ImportAnkiPackageRequest(package_path=str(path), options=options))
