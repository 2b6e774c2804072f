"""The learner's notebooks in work/: copied there, brought up to date, backed up, put back to the blank.

One notebook a question, and no script beside it that jupytext could take for the notebook's newer half.
"""

import json
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from utils import editions
from utils.grading import catalogue, disk
from utils.workplace import earlier
from utils.workplace.answers import answers
from utils.workplace.merge import Merged, merge


@dataclass
class Filled:
    """What `fill` did, for the learner to read."""

    new: list[str] = field(default_factory=list)  # stems copied
    old: list[str] = field(default_factory=list)  # stems of edited copies whose question has changed
    told: list[str] = field(default_factory=list)  # a sentence for each script that was more than a blank


def fill(home: Path) -> Filled:
    """Copy the notebooks that work/ lacks, and bring scripts of earlier versions over; nothing of a learner's is lost.

    `home` is the course's folder. A script beside a notebook is moved to backups/; where it alone has answers, the
    notebook is made from it. A copy that nobody has edited is brought up to date, an edited one waits for `update`.
    """
    work, done = home / "work", Filled()
    work.mkdir(parents=True, exist_ok=True)
    for stem in editions.stems(home):
        blank = editions.folder("notebooks", home) / f"{stem}.ipynb"
        mine, script = work / blank.name, work / f"{stem}.py"
        if script.is_file():
            done.told += _bring_over(home, blank, mine, script)
        if not mine.exists():
            done.new.append(stem)
            disk.write(mine, editions.as_text(editions.blank(stem, home)))
        elif _is_untouched(mine, blank):
            text = editions.as_text(editions.blank(stem, home))
            if mine.read_text(encoding="utf-8") != text:
                disk.write(mine, text)
        elif editions.is_old(stem, mine, home):
            done.old.append(stem)
    return done


def _is_untouched(mine: Path, blank: Path) -> bool:
    """Is the copy, outputs aside, what an edition gave? One that knows no edition counts only if it was never run."""
    notebook = read(mine)
    if notebook is None:
        return False
    cells, given = notebook["cells"], editions.made_from(notebook)[0]
    if given is not None:
        return given == editions.edition(cells)
    present = {editions.digest(cell) for cell in json.loads(blank.read_text(encoding="utf-8"))["cells"]}
    ran = any(cell.get("outputs") or cell.get("attachments") for cell in cells)
    return not ran and all(editions.digest(c) in present or earlier.was_given(mine.stem, c) for c in cells)


def is_blank(home: Path, mine: Path) -> bool:
    """Is a file of work/ a copy of a question that nobody has edited, of this edition or an earlier one?"""
    blank = editions.folder("notebooks", home) / mine.name
    return mine.suffix == ".ipynb" and blank.is_file() and _is_untouched(mine, blank)


def read(path: Path) -> dict | None:
    """A notebook of today's format, or None: what cannot be read is left alone."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) and notebook.get("nbformat") == 4 else None
    return notebook if isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells) else None


def shadowing(home: Path) -> list[Path]:
    """Files of the learner's own that a notebook beside them would import in the place of a package."""
    names = ("utils", "numpy", "matplotlib", "torch", "scipy", "random")
    places = [home / "work" / part for name in names for part in (f"{name}.py", name)]
    return [place for place in places if place.is_file() or (place / "__init__.py").is_file()]


def outdated(home: Path) -> list[str]:
    """The questions that have changed since their copies were made and edited; `fill` refreshes all other copies."""
    blanks = editions.folder("notebooks", home)
    copies = {stem: home / "work" / f"{stem}.ipynb" for stem in editions.stems(home)}
    old = [stem for stem, mine in copies.items() if editions.is_old(stem, mine, home)]
    return [stem for stem in old if not _is_untouched(copies[stem], blanks / f"{stem}.ipynb")]


def update(home: Path, stem: str) -> tuple[Merged, Path]:
    """Carry the learner's cells into the present edition; (what was done, the backup's folder).

    ValueError for a copy that is none or cannot be read.
    """
    mine = home / "work" / f"{stem}.ipynb"
    notebook = read(mine)
    if notebook is None:
        raise ValueError(
            f"{mine} is missing or is not a notebook; `course reset {stem[:2]}` gives a fresh one, after a backup."
        )
    names = list(catalogue.entries()[stem]["exercises"])
    merged = merge(notebook, editions.blank(stem, home), names, lambda cell: earlier.was_given(stem, cell))
    saved = back_up(home, stem)
    disk.write(mine, editions.as_text(merged.notebook))
    return merged, saved


def _bring_over(home: Path, blank: Path, mine: Path, script: Path) -> list[str]:
    """The script goes to backups/; the sentences that its owner has to read, if any."""
    saved = back_up(home, blank.stem)
    place = f"the script is in {saved.relative_to(home)}/"
    in_script, in_notebook = _own(script, blank), _own(mine, blank) if mine.exists() else {}
    only_there = {name for name, text in in_script.items() if in_notebook.get(name) != text}
    if only_there and not in_notebook:
        try:
            _as_notebook(script, mine)
        except Exception as error:  # whatever jupytext makes of a broken script: it stays where it is
            return [f"{script.name} could not be made a notebook ({error}); it stays, and a copy {place[11:]}"]
        script.unlink()
        return [f"{mine.name} was made from your {script.name}; {place}"]
    script.unlink()
    if only_there:
        both = ", ".join(sorted(only_there))
        return [f"{mine.name} stays as it was; {script.name} had another answer to {both}: {place}"]
    return []


def _own(path: Path, blank: Path) -> dict[str, str]:
    """The learner's answers: what is neither a stub nor given in the blank."""
    names = list(catalogue.entries().get(blank.stem, {}).get("exercises", {}))
    given = answers(blank, names)
    return {name: text for name, text in answers(path, names).items() if given.get(name) != text}


def _as_notebook(script: Path, notebook: Path) -> None:
    import jupytext

    disk.write(notebook, jupytext.writes(jupytext.read(script), fmt="ipynb"))


def current(folder: Path, stem: str) -> tuple[Path | None, str]:
    """The learner's file of a question, and a sentence where a script beside the notebook answers something else."""
    pair = [path for suffix in (".ipynb", ".py") if (path := folder / f"{stem}{suffix}").is_file()]
    if len(pair) < 2:
        return (pair[0] if pair else None), ""
    blank = editions.folder("notebooks", folder.parent) / f"{stem}.ipynb"
    own = {path: _own(path, blank) for path in pair}
    answered = [path for path in pair if own[path]] or pair[:1]
    chosen = max(answered, key=lambda path: path.stat().st_mtime)
    if len(answered) == 2 and own[pair[0]] != own[pair[1]]:
        other = next(path for path in answered if path != chosen)
        return chosen, f"{chosen.name} is graded; {other.name} beside it has other answers."
    return chosen, ""


def back_up(home: Path, stem: str) -> Path | None:
    """Copy a learner's files of a question into a dated folder of backups/; None where there is none."""
    mine = [path for path in (home / "work").glob(f"{stem}.*") if path.is_file()]
    if not mine:
        return None
    stamp = datetime.now().strftime("%Y-%m-%d_%H%M%S_%f")
    folder = home / "backups" / f"{stem}_{stamp}"
    folder.mkdir(parents=True)
    for path in mine:
        shutil.copy2(path, folder / path.name)
    return folder


def reset(home: Path, stem: str) -> Path | None:
    """Put a question back to its blank, after a backup, whose folder is returned."""
    saved = back_up(home, stem)
    (home / "work").mkdir(parents=True, exist_ok=True)
    disk.write(home / "work" / f"{stem}.ipynb", editions.as_text(editions.blank(stem, home)))
    (home / "work" / f"{stem}.py").unlink(missing_ok=True)
    return saved
