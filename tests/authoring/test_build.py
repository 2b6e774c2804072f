"""What is derived from a solution, and what is refused in one."""

import re
from types import SimpleNamespace

import jupytext
import nbformat
import pytest

from utils.authoring import build
from utils.authoring.blank import MarkerError
from utils.authoring.build import HEADINGS, Source, SourceError
from utils.authoring.executed import needs_execution, retag
from utils.grading import catalogue

HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---
"""
TITLE = "# %% [markdown]\n# # 35 · How does dropout work?\n#\n# *dropout 的原理?*\n"
HINT = '# %% [markdown] tags=["hint"]\n# <details><summary>Hint {0}: look</summary>\n#\n# {1}\n#\n# </details>\n'
EXERCISE = '''# %%
def {0}(x):
    """x (n,) → (n,)"""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION
'''
CHECK = "# %%\ncheck({0})\n"


def text_of(turn="", headings=HEADINGS, title=TITLE):
    """A solution's py:percent text with `turn` under "Your turn"."""
    parts = [HEADER, title]
    for heading in headings:
        parts.append(f"# %% [markdown]\n# ## {heading}\n")
        parts += [turn] if heading == "Your turn" else []
    return "\n".join(parts)


@pytest.fixture
def solution(tmp_path):
    """Write a solution into a course folder, beside its exercises, and read it."""
    exercises = tmp_path / "utils" / "exercises" / "dropout.py"
    exercises.parent.mkdir(parents=True)
    exercises.write_text("QUESTION = None\n", encoding="utf-8")

    def read(turn="", name="35_dropout.py", **more):
        path = tmp_path / "solutions" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(turn, **more), encoding="utf-8")
        return build.read_source(path)

    return read


@pytest.fixture
def question(monkeypatch):
    """A question whose exercises are `mask` and `dropout`, whatever its slug."""
    exercises = [SimpleNamespace(name=name) for name in ("mask", "dropout")]
    record = SimpleNamespace(chapter=4, minutes=20, torch=False, exercises=exercises)
    monkeypatch.setattr(catalogue, "question", lambda slug: record)


TURN = "\n".join([
    EXERCISE.format("mask"), CHECK.format("mask"), HINT.format(1, "first *nudge*"), HINT.format(2, "second"),
    EXERCISE.format("dropout"), CHECK.format("dropout"), HINT.format(1, "third"),
])  # fmt: skip


# ---- the authored text ------------------------------------------------------------------------------------------


def test_a_solution_is_named_by_number_and_slug(solution):
    """The file name carries the place in the course and the name of everything else."""
    source = solution()

    assert ("35_dropout", "dropout") == (source.stem, source.slug)


@pytest.mark.parametrize(
    "name", ["dropout.py", "5_dropout.py", "35-dropout.py", "35_Dropout.py", "035_dropout.py", "35_.py"]
)
def test_another_name_is_refused(solution, name):
    """A file that is not named NN_slug.py in lower case is refused by name."""
    with pytest.raises(SourceError, match=rf"^{re.escape(name)}: a solution is named NN_slug\.py"):
        solution(name=name)


@pytest.mark.parametrize(
    "headings",
    [
        HEADINGS[:-1],
        HEADINGS[1:],
        (*HEADINGS, "Another"),
        (HEADINGS[1], HEADINGS[0], *HEADINGS[2:]),
        (*HEADINGS[:3], "your turn", *HEADINGS[4:]),
        (),
    ],
    ids=["one missing", "first missing", "one more", "swapped", "misspelt", "none"],
)
def test_headings_are_fixed(solution, headings):
    """All headings, in the order of the course, or the file is named with those that it has."""
    with pytest.raises(SourceError, match=r"^35_dropout\.py: the second-level headings are \[") as refused:
        solution(headings=headings)

    assert str(list(headings)) in str(refused.value)


def test_only_headings_of_the_second_level_count(solution):
    """Deeper headings, and comments in code that look like headings, are free."""
    source = solution("# %% [markdown]\n# ### A step\n# #### A smaller one\n\n# %%\n## not a heading\nx = 1\n")

    assert "## not a heading" in source.notebook.cells[5].source + source.notebook.cells[6].source


@pytest.mark.parametrize("gap", ["#\n", "#\n#\n", ""])
def test_the_title_has_two_languages(solution, gap):
    """The English question is the first heading, the Chinese one the line in italics under it."""
    source = solution(title=f"# %% [markdown]\n# # 35 · How does dropout work?\n{gap}# *dropout 的原理?*\n")

    assert ("How does dropout work?", "dropout 的原理?") == build.titles(source)


@pytest.mark.parametrize(
    "title",
    [
        "# %% [markdown]\n# # How does dropout work?\n#\n# *dropout 的原理?*\n",
        "# %% [markdown]\n# # 35 · How does dropout work?\n",
        "# %% [markdown]\n# # 35 · How does dropout work?\n#\n# dropout 的原理?\n",
        "# %%\nx = 1\n",
    ],
    ids=["no number", "no Chinese", "no italics", "code"],
)
def test_a_title_in_another_form_is_refused(solution, title):
    """A first cell of another form is refused with the form that is wanted."""
    with pytest.raises(SourceError, match=r"^35_dropout\.py: the first cell is '# NN · English question'"):
        build.titles(solution(title=title))


# ---- hints and the catalogue ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("question")
def test_the_catalogue_has_what_the_course_must_know(solution):
    """Titles and hints come from the text, the rest from the exercises."""
    assert {
        "title": "How does dropout work?",
        "title_zh": "dropout 的原理?",
        "chapter": 4,
        "minutes": 20,
        "minutes_deeper": 0,
        "torch": False,
        "exercises": {"mask": {"hints": ["first *nudge*", "second"]}, "dropout": {"hints": ["third"]}},
    } == build.catalogue_entry(solution(TURN))


@pytest.mark.usefixtures("question")
def test_a_helper_in_between_changes_no_owner(solution):
    """Hints belong to the exercise defined last before them, other functions notwithstanding."""
    turn = "\n".join([
        EXERCISE.format("mask"), "# %%\ndef helper(x):\n    return x\n", HINT.format(1, "first"),
        "# %%\nclass dropout:\n    pass\n", HINT.format(1, "second"),
    ])  # fmt: skip

    assert {"mask": {"hints": ["first"]}, "dropout": {"hints": ["second"]}} == (
        build.catalogue_entry(solution(turn))["exercises"]
    )


@pytest.mark.usefixtures("question")
def test_an_exercise_without_a_hint_is_refused(solution):
    """Every exercise has a ladder; the one without is named."""
    turn = "\n".join([EXERCISE.format("mask"), HINT.format(1, "first"), EXERCISE.format("dropout")])

    with pytest.raises(SourceError, match=r"^35_dropout\.py: dropout has no hint; follow its check"):
        build.catalogue_entry(solution(turn))


@pytest.mark.parametrize(
    "cell",
    [
        "# just text\n",
        "# <details><summary>Hint</summary>\n#\n# never closed\n",
        "# before <details><summary>Hint</summary>\n#\n# text\n#\n# </details>\n",
        "# <details>\n#\n# no summary\n#\n# </details>\n",
    ],
    ids=["text", "not closed", "text before", "no summary"],
)
@pytest.mark.usefixtures("question")
def test_a_hint_in_another_form_is_refused(solution, cell):
    """A hint that would not fold is refused with file, cell and the form that is wanted."""
    source = solution(EXERCISE.format("mask") + f'\n# %% [markdown] tags=["hint"]\n{cell}')

    with pytest.raises(SourceError, match=r"^35_dropout\.py, cell 6: a hint is <details><summary>"):
        build.catalogue_entry(source)


@pytest.mark.usefixtures("question")
def test_a_hint_before_every_exercise_is_refused(solution):
    """A hint that belongs to nothing is refused with its cell."""
    with pytest.raises(SourceError, match=r"^35_dropout\.py, cell 5: a hint is .* after the exercise"):
        build.catalogue_entry(solution(HINT.format(1, "of what?") + "\n" + TURN))


# ---- the learner's notebook -------------------------------------------------------------------------------------


def test_the_learner_s_notebook_has_no_solution(solution):
    """Marked regions become stubs, cells tagged `solution` vanish, everything else stays in its order."""
    source = solution(
        TURN + '\n# %% tags=["solution"]\nsecret = 1\n\n# %% [markdown] tags=["solution"]\n# secret too\n'
    )
    learner = build.learner_notebook(source)
    text = "\n".join(cell.source for cell in learner.cells)

    assert "return 2 * x" not in text
    assert "secret" not in text
    assert "SOLUTION" not in text
    assert 2 == text.count("    # YOUR CODE HERE\n    raise NotImplementedError()")
    assert len(source.notebook.cells) - 2 == len(learner.cells)
    assert [cell.id for cell in learner.cells] == [
        cell.id for cell in source.notebook.cells if "solution" not in cell.metadata.get("tags", [])
    ]


def test_the_learner_s_notebook_is_clean(solution):
    """No outputs, no counts, no tags but the learner's own, no metadata but the kernel."""
    source = solution(TURN + '\n# %% tags=["nbval-ignore-output", "hint"]\nprint(1)\n')
    source.notebook.cells[5].outputs = [nbformat.v4.new_output("stream", text="hello")]
    source.notebook.cells[5].execution_count = 3
    learner = build.learner_notebook(source)
    code = [cell for cell in learner.cells if cell.cell_type == "code"]

    assert {None} == {cell.execution_count for cell in code}
    assert [[]] * len(code) == [cell.outputs for cell in code]
    assert {"hint"} == {tag for cell in learner.cells for tag in cell.metadata.get("tags", [])}
    assert build.KERNEL == learner.metadata
    nbformat.validate(learner)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("# BEGIN SOLUTION\nx = 1", "cell 5, line 1: '# BEGIN SOLUTION' is never closed"),
        ("x = 1\n# END SOLUTION", "cell 5, line 2: '# END SOLUTION' without"),
        ("# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION", "cell 5, line 2: '# BEGIN SOLUTION' inside"),
        ("#BEGIN SOLUTION\nx = 1\n#END SOLUTION", "cell 5, line 1: '#BEGIN SOLUTION' is nearly a marker"),
    ],
    ids=["unclosed", "stray", "nested", "misspelt"],
)
def test_markers_out_of_order_name_file_and_cell(solution, region, words):
    """What would leak a solution is an error that says where."""
    with pytest.raises(MarkerError, match=rf"^35_dropout\.py, {re.escape(words)}"):
        build.learner_notebook(solution(f"# %%\n{region}\n"))


def test_a_build_is_reproducible(solution):
    """The same source gives the same bytes, cell ids included."""
    first, second = (build.learner_notebook(solution(TURN)) for _ in range(2))

    assert build.as_ipynb(first) == build.as_ipynb(second)
    assert build.as_script(first) == build.as_script(second)
    assert build.as_ipynb(first).endswith("}\n")


def test_the_pair_says_the_same(solution):
    """The learner's script and notebook are one and the same, under a header of six lines."""
    learner = build.learner_notebook(solution(TURN))
    script = build.as_script(learner)
    back = jupytext.reads(script, fmt="py:percent")

    assert [(cell.cell_type, cell.source) for cell in learner.cells] == [(c.cell_type, c.source) for c in back.cells]
    assert HEADER.split("\n")[:7] == script.split("\n")[:7]
    assert script == build.as_script(back)


# ---- the solved notebook ----------------------------------------------------------------------------------------


def test_solved_code_is_folded_in_the_book(solution):
    """Cells with a solution are marked for folding, and only they; the source itself is not changed."""
    source = solution(TURN + '\n# %% tags=["hide-input"]\n# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n')
    solved = build.solved_notebook(source)
    tags = [cell.metadata.get("tags", []) for cell in solved.cells if cell.cell_type == "code"]

    assert [["hide-input"], [], ["hide-input"], [], ["hide-input"]] == tags
    assert 1 == sum("hide-input" in cell.metadata.get("tags", []) for cell in source.notebook.cells)
    assert "return 2 * x" in solved.cells[5].source


def executed(source):
    """The solved notebook as if it had been run from top to bottom."""
    notebook = build.solved_notebook(source)
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = count = count + 1
    return notebook


def save(source, notebook):
    source.path.with_suffix(".ipynb").write_text(build.as_ipynb(notebook), encoding="utf-8")


def test_an_executed_pair_is_left_alone(solution):
    """What was run from top to bottom and is made from this text needs no second run."""
    source = solution(TURN)

    assert needs_execution(source)

    save(source, executed(source))

    assert not needs_execution(source)


@pytest.mark.parametrize(
    "fault", ["another text", "a cell more", "other tags", "not run", "run twice", "out of order", "other exercises"]
)
def test_a_pair_that_is_not_what_a_run_gives_is_run_again(solution, tmp_path, fault):
    """Another text, other exercises, or counts that are not 1, 2, 3 …, mean that the pair must be executed."""
    source = solution(TURN)
    notebook = executed(source)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    match fault:
        case "another text":
            code[0].source += "\n"
        case "a cell more":
            notebook.cells.append(nbformat.v4.new_markdown_cell("more"))
        case "other tags":
            code[0].metadata = {}
        case "not run":
            code[1].execution_count = None
        case "run twice":
            code[-1].execution_count += 1
        case "out of order":
            code[0].execution_count, code[1].execution_count = 2, 1
        case "other exercises":
            (tmp_path / "utils" / "exercises" / "dropout.py").write_text("QUESTION = 1\n", encoding="utf-8")
    save(source, notebook)

    assert needs_execution(source)


def test_other_tags_alone_need_no_run(solution):
    """What is folded may change without running anything; another text may not pass so."""
    source = solution(TURN)
    notebook = executed(source)
    notebook.cells[5].metadata = {}
    save(source, notebook)

    assert retag(source)
    assert not needs_execution(source)
    assert not retag(source)

    notebook.cells[5].source += "\n"
    save(source, notebook)

    assert not retag(source)
    assert needs_execution(source)


# ---- deeper parts, and cells that only draw ---------------------------------------------------------------------


DEEPER = """
# %% [markdown] tags=["deeper"]
# ### Deeper: why so
#
# More.

# %% tags=["deeper", "hide-input"]
x = 2

# %% [markdown] tags=["deeper"]
# ### Deeper: another

"""


def test_jupyterlab_folds_deeper_parts_and_code_that_only_draws(solution):
    """Both notebooks carry JupyterLab's own marks; the script pair keeps tags alone."""
    source = solution(TURN + DEEPER)
    for notebook in (build.learner_notebook(source), build.solved_notebook(source)):
        head, drawing, other = (
            next(cell for cell in notebook.cells if cell.source.startswith(text))
            for text in ("### Deeper: why", "x = 2", "### Deeper: another")
        )

        assert head.metadata["jp-MarkdownHeadingCollapsed"] is other.metadata["jp-MarkdownHeadingCollapsed"] is True
        assert {"tags": ["deeper", "hide-input"], "jupyter": {"source_hidden": True}} == drawing.metadata
        nbformat.validate(notebook)
        script = build.as_script(notebook)
        assert '# %% [markdown] tags=["deeper"]' in script
        assert "Collapsed" not in script
        assert "source_hidden" not in script


def test_a_solution_is_not_hidden_in_jupyterlab(solution):
    """It is folded in the book only: who opens the solution wants to see it."""
    cells = build.solved_notebook(solution(TURN)).cells

    assert ["hide-input"] == cells[5].metadata.tags
    assert "jupyter" not in cells[5].metadata


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('# %% tags=["deeper"]\nx = 1\n', "a deeper part begins with a markdown cell"),
        (DEEPER + "# %%\ny = 1\n", "deeper parts stand at the end of their section"),
        (DEEPER + "# %% [markdown]\n# ### Core again\n", "deeper parts stand at the end of their section"),
        (DEEPER + '# %% [markdown] tags=["deeper"]\n# ### Another level\n', "headings inside a deeper part"),
    ],
    ids=["no heading", "code after it", "text after it", "a heading inside"],
)
def test_a_deeper_part_that_would_fold_wrongly_is_refused(solution, text, message):
    """JupyterLab folds from a heading to the next of its level, so what is core may not follow."""
    with pytest.raises(SourceError, match=message):
        solution(TURN + text)


# ---- files ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("question")
def test_everything_derived_lies_where_it_belongs(solution, tmp_path):
    """Of one solution come a pair of notebooks, the catalogue and the book's table of contents."""
    solution(TURN)
    files = build.derived(tmp_path)

    assert {
        "notebooks/35_dropout.ipynb", "notebooks/35_dropout.py", "utils/catalogue.json", "book/_toc.yml",
    } == {str(path.relative_to(tmp_path)) for path in files}  # fmt: skip
    assert "      - file: questions/35_dropout\n" in files[tmp_path / "book" / "_toc.yml"]


@pytest.mark.usefixtures("question")
def test_only_what_differs_is_written(solution, tmp_path):
    """A second build changes no file, so that nothing looks newer than it is."""
    solution(TURN)
    files = build.derived(tmp_path)

    assert set(files) == set(build.write(files))
    assert [] == build.write(build.derived(tmp_path))

    (tmp_path / "notebooks" / "35_dropout.py").write_text("edited", encoding="utf-8")

    assert [tmp_path / "notebooks" / "35_dropout.py"] == build.write(build.derived(tmp_path))


def test_files_without_a_source_are_found(solution, tmp_path):
    """What no solution accounts for is stray, wherever in the derived folders it lies."""
    solution(TURN)
    for folder in ("notebooks", "utils/references"):
        (tmp_path / folder).mkdir()
    stray = {"notebooks/36_old.ipynb", "notebooks/notes.txt", "utils/references/old.npz", "utils/exercises/old.py"}
    fine = {
        "notebooks/35_dropout.ipynb", "solutions/35_dropout.ipynb", "utils/references/dropout.npz",
        "utils/exercises/dropout.py", "utils/exercises/__init__.py",
    }  # fmt: skip
    for name in stray | fine:
        (tmp_path / name).touch()

    assert stray == {str(path.relative_to(tmp_path)) for path in build.stray(tmp_path)}


def test_a_source_is_a_record():
    """A Source is made from a path and a notebook, and changes no more."""
    source = Source(build.ROOT / "solutions" / "15_batchnorm_forward.py", nbformat.v4.new_notebook())

    assert "batchnorm_forward" == source.slug
    with pytest.raises(AttributeError):
        source.path = None
