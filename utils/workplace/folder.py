"""work/: one notebook a question, and no script beside it that jupytext could take for the notebook's newer half."""

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from utils.grading import catalogue
from utils.workplace.answers import answers


@dataclass
class Filled:
    """What `fill` did, for the learner to read."""

    new: list[str] = field(default_factory=list)  # stems copied
    told: list[str] = field(default_factory=list)  # a sentence for each script that was more than a blank


def fill(home: Path) -> Filled:
    """Copy the notebooks that work/ lacks, and bring scripts of earlier versions over; nothing of a learner's is lost.

    `home` is the course's folder. A script beside a notebook is moved to backups/; where it alone has answers, the
    notebook is made from it.
    """
    work, done = home / "work", Filled()
    work.mkdir(exist_ok=True)
    for blank in sorted((home / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        mine, script = work / blank.name, work / f"{blank.stem}.py"
        if script.is_file():
            done.told += _bring_over(home, blank, mine, script)
        if not mine.exists():
            replace(blank, mine)
            done.new.append(blank.stem)
    return done


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

    part = notebook.with_name(f"{notebook.name}.part")
    part.write_text(jupytext.writes(jupytext.read(script), fmt="ipynb"), encoding="utf-8")
    os.replace(part, notebook)


def current(folder: Path, stem: str) -> tuple[Path | None, str]:
    """The learner's file of a question, and a sentence where a script beside the notebook answers something else."""
    pair = [path for suffix in (".ipynb", ".py") if (path := folder / f"{stem}{suffix}").is_file()]
    if len(pair) < 2:
        return (pair[0] if pair else None), ""
    blank = folder.parent / "notebooks" / f"{stem}.ipynb"
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
    (home / "work").mkdir(exist_ok=True)
    replace(home / "notebooks" / f"{stem}.ipynb", home / "work" / f"{stem}.ipynb")
    (home / "work" / f"{stem}.py").unlink(missing_ok=True)
    return saved


def replace(source: Path, target: Path) -> None:
    """All or nothing: a crash or a full disk leaves the old file or the new one, never half of one."""
    part = target.with_name(f"{target.name}.part")
    try:
        shutil.copyfile(source, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
