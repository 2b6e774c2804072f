"""Everything that is derived from `solutions/*.py` and `utils/exercises/`: notebooks, catalogue, book pages.

The only writer of those files. `outdated` says which of them are not what the sources give.
"""

import ast
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from utils import editions
from utils.authoring import blank, deeper, evidence, minutes
from utils.grading import catalogue
from utils.grading.progress import root

ROOT = root()
HEADINGS = (
    "Question", "What the interviewer listens for", "The idea", "Your turn", "Experiments", "Folklore on trial",
    "Answer in 30 seconds", "Answer in 2 minutes", "Follow-ups", "Red flags", "References",
)  # fmt: skip
KERNEL = {"kernelspec": editions.KERNEL}
_STEM = re.compile(r"\d\d_[a-z0-9_]+")
_HINT = re.compile(r"<details>\s*<summary>(.*?)</summary>\s*(.*?)\s*</details>", re.DOTALL)


class SourceError(ValueError):
    """A solution that breaks a rule of the course; the message names file, cell and rule."""


@dataclass(frozen=True)
class Source:
    """One authored text, `solutions/NN_slug.py`."""

    path: Path
    notebook: NotebookNode

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def slug(self) -> str:
        return catalogue.slug(self.stem)


def sources(root: Path = ROOT, slugs: Collection[str] | None = None) -> list[Source]:
    """All authored texts, or those of some questions, in the course's order; raises SourceError for a broken rule."""
    paths = sorted((root / "solutions").glob("*.py"))
    return [read_source(path) for path in paths if slugs is None or path.stem[3:] in slugs]


def read_source(path: Path) -> Source:
    """One authored text, its headings and cells checked; SourceError says which rule is broken where."""
    if not _STEM.fullmatch(path.stem):
        raise SourceError(f"{path.name}: a solution is named NN_slug.py, in lower case")
    notebook = jupytext.read(path, fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"  # jupytext's random ids would change every build
    source = Source(path, notebook)
    _check_headings(source)
    for problem in deeper.problems(notebook.cells):
        raise SourceError(f"{path.name}, {problem}")
    return source


def _check_headings(source: Source) -> None:
    found = [line[3:].strip() for cell in source.notebook.cells if cell.cell_type == "markdown"
             for line in cell.source.split("\n") if line.startswith("## ")]  # fmt: skip
    if found != list(HEADINGS):
        raise SourceError(f"{source.path.name}: the second-level headings are {found}, not {list(HEADINGS)}")


# ---- what a question's notebooks are ----------------------------------------------------------------------------


def learner_notebook(source: Source) -> NotebookNode:
    """The blanked notebook: solutions replaced, `solution` cells dropped, no outputs."""
    cells = []
    for index, cell in enumerate(source.notebook.cells):
        if "solution" in cell.metadata.get("tags", []):
            continue
        text = (
            blank.blanked(cell.source, f"{source.path.name}, cell {index}") if cell.cell_type == "code" else cell.source
        )
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        tags = [tag for tag in deeper.tags(cell) if not tag.startswith("nbval")]
        cells.append(make(text, id=cell.id, metadata=_shown(cell, tags)))
    return nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)


def _shown(cell: NotebookNode, tags: list[str]) -> dict:
    """Metadata by which JupyterLab folds a deeper part and the code of a cell that only draws; scripts keep tags."""
    shown: dict = {"tags": tags} if tags else {}
    if cell.cell_type == "code" and "hide-input" in deeper.tags(cell):
        shown["jupyter"] = {"source_hidden": True}
    if deeper.is_head(cell):
        shown["jp-MarkdownHeadingCollapsed"] = True
    return shown


def solved_notebook(source: Source) -> NotebookNode:
    """The notebook of the solution, not yet executed; the book folds what `hide-input` marks."""
    notebook = nbformat.from_dict(json.loads(json.dumps(source.notebook)))
    for cell in notebook.cells:
        tags = list(deeper.tags(cell))
        if cell.cell_type == "code" and blank.is_solved(cell.source) and "hide-input" not in tags:
            tags.append("hide-input")
        cell.metadata = _shown(cell, tags)
    notebook.metadata = nbformat.from_dict(KERNEL | {"course": {"exercises": _exercises_digest(source)}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _exercises_digest(source: Source) -> str:
    """Verdicts, mistakes and recorded figures are outputs too: with other ones the notebook has to run again."""
    room = source.path.parents[1] / "utils" / "exercises"
    paths = [room / f"{source.slug}.py", *sorted((room / source.slug).glob("*.py"))]  # a module, or a folder of them
    paths += [room.parent / "recorded" / f"{name}.json" for name in evidence.names(source.path)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths if path.exists())).hexdigest()[:16]


def as_ipynb(notebook: NotebookNode) -> str:
    """A notebook's canonical bytes."""
    return nbformat.writes(notebook, version=4) + "\n"


def as_script(notebook: NotebookNode) -> str:
    """A notebook as py:percent text, as jupytext would pair it."""
    return jupytext.writes(notebook, fmt="py:percent", config=_jupytext_config())


def _jupytext_config() -> object:
    from jupytext.config import JupytextConfiguration

    config = JupytextConfiguration()
    config.notebook_metadata_filter, config.cell_metadata_filter = "kernelspec,-jupytext", "tags,-all"
    return config


# ---- the catalogue ----------------------------------------------------------------------------------------------


def catalogue_entry(source: Source) -> dict:
    """What the course must know about a question without opening its notebook; SourceError for missing hints."""
    question = catalogue.question(source.slug)
    english, chinese = titles(source)
    names = [exercise.name for exercise in question.exercises]
    hints = _hints(source, names)
    for name in names:
        if not hints[name]:
            raise SourceError(f"{source.path.name}: {name} has no hint; follow its check(...) with cells tagged `hint`")
    return {
        "title": english, "title_zh": chinese, "chapter": question.chapter, "minutes": question.minutes,
        "minutes_deeper": round(minutes.beyond(source.notebook).minutes), "torch": question.torch,
        "exercises": {name: {"hints": hints[name]} for name in names},
    }  # fmt: skip


def titles(source: Source) -> tuple[str, str]:
    """(English, Chinese) question: the first heading and the line in italics under it, else a SourceError."""
    text = source.notebook.cells[0].source
    match = re.match(r"# \d+ · (.+?)\n+\*(.+?)\*\n?", text)
    if not match:
        raise SourceError(f"{source.path.name}: the first cell is '# NN · English question', then '*中文问题*'")
    return match[1], match[2]


def _hints(source: Source, names: list[str]) -> dict[str, list[str]]:
    """Each hint belongs to the exercise defined last before it."""
    found: dict[str, list[str]] = {name: [] for name in names}
    current = None
    for index, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "code":
            current = next((name for name in _defined(cell.source) if name in found), current)
        elif "hint" in cell.metadata.get("tags", []):
            match = _HINT.fullmatch(cell.source.strip())
            if not match or current is None:
                form = "<details><summary>…</summary> … </details>, after the exercise it belongs to"
                raise SourceError(f"{source.path.name}, cell {index}: a hint is {form}")
            found[current].append(match[2])
    return found


def _defined(code: str) -> list[str]:
    return [node.name for node in ast.parse(code).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]


# ---- files ------------------------------------------------------------------------------------------------------


def derived(root: Path = ROOT, slugs: Collection[str] | None = None) -> dict[Path, str]:
    """Every derived text file that needs no execution: path → content.

    With `slugs`, those questions only; the entries of the others are taken from the catalogue as it stands, so that
    an author is not held up by another's unfinished question.
    """
    files: dict[Path, str] = {}
    catalogue_path = root / "utils" / "catalogue.json"
    partial = slugs is not None and catalogue_path.exists()
    entries = json.loads(catalogue_path.read_text(encoding="utf-8")) if partial else {}
    for source in sources(root, slugs):
        learner = learner_notebook(source)
        files[root / "notebooks" / f"{source.stem}.ipynb"] = as_ipynb(learner)
        files[root / "notebooks" / f"{source.stem}.py"] = as_script(learner)
        entries[source.stem] = catalogue_entry(source)
    entries = dict(sorted(entries.items()))
    files[catalogue_path] = json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
    files[root / "book" / "_toc.yml"] = _toc(entries)
    return files


def _toc(entries: dict[str, dict]) -> str:
    lines = ["# Derived by `course dev build`.", "format: jb-book", "root: index", "parts:",
             *_part("Start here", ["study", "practice", "install"])]  # fmt: skip
    for chapter, (english, _) in catalogue.CHAPTERS.items():
        stems = [stem for stem, entry in entries.items() if entry["chapter"] == chapter]
        lines += _part(f"{chapter} · {english}", [f"questions/{stem}" for stem in stems]) if stems else []
    lines += _part("Look it up", ["folklore", "zoo", "mistakes", "symbols", "glossary", "references"])
    lines += _part("Teach with it", ["teaching"])
    return "\n".join(lines) + "\n"


def _part(caption: str, files: list[str]) -> list[str]:
    return [f"  - caption: {caption}", "    chapters:", *(f"      - file: {name}" for name in files)]


def write(files: dict[Path, str]) -> list[Path]:
    """Write what differs; returns the paths written."""
    changed = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    return changed


def stray(root: Path = ROOT) -> list[Path]:
    """Files in the derived folders that no source accounts for."""
    stems = {path.stem for path in (root / "solutions").glob("*.py")}
    slugs = {catalogue.slug(stem) for stem in stems if "_" in stem}
    found = [path for folder in ("notebooks", "solutions") for path in (root / folder).iterdir()
             if not (path.suffix in (".py", ".ipynb") and path.stem in stems)
             and path.name not in (".ipynb_checkpoints", "__pycache__")]  # fmt: skip
    recorded = [path for folder in ("references", "fingerprints") for path in (root / "utils" / folder).glob("*")]
    exercises = (root / "utils" / "exercises").iterdir()
    modules = [path for path in exercises if path.suffix == ".py" or (path / "__init__.py").exists()]
    found += [path for path in recorded if path.suffix != ".npz" or path.stem not in slugs]
    found += [path for path in modules if path.stem not in slugs | {"__init__"}]
    return found + evidence.stray(root)
