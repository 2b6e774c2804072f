"""Everything that is derived from `solutions/*.py` and `utils/exercises/`: notebooks, catalogue, book pages.

The only writer of those files. `outdated` says which of them are not what the sources give.
"""

import ast
import base64
import hashlib
import io
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from utils.authoring import blank, evidence
from utils.grading import catalogue
from utils.grading.progress import root

ROOT = root()
HEADINGS = (
    "Question", "What the interviewer listens for", "The idea", "Your turn", "Experiments", "Folklore on trial",
    "Answer in 30 seconds", "Answer in 2 minutes", "Follow-ups", "Red flags", "References",
)  # fmt: skip
KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
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
    """One authored text, its headings and cells checked."""
    if not _STEM.fullmatch(path.stem):
        raise SourceError(f"{path.name}: a solution is named NN_slug.py, in lower case")
    notebook = jupytext.read(path, fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"  # jupytext's random ids would change every build
    source = Source(path, notebook)
    _check_headings(source)
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
        tags = [tag for tag in cell.metadata.get("tags", []) if not tag.startswith("nbval")]
        cells.append(make(text, id=cell.id, metadata={"tags": tags} if tags else {}))
    return nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)


def solved_notebook(source: Source) -> NotebookNode:
    """The notebook of the solution, not yet executed; the book folds what `hide-input` marks."""
    notebook = nbformat.from_dict(json.loads(json.dumps(source.notebook)))
    for cell in notebook.cells:
        tags = list(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and blank.is_solved(cell.source) and "hide-input" not in tags:
            tags.append("hide-input")
        cell.metadata = {"tags": tags} if tags else {}
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
    """What the course must know about a question without opening its notebook."""
    question = catalogue.question(source.slug)
    english, chinese = titles(source)
    names = [exercise.name for exercise in question.exercises]
    hints = _hints(source, names)
    for name in names:
        if not hints[name]:
            raise SourceError(f"{source.path.name}: {name} has no hint; follow its check(...) with cells tagged `hint`")
    return {
        "title": english, "title_zh": chinese, "chapter": question.chapter, "minutes": question.minutes,
        "torch": question.torch, "exercises": {name: {"hints": hints[name]} for name in names},
    }  # fmt: skip


def titles(source: Source) -> tuple[str, str]:
    """(English, Chinese) question: the first heading, and the line in italics under it."""
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
             *_part("Start here", ["study"])]  # fmt: skip
    for chapter, (english, _) in catalogue.CHAPTERS.items():
        stems = [stem for stem, entry in entries.items() if entry["chapter"] == chapter]
        lines += _part(f"{chapter} · {english}", [f"questions/{stem}" for stem in stems]) if stems else []
    lines += _part("Look it up", ["folklore", "zoo", "mistakes", "glossary", "references"])
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


def needs_execution(source: Source) -> bool:
    """Is the executed pair missing, made from another text, or not run from top to bottom?"""
    path = source.path.with_suffix(".ipynb")
    if not path.exists():
        return True
    executed = nbformat.read(path, as_version=4)
    wanted = solved_notebook(source)
    cells = list(zip(executed.cells, wanted.cells, strict=False))
    if (
        executed.metadata != wanted.metadata
        or len(executed.cells) != len(wanted.cells)
        or any(a.source != b.source or a.metadata != b.metadata for a, b in cells)
    ):
        return True
    counts = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    return counts != list(range(1, len(counts) + 1))


def slim(png: str) -> str:
    """A figure in base64 with a palette of 256 colours, a third of its size, when that is smaller."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256, Image.Quantize.MEDIANCUT).save(file := io.BytesIO(), "PNG", optimize=True)
    return min(png, base64.b64encode(file.getvalue()).decode(), key=len)


def execute(source: Source) -> Path:
    """Run a solution from top to bottom in a fresh kernel and write its executed pair. Raises on the first error."""
    import os

    from nbclient import NotebookClient

    notebook = solved_notebook(source)
    # one thread, as in the tests: sums over several depend on how many there are
    os.environ |= {"COURSE_PROGRESS": "off", "OMP_NUM_THREADS": "1", "COURSE_STRICT": "1"}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False,
                            resources={"metadata": {"path": str(source.path.parent)}})  # fmt: skip
    client.execute()
    notebook.metadata = solved_notebook(source).metadata  # without the version of the machine's Python
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = slim(output.data["image/png"])
    path = source.path.with_suffix(".ipynb")
    path.write_text(as_ipynb(notebook), encoding="utf-8")
    return path
