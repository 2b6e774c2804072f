"""The built book: no warning, no broken link, nothing fetched from elsewhere, light pages, words for every picture."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from utils.grading import catalogue
from utils.publishing.site import SiteError, build_site

ROOT = Path(__file__).parents[2]
HEAVY = 1_500_000  # bytes of a page and its own pictures
PAGES = ["index", "study", "practice", "install", "folklore", "zoo", "mistakes", "symbols", "glossary", "references",
         "teaching"]  # fmt: skip


@cache
def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def html_files(site):
    return [path for path in site.rglob("*.html") if path.relative_to(site).parts[0] not in ("lite", "_static")]


def references(path):
    """Every address that a page names: what it links to, and what it loads."""
    for tag in soup(path).find_all(["a", "img", "script", "link", "source", "iframe"]):
        address = tag.get("href") or tag.get("src")
        if address and not address.startswith(("data:", "mailto:", "javascript:")):
            yield tag, address


def test_every_page_of_the_contents_is_there(site):
    """Authored pages and one page a question; a warning of Sphinx would have stopped the build."""
    wanted = {f"{name}.html" for name in PAGES} | {f"questions/{stem}.html" for stem in catalogue.entries()}

    assert set() == wanted - {str(path.relative_to(site)) for path in html_files(site)}


def test_no_internal_link_is_broken(whole_site):
    """Every link inside the book leads to a file that exists, and to a place in it that exists."""
    site, broken = whole_site, []
    for path in html_files(site):
        for _, address in references(path):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            inside = target.suffix != ".html" or not parts.fragment or "lite" in target.relative_to(site).parts
            if not target.is_file() or not (inside or soup(target).find(id=unquote(parts.fragment))):
                broken.append((path.name, address))

    assert [] == broken


def test_no_page_loads_anything_from_another_host(site):
    """Scripts, styles, fonts and pictures all come with the site."""
    outside = [(path.name, address) for path in html_files(site) for tag, address in references(path)
               if tag.name != "a" and "canonical" not in (tag.get("rel") or []) and urlsplit(address).netloc]  # fmt: skip
    styles = [path.name for path in (site / "_static").rglob("*.css")
              if re.search(r"url\(\s*['\"]?(https?:)?//", path.read_text(encoding="utf-8"))]  # fmt: skip

    assert [] == outside
    assert [] == styles


def test_a_page_is_light(site):
    """A page with its own pictures stays below a megabyte and a half."""

    def weight(path):
        pictures = {(path.parent / unquote(urlsplit(tag["src"]).path)).resolve() for tag in soup(path).find_all("img")
                    if not tag["src"].startswith("data:")}  # fmt: skip
        return path.stat().st_size + sum(picture.stat().st_size for picture in pictures)

    assert {} == {path.name: size for path in html_files(site) if (size := weight(path)) > HEAVY}


def test_every_picture_has_words(site):
    """No image without a text that says what it shows; a file's name is none."""
    mute = [(path.name, tag["src"]) for path in html_files(site) for tag in soup(path).find_all("img")
            if not tag.get("alt") or tag["alt"].endswith((".png", ".svg"))]  # fmt: skip

    assert [] == mute


@pytest.mark.parametrize("stem", catalogue.entries())
def test_a_question_page_shows_the_task_and_folds_the_rest(site, stem):
    """Blanks and verdicts in sight; solutions, hints and answers to follow-ups folded; the way to one's own copy."""
    page, entry = soup(site / "questions" / f"{stem}.html"), catalogue.entries()[stem]
    folded = page.select("details.hide")
    text = page.select_one("main").get_text()

    assert entry["title_zh"] in text
    assert len(entry["exercises"]) <= len(folded)
    assert all(re.search("Show (one solution|the code)", fold.summary.get_text()) for fold in folded)
    assert len(entry["exercises"]) <= text.count("raise NotImplementedError()")
    for name, rest in entry["exercises"].items():
        assert f"✓ {name} · right" in text
        assert rest["hints"]
    assert sum(len(rest["hints"]) for rest in entry["exercises"].values()) == len(
        [fold for fold in page.select("details") if fold.summary.get_text().startswith("Hint ")]
    )
    assert page.select_one(f'a.course-download[href="../download/{stem}.ipynb"]')
    assert bool(page.select_one("a.course-open")) != entry["torch"]


def test_the_derived_tables_reach_their_pages(site):
    """Authored pages have their blocks filled in, none is left open."""
    for name in PAGES:
        assert "course:" not in (site / f"{name}.html").read_text(encoding="utf-8"), name
    assert len(catalogue.entries()) == len(soup(site / "index.html").select("ol.course-map > li"))
    assert soup(site / "folklore.html").select("ul.course-folklore > li")
    assert len(catalogue.exercise_names()) == len(soup(site / "mistakes.html").select("details.course-mistakes"))


# ---- as a visitor sees it -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(whole_site, browser, node):
    """The front page, the derived pages and one page of each chapter: light, dark and at a phone's width."""
    first = {entry["chapter"]: stem for stem, entry in reversed(catalogue.entries().items())}
    names = [f"{name}.html" for name in PAGES] + [f"questions/{stem}.html" for stem in sorted(first.values())]
    return node("pages.mjs", whole_site, *names, env=browser)


def test_no_page_scrolls_sideways(seen):
    """At 390 pixels too, what is wide scrolls in a box of its own."""
    assert 3 * (len(PAGES) + len(catalogue.CHAPTERS)) == len(seen["looks"])
    assert [] == [(look["page"], look["width"]) for look in seen["looks"] if look["sideways"] > 0]


def test_pages_keep_the_rules_of_accessibility(seen):
    """axe-core finds nothing under WCAG 2 A and AA, contrast among them, with everything unfolded, light and dark."""
    assert [] == [(look["page"], look["theme"], look["violations"]) for look in seen["looks"] if look["violations"]]


def test_every_formula_is_set(seen):
    """MathJax comes with the site and leaves no formula as it was typed."""
    assert sum(look["formulas"] for look in seen["looks"]) > 100
    assert [] == [(look["page"], look["unset"]) for look in seen["looks"] if look["unset"]]


def test_pages_raise_no_error_and_break_no_picture(seen):
    """The console stays empty and every picture has pixels and words."""
    assert [] == [(look["page"], look["errors"]) for look in seen["looks"] if look["errors"]]
    assert [] == [look["page"] for look in seen["looks"] if look["broken"] or look["without_words"]]


def test_visiting_asks_no_other_host(seen):
    """By the pages' own requests and by Chromium's log of all of them."""
    assert [] == seen["foreign"]


def test_the_search_finds_english_and_chinese(seen):
    """A term of two Chinese characters is found as well as an English one."""
    assert any("25_resnet" in link for link in seen["found"]["degradation"])
    assert any("05_momentum" in link for link in seen["found"]["动量"])
    assert any("04_local_optima_and_saddles" in link for link in seen["found"]["鞍点"])


# ---- the machine --------------------------------------------------------------------------------------------------


def test_a_warning_stops_the_build_and_is_shown(monkeypatch, tmp_path):
    """An author sees what to mend, not a traceback."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "_config.yml").write_text("title: t\nexecute: {execute_notebooks: 'off'}\n")
    (tmp_path / "source" / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (tmp_path / "source" / "index.md").write_text("# t\n\n[gone](gone.md)\n")
    monkeypatch.setattr("utils.publishing.site.stage", lambda root, in_browser: tmp_path / "source")
    (tmp_path / "book").mkdir()

    with pytest.raises(SiteError, match=r"WARNING.*gone\.md"):
        build_site(tmp_path, in_browser=False)


def test_no_page_of_an_earlier_build_stays(monkeypatch, tmp_path):
    """What a page was called before is gone; JupyterLite, which another command builds, is left alone."""
    html = tmp_path / "book" / "_build" / "html"
    for name in ("questions/99_old.html", "old.html", "lite/index.html"):
        (html / name).parent.mkdir(parents=True, exist_ok=True)
        (html / name).touch()
    monkeypatch.setattr("utils.publishing.site.stage", lambda root, in_browser: tmp_path / "nothing")

    with pytest.raises(SiteError):
        build_site(tmp_path, in_browser=True)
    assert ["lite/index.html"] == [str(path.relative_to(html)) for path in html.rglob("*.html")]


def test_chinese_terms_can_be_searched():
    """Runs of Chinese are indexed by pairs of neighbours, words between them as they are."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("course_search", ROOT / "book" / "_extensions" / "course_search.py")
    search = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(search)

    assert ["动量", "量法"] == search.pairs("动量法")
    assert ["BN", "的作", "作用"] == search.pairs("BN的作用")
    assert ["sgd"] == search.pairs("sgd")
