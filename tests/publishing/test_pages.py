"""The book's pages: what is in sight, what is folded, and tables that say what the notebooks and exercises say."""

import re
from pathlib import Path

import nbformat
import pytest

from utils import models
from utils.authoring import build
from utils.folklore import settings, trial
from utils.grading import catalogue
from utils.practice import plans
from utils.publishing import pages, study_page, verdict_page

ROOT = Path(__file__).parents[2]
SOURCE = build.Source(ROOT / "solutions" / "15_batchnorm_forward.py", nbformat.v4.new_notebook())


def page(*cells, in_browser=True):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 15 · Title\n\n*中文*"), *cells])
    return pages.question_page(SOURCE, notebook, in_browser).cells


def test_the_blank_stands_above_the_folded_solution():
    """A reader sees what is to be written before one way to write it."""
    solved = nbformat.v4.new_code_cell(
        "def f(x):\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION", metadata={"tags": ["hide-input"]}
    )
    _, blank, solution = page(solved)

    assert blank.source.startswith("```python\ndef f(x):")
    assert "raise NotImplementedError()" in blank.source
    assert "2 * x" not in blank.source
    assert ["hide-input"] == solution.metadata.tags


def test_a_numpy_question_opens_in_the_browser_when_it_is_built_for_it():
    """The button leads to this edition's notebook; without JupyterLite there is none; the download is always there."""
    with_button, without = page()[0].source, page(in_browser=False)[0].source

    assert f"../lite/notebooks/index.html?path={pages.lite.notebook_name(SOURCE.stem)}" in with_button
    assert "lite/" not in without
    assert all('href="../download/15_batchnorm_forward.ipynb"' in text for text in (with_button, without))


def test_a_torch_question_says_so_and_offers_the_download():
    """No button that could not work."""
    bar = pages.question_bar("25_resnet", in_browser=True)

    assert "needs torch" in bar
    assert "course-open" not in bar
    assert "download/25_resnet.ipynb" in bar


@pytest.mark.parametrize(
    ("code", "title"),
    [
        (
            'plots.curves(series, "step", "loss", "Momentum overtakes after 20 steps")',
            "Momentum overtakes after 20 steps",
        ),
        ('ax.set(xlabel="a long label of the axis x", title="Two minima of one loss")', "Two minima of one loss"),
        ('ax.set_title("Flat at the saddle")', "Flat at the saddle"),
        ('title = "The shortcut goes round"\nplots.graph(*flow, title)', "The shortcut goes round"),
        ('fig.suptitle(f"{n} steps of descent on a bowl")', "… steps of descent on a bowl"),
        ("x = 1", ""),
    ],
)
def test_a_figure_is_described_by_its_title(code, title):
    """The title is what a figure says, so it is the text for who does not see it."""
    assert title == pages.figure_title(code)


def test_a_figure_without_a_title_is_described_by_its_heading():
    """No picture is left without words."""
    *_, cell = page(nbformat.v4.new_markdown_cell("### The saddle"), nbformat.v4.new_code_cell("draw()"))

    assert {"image": {"alt": "Figure: The saddle"}} == cell.metadata.mystnb


def test_the_folklore_page_says_what_the_notebooks_computed():
    """Every claim with its verdict, counted by kind, each leading to its notebook."""
    bundle = {"output_type": "display_data", "metadata": {}}
    cells = [
        nbformat.v4.new_code_cell("r", outputs=[nbformat.from_dict(bundle | {"data": ruling._repr_mimebundle_()})])
        for ruling in (
            trial("a < b", lambda k: k < 9, over=settings(k=range(6)), control=dict(k=9)),
            trial("never", lambda k: k > 8, over=settings(k=range(6)), control=dict(k=9)),
            trial("maybe", lambda k: k < 5, over=settings(k=[0, 9]), held_out=settings(k=[-2, -1, *range(1, 9), 10, 11]),
                  only_if=("x", lambda k: not k >= 5)),
        )
    ]  # fmt: skip
    empty = nbformat.v4.new_notebook()
    notebooks = dict.fromkeys(catalogue.entries(), empty) | {SOURCE.stem: nbformat.v4.new_notebook(cells=cells)}
    text = pages.folklore(notebooks)

    assert text.startswith("3 claims: 1 hold, 1 hold only under a condition, 1 do not hold, 0 are not decided here.")
    assert "“a &lt; b”</span> <b>holds</b>" in text
    assert "<b>holds only if x</b>" in text
    assert 1 == text.count('href="questions/15_batchnorm_forward.html#folklore-on-trial"')
    assert 3 == text.count("<details>")


def test_the_folklore_of_the_course_is_complete():
    """Every verdict that an executed notebook shows reaches the page, and no question is without one."""
    for stem in catalogue.entries():
        executed = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
        shown = sum("Verdict: " in output.get("data", {}).get("text/plain", "")
                    for cell in executed.cells for output in cell.get("outputs", []))  # fmt: skip
        found = verdict_page.rulings(executed)

        assert shown == len(found) > 0, stem
        assert all(ruling["claim"] and ruling["verdict"] for ruling in found)


def test_the_zoo_page_has_every_network_with_our_count():
    """One row for each network of the table; a ✓ only where our count equals the published one."""
    text = pages.zoo()

    assert len(models.PUBLISHED) == text.count('<th scope="row">')
    assert f"{models.PUBLISHED['resnet50'].parameters:,} ✓" in text


@pytest.mark.parametrize(
    ("ours", "published", "text"), [(5, 5, "5 ✓"), (5, None, "5"), (5, 6, "5 <small>published 6</small>")]
)
def test_a_count_that_differs_says_so(ours, published, text):
    """A disagreement is shown, never hidden behind a ✓."""
    assert text == pages._beside(ours, published)


def test_every_mistake_has_its_line():
    """The page of mistakes is the exercises' own list."""
    text = pages.mistakes()
    names = [mistake.name for stem in catalogue.entries()
             for exercise in catalogue.question(catalogue.slug(stem)).exercises for mistake in exercise.mistakes]  # fmt: skip

    assert len(names) == text.count("<b>")
    assert all(f"<code>{name}</code>" in text for name in catalogue.exercise_names())


def test_a_work_is_listed_once_with_all_who_use_it():
    """Two questions that cite one paper share an entry; what each takes from it stays apart."""

    def citing(stem, line):
        cell = nbformat.v4.new_markdown_cell(f"## References\n\n- {line}")
        return build.Source(Path(f"{stem}.py"), nbformat.v4.new_notebook(cells=[cell]))

    text = pages.references([
        citing("18_why_batchnorm", "A. Author, B. Other.\n  *One Paper: With a Subtitle.* ICML 2015.\n  §3: γ and β."),
        citing("25_resnet", "A. Author et al. *One Paper.* ICML 2015, §1.\n- The documentation of torch."),
    ])  # fmt: skip

    assert text == (
        "- *One Paper: With a Subtitle.* A. Author, B. Other.\n"
        "  - [18](questions/18_why_batchnorm.ipynb): ICML 2015. §3: γ and β.\n"
        "  - [25](questions/25_resnet.ipynb): ICML 2015, §1.\n"
        "\n## Documentation, and works named in passing\n\n"
        "- [25](questions/25_resnet.ipynb): The documentation of torch."
    )


def test_the_map_has_every_question_in_both_languages():
    """The front page leads everywhere and says what runs in the browser."""
    text = pages.chapter_map()

    for stem, entry in catalogue.entries().items():
        assert f'href="questions/{stem}.html"' in text
        assert pages.html.escape(entry["title_zh"]) in text
    assert text.count("in the browser</span>") == sum(not entry["torch"] for entry in catalogue.entries().values())


# ---- what the authored pages say of the catalogue -----------------------------------------------------------------

STUDY = (ROOT / "book" / "study.md").read_text(encoding="utf-8")
ROW = re.compile(r"(?m)^\| \[(\d\d · .+?)\]\(questions/(\w+)\.ipynb\)")
PLANS = plans.read(STUDY)


def stems(plan):
    return [stem for part in PLANS[plan] for stem, _ in part.questions]


def test_the_plans_name_questions_by_their_titles():
    """A title that changes in its notebook changes in the plans too."""
    rows = [(text, stem) for text, stem in ROW.findall(STUDY) if stem in catalogue.entries()]

    assert len(rows) > len(catalogue.entries())
    assert [] == [(text, stem) for text, stem in rows if text != f"{stem[:2]} · {catalogue.entries()[stem]['title']}"]


def test_the_page_states_the_catalogue_s_hours():
    """Behind each part's title stand the minutes of its questions, to half an hour; no marker is left."""
    page = study_page.page(STUDY)

    assert "<!--" not in page
    for part in (part for parts in PLANS.values() for part in parts):
        assert f"**{part.title} · about {study_page.halves(part.hours)} hour" in page
        assert part.hours == pytest.approx(sum(catalogue.entries()[stem]["minutes"] for stem, _ in part.questions) / 60)


@pytest.mark.parametrize(("hours", "text"), [(1.7, "1½"), (1.25, "1½"), (1.76, "2"), (3.0, "3"), (0.4, "½")])
def test_hours_are_told_in_halves(hours, text):
    """A plan to the minute would promise what nobody keeps."""
    assert text == study_page.halves(hours)


def test_no_day_is_longer_than_a_day_of_study():
    """At most five hours of core paths in any part, so that what is said beside the plans stays true."""
    assert [] == [(part.title, part.hours) for parts in PLANS.values() for part in parts if part.hours > 5]


def test_the_table_of_plans_counts_their_questions():
    """Each row of the first table says how many questions its plan has."""
    rows = re.findall(r"(?m)^\| \[.+?\]\(#[\w-]+\) \| (\d+).*<!-- hours: (.+?) -->", STUDY)

    assert [plan for _, plan in rows] == list(PLANS)
    for number, plan in rows:
        missing = [stem for _, stem in ROW.findall(STUDY) if stem not in catalogue.entries() and "modern" in plan]
        assert int(number) == len(stems(plan)) + len(missing), plan


def test_the_plans_reach_every_question():
    """Seven days hold chapters 1 to 4, each question once; the two special plans hold chapters 5 and 6."""
    by_chapter = {chapter: [stem for stem, entry in catalogue.entries().items() if entry["chapter"] == chapter]
                  for chapter in catalogue.CHAPTERS}  # fmt: skip

    assert sorted(stems("Seven days")) == sorted(stem for chapter in (1, 2, 3, 4) for stem in by_chapter[chapter])
    assert set(by_chapter[5]) < set(stems("An interview on detection"))
    assert set(by_chapter[6]) < set(stems("An interview on training and modern networks"))


def test_the_front_page_counts_every_question():
    """How many there are, and how many run in the browser, comes from the catalogue."""
    entries = catalogue.entries().values()
    front = (ROOT / "book" / "index.md").read_text(encoding="utf-8")

    assert "<!-- course: count -->" in front
    assert pages.count().startswith(f"{len(entries)} interview questions in 6 chapters; ")
    assert f"{sum(not entry['torch'] for entry in entries)} of them" in pages.count()


# ---- the glossary and the symbols ----------------------------------------------------------------------------------

GLOSSARY = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
TERM = re.compile(r"(?m)^\*\*(.+?)\*\* · (.+)$")


def spelling(term):
    """A term as an index sorts it: letters, digits and spaces only."""
    plain = term.lower().replace("μ", "mu").replace("é", "e").replace("–", " ").replace("-", " ")
    return re.sub(r"[^a-z0-9 ]", "", plain)


def test_the_glossary_is_in_order_and_without_doubles():
    """Alphabetical within each chapter, and no term twice, in English or in Chinese."""
    sections = [TERM.findall(section) for section in re.split(r"(?m)^## ", GLOSSARY)[1:]]
    terms = [term for section in sections for term in section]

    for section in sections:
        assert [term for term, _ in section] == sorted((term for term, _ in section), key=spelling)
    assert len(terms) == len({term.lower() for term, _ in terms}) == len({chinese for _, chinese in terms})


def test_a_link_to_a_question_has_its_number():
    """Every [18](questions/18_….ipynb) of an authored page leads to the question of that number, and every question is in the glossary."""
    for page in (ROOT / "book").glob("*.md"):
        for number, stem in re.findall(r"\[(\d\d)[^]]*\]\(questions/(\w+)\.ipynb", page.read_text(encoding="utf-8")):
            assert stem in catalogue.entries(), f"{page.name}: {stem}"
            assert stem.startswith(f"{number}_"), f"{page.name}: [{number}] leads to {stem}"
    assert {stem[:2] for stem in catalogue.entries()} <= set(re.findall(r"\[(\d\d)\]", GLOSSARY))


def test_the_glossary_and_the_symbols_know_every_chapter():
    """A heading for each; nobody looks for a letter of the last chapters in vain."""
    symbols = (ROOT / "book" / "symbols.md").read_text(encoding="utf-8")

    for english, _ in catalogue.CHAPTERS.values():
        for page in (GLOSSARY, symbols):
            assert re.search(rf"(?m)^## {english} · ", page), english
