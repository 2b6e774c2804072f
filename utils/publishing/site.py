"""The book: pages staged in `book/_build/source` and built into `book/_build/html`, offline, from pinned packages.

Nothing here is committed. A page that Sphinx warns about is an error.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from utils.authoring import build
from utils.publishing import class_page, pages, study_page

BLOCK = re.compile(r"<!-- course: (\w+) -->")
AUTHORED = ("_config.yml", "_toc.yml", "_static", "_extensions", "images")


class SiteError(RuntimeError):
    """The book cannot be built; the message says what to mend."""


def build_site(root: Path, in_browser: bool) -> Path:
    """Stage and build the book; returns its folder of HTML. `in_browser`: with the buttons that open JupyterLite.

    SiteError with Sphinx's first complaints for anything that it warns about.
    """
    source, site = stage(root, in_browser), root / "book" / "_build" / "html"
    _clear(site)
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(source), "--path-output", str(root / "book")]
    done = subprocess.run([*command, "-W", "--keep-going", "-q"], capture_output=True, text=True)
    if done.returncode:
        raise SiteError(f"jupyter-book found something to mend:\n{_complaints(done.stderr) or done.stdout[-3000:]}")
    _add_downloads(root, site)
    return site


def _clear(site: Path) -> None:
    """Leave no page of an earlier build behind; JupyterLite is another's."""
    for path in site.glob("*"):
        if path.name != "lite":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _complaints(log: str) -> str:
    return "\n".join(line for line in log.split("\n") if re.search("WARNING|ERROR|Error|exception", line))[:6000]


def stage(root: Path, in_browser: bool) -> Path:
    """Everything that jupyter-book reads: authored pages with their derived blocks, and a page for each question."""
    source = root / "book" / "_build" / "source"
    shutil.rmtree(source, ignore_errors=True)
    (source / "questions").mkdir(parents=True)
    for name in AUTHORED:
        copy = shutil.copytree if (root / "book" / name).is_dir() else shutil.copy2
        copy(root / "book" / name, source / name)
    for script in [*(root / "book" / "lite").glob("*.js"), root / "utils" / "grading" / "store.js"]:
        shutil.copy2(script, source / "_static")
    sources = build.sources(root)
    notebooks = {item.stem: nbformat.read(item.path.with_suffix(".ipynb"), as_version=4) for item in sources}
    blocks = pages.blocks(sources, notebooks) | class_page.blocks(root)
    for page in (root / "book").glob("*.md"):
        text = BLOCK.sub(lambda match: blocks[match[1]](), study_page.page(page.read_text(encoding="utf-8")))
        (source / page.name).write_text(text, encoding="utf-8")
    for item in sources:
        page = pages.question_page(item, notebooks[item.stem], in_browser)
        nbformat.write(page, source / "questions" / f"{item.stem}.ipynb")
    return source


def _add_downloads(root: Path, site: Path) -> None:
    """The learner's blank notebooks, which the pages offer for download, and what the teacher's page links to."""
    target = site / "download"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for path in (root / "notebooks").glob("*.ipynb"):
        shutil.copy2(path, target)
    for name, text in class_page.pages(root):
        (site / "class").mkdir(exist_ok=True)
        (site / "class" / name).write_text(text, encoding="utf-8")
