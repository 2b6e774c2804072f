"""The course in the browser: JupyterLite with Pyodide, NumPy and this course, built under the book."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from utils.authoring import build
from utils.grading.progress import root
from utils.publishing import lite_assets
from utils.publishing.lite_assets import AssetError

ROOT = root()
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
# The browser's one kernel by its name there: for any other JupyterLite would ask the learner to choose.
KERNELSPEC = {"display_name": "Python (Pyodide)", "language": "python", "name": "python"}
TRUST_BADGE = "@jupyter-notebook/notebook-extension:trusted"  # says "Not Trusted" of every notebook, to no avail here
SCRIPTS = (
    Path("utils", "grading", "store.js"),
    Path("book", "lite", "lasting.js"),
    Path("book", "lite", "app", "keep.js"),
)
PAGES = ("lab", "notebooks")
# Wheels by address are fetched by the kernel's worker, whose own address is in this folder of the site. Relative
# addresses are what makes one build work under any path.
FROM_WORKER = "../../../../"
# What a cell that matches needs. Pyodide fetches what the text of a cell imports when the cell is run, so the first
# verdict does not wait for ten megabytes that only figures need.
FIGURES = re.compile(r"\bplt\.|\bplots\.(?!color\()")
FIGURE_LINES = ("import matplotlib.pyplot as plt", "plots.style()")
# All of `utils.data` but what is made of formulas and random numbers alone.
DATA = re.compile(r"\bdata\.(?!(?:quadratic|rosenbrock|lessard_slope|sparse_features)\b)\w+\(")
DATA_LINE = "import sklearn"

# What needs torch: torch itself, and the networks of the zoo, of which only the tables do without.
TORCH = re.compile(r"(?m)^\s*(?:import torch|from torch)\b|\bmodels\.(?!PUBLISHED|NAMES)\w")
TORCH_NOTE = (
    "**From here on some cells use torch**, which a browser cannot run: they stop with an error. "
    "Your exercises are done without it. The results stand on this question's page in the book, and the downloaded "
    "notebook runs it all."
)


def stems(root: Path = ROOT) -> list[str]:
    """The questions that run in the browser: those that need only NumPy, in the course's order."""
    entries = json.loads((root / "utils" / "catalogue.json").read_text(encoding="utf-8"))
    return [stem for stem, entry in entries.items() if not entry["torch"]]


def notebook_name(stem: str, root: Path = ROOT) -> str:
    """`15_batchnorm_forward.a3f9c1.ipynb`: the question and its edition.

    JupyterLite shows a copy that the browser keeps in the place of the served file of the same name. With the edition
    in the name a new version of the course neither hides nor overwrites what a learner has edited.
    """
    return f"{stem}.{edition(stem, root)}.ipynb"


def edition(stem: str, root: Path = ROOT) -> str:
    """Six digits that change with the blank notebook."""
    blank = (root / "notebooks" / f"{stem}.ipynb").read_bytes()
    return hashlib.sha256(blank).hexdigest()[:6]


# ---- the learner's notebook in the browser ------------------------------------------------------------------------


def browser_notebook(stem: str, self_hosted: bool = False, root: Path = ROOT) -> NotebookNode:
    """The blank notebook with a note on its edition, and each import where a cell first needs it."""
    notebook = nbformat.read(root / "notebooks" / f"{stem}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lines = [line for line in FIGURE_LINES if any(line in cell.source.split("\n") for cell in code)]
    for cell in code:
        cell.source = _with_imports(cell.source, lines)
    notebook.metadata.kernelspec = nbformat.from_dict(KERNELSPEC)
    _note_torch(notebook)
    note = _edition_note(edition(stem, root), self_hosted)
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(note, id="edition"))
    return notebook


def _note_torch(notebook: NotebookNode) -> None:
    """Say so where experiments turn to torch, before a learner meets the error."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and TORCH.search(cell.source):
            notebook.cells.insert(index, nbformat.v4.new_markdown_cell(TORCH_NOTE, id="torch"))
            return


def _with_imports(code: str, figure_lines: list[str]) -> str:
    """The cell with what its figures and data need in front, and without what only other cells' figures need."""
    code = "\n".join(line for line in code.split("\n") if line not in figure_lines)
    code = re.sub(r"\n{3,}", "\n\n", code).strip("\n")
    needed = [*(figure_lines if FIGURES.search(code) else ()), *([DATA_LINE] if DATA.search(code) else ())]
    return "\n".join([*needed, "", code]) if needed else code


def _edition_note(edition: str, self_hosted: bool) -> str:
    text = (
        f"**Edition {edition}, kept in this browser.** Your work is saved here every five seconds. "
        "When this question changes it comes as another edition, under another file name. "
        "Files of this question with other endings (*File → Open*) are your own earlier copies, untouched."
    )
    if self_hosted:
        text += "\n\nThis site carries NumPy alone: cells that draw or load data run in the downloaded notebook."
    return text


# ---- the site -----------------------------------------------------------------------------------------------------


def build_site(output: Path, self_hosted: bool = False, root: Path = ROOT) -> None:
    """Build JupyterLite into a folder, in the place of what was there. Raises AssetError when something is missing.

    For a public host Pyodide and NumPy come from Pyodide's own distribution when a learner opens a notebook.
    `self_hosted` puts all that into the folder, and no page asks another host for anything.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, site = Path(scratch, "source"), Path(scratch, "site")
        (source / "files").mkdir(parents=True)
        for stem in stems(root):
            notebook = browser_notebook(stem, self_hosted, root)
            (source / "files" / notebook_name(stem, root)).write_text(build.as_ipynb(notebook), encoding="utf-8")
        shutil.copy(root / "book" / "lite" / "overrides.json", source)
        _run_jupyterlite(root / "book" / "lite" / "jupyter_lite_config.json", source, site)
        _add_python(site, self_hosted, root)
        _add_scripts(site, root)
        _replace(site, output)


def _run_jupyterlite(settings: Path, source: Path, site: Path) -> None:
    """`jupyter lite build` with the kernel's extension alone: others that happen to be installed cost a visitor."""
    config = json.loads(settings.read_text(encoding="utf-8"))
    config["LiteBuildConfig"]["federated_extensions"] = [str(lite_assets.kernel_extension())]
    (source / settings.name).write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(source), "--output-dir", str(site)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=source)
    if done.returncode:
        raise AssetError(f"`jupyter lite build` failed:\n{(done.stderr or done.stdout)[-2000:]}")


def _add_python(site: Path, self_hosted: bool, root: Path) -> None:
    """Pyodide and what is loaded into it, and the settings that say so."""
    wheels = [lite_assets.course_wheel(root)]
    settings: dict = {"disablePyPIFallback": self_hosted}
    if self_hosted:
        lite_assets.distribution(site / "static" / "pyodide", root)
        settings["pyodideUrl"] = "./static/pyodide/pyodide.js"
        packages = list(lite_assets.PRELOADED)
    else:  # Pyodide's own distribution has all else
        wheels += [(path.name, path.read_bytes()) for path in lite_assets.wheels(["comm"], root)]
        wheels += lite_assets.placeholders()
        packages = ["numpy"]
    packages += [FROM_WORKER + address for address in _write_wheels(wheels, site)]
    _configure(site / "jupyter-lite.json", settings | {"loadPyodideOptions": {"packages": packages}})


def _write_wheels(wheels: list[tuple[str, bytes]], site: Path) -> Iterator[str]:
    """Write wheels, each into a folder named by its content: no cache then takes an old course for the new one."""
    for name, data in wheels:
        folder = site / "static" / "course" / hashlib.sha256(data).hexdigest()[:8]
        folder.mkdir(parents=True)
        (folder / name).write_bytes(data)
        yield (folder / name).relative_to(site).as_posix()


def _add_scripts(site: Path, root: Path) -> None:
    """Scripts of ours in JupyterLite's pages: its own extensions would need a build of their own, with npm."""
    tags = ""
    for path in SCRIPTS:
        data = (root / path).read_bytes()
        name = f"{hashlib.sha256(data).hexdigest()[:8]}-{path.name}"
        (site / "static" / "course" / name).write_bytes(data)
        tags += f'<script src="../static/course/{name}"></script>\n'
    for page in PAGES:
        text = (site / page / "index.html").read_text(encoding="utf-8")
        (site / page / "index.html").write_text(text.replace("</head>", f"{tags}</head>", 1), encoding="utf-8")


def _configure(path: Path, settings: dict) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    data = config["jupyter-config-data"]
    data["exposeAppInBrowser"] = True  # for book/lite/app/keep.js
    data |= {"appName": "Course", "appUrl": "./tree", "disabledExtensions": [TRUST_BADGE]}
    data.setdefault("litePluginSettings", {}).setdefault(KERNEL, {}).update(settings)
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def _replace(site: Path, output: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(site, output)
