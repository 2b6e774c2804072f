"""The log and the learner's files as one zip, for another machine or the browser, and the way back.

An import adds: a file that the course has otherwise comes beside it with the date, and only a copy that nobody has
edited is replaced. All of an archive is read and checked before anything is written.
"""

import json
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path, PurePosixPath

from utils import editions
from utils.grading import disk
from utils.practice import exchange
from utils.workplace import folder

LOG, PARTS = "progress.jsonl", ("work", "mock")  # mock/: where earlier versions kept mock interviews
DERIVED = {".ipynb_checkpoints", "__pycache__"}
LIMIT = 2**30  # bytes unpacked: a learner's files are far below it, what is above is no such archive


class ForeignError(ValueError):
    """A file that is no archive or log of this course; the message says what is wrong with it."""


@dataclass
class Brought:
    """What a file holds."""

    entries: list[dict]
    files: dict[PurePosixPath, bytes] = field(default_factory=dict)


# ---- out ----------------------------------------------------------------------------------------------------------


def write(path: Path, home: Path) -> tuple[int, int]:
    """Write the archive, the whole file or nothing; how many entries and files it has."""
    log, found = exchange.exported(), list(_own(home))
    with (
        disk.whole(path) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as zipped,
    ):
        zipped.writestr(LOG, log)
        for file in found:
            zipped.write(file, file.relative_to(home).as_posix())
    return log.count("\n"), len(found)


def _own(home: Path) -> Iterator[Path]:
    """Files of work/ and mock/ that hold something of the learner's."""
    for path in (path for name in PARTS for path in sorted((home / name).rglob("*"))):
        inside = path.relative_to(home).parts
        derived = DERIVED & set(inside) or inside[:2] == ("work", "solutions") or path.suffix == ".part"
        if path.is_file() and not path.is_symlink() and not derived and not _is_blank(home, path):
            yield path


def _is_blank(home: Path, path: Path) -> bool:
    """Is it a copy of a question that nobody has edited?"""
    return path.parent == home / "work" and folder.is_blank(home, path)


# ---- in -----------------------------------------------------------------------------------------------------------


def read(path: Path) -> Brought:
    """The content of an archive or of a log alone; ForeignError, in one line, for anything else."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return Brought(_log(path, path.read_bytes()))
        with zipfile.ZipFile(path) as zipped:
            return _unpacked(path, zipped)
    except ForeignError:
        raise
    except OSError as error:
        raise ForeignError(f"{path} could not be read: {error.strerror or error}") from None
    except Exception as error:  # on damaged bytes zipfile raises whatever zlib, struct and its other parts raise
        raise ForeignError(f"{path} is broken or not whole: {' '.join(str(error).split())}") from None


def _unpacked(path: Path, zipped: zipfile.ZipFile) -> Brought:
    infos = [info for info in zipped.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if sum(info.file_size for info in infos) > LIMIT:
        raise ForeignError(f"{path} unpacks to more than {LIMIT >> 30} GB: it is no archive of this course")
    for info in infos:
        _check(path, info)
    wanted = [info for info in infos if info.filename == LOG or info.filename.split("/")[0] in PARTS]
    if not wanted:
        raise ForeignError(f"{path} is no archive of this course: neither {LOG} nor work/ is in it")
    data = {info.filename: zipped.read(info) for info in wanted}
    log = data.pop(LOG, b"")
    return Brought(_log(path, log), {PurePosixPath(name): _for_here(name, raw) for name, raw in data.items()})


def _check(path: Path, info: zipfile.ZipInfo) -> None:
    """No name may lead out of the course's folder, and no link may stand in for a file."""
    name = PurePosixPath(info.filename)
    out = name.is_absolute() or ".." in name.parts or set("\\:\0") & set(info.filename)
    if out or stat.S_ISLNK(info.external_attr >> 16):
        raise ForeignError(f"{path} is no archive of this course: {info.filename!r} in it leads elsewhere")


def _log(path: Path, raw: bytes) -> list[dict]:
    """Entries of a log; torn lines are passed over, but something of it must be a log."""
    found = [entry for entry in exchange.parsed(raw) if isinstance(entry.get("time"), str)]
    if raw.strip() and not found:
        raise ForeignError(f"{path} is no log of this course: no line of it is an entry with a time")
    return found


def _for_here(name: str, raw: bytes) -> bytes:
    """A notebook of the browser names a kernel that a laptop has not."""
    try:
        notebook = json.loads(raw) if name.endswith(".ipynb") else None
        if notebook["metadata"]["kernelspec"]["name"] != "python":
            return raw
    except (ValueError, TypeError, KeyError):
        return raw
    notebook["metadata"]["kernelspec"] = editions.KERNEL
    return editions.as_text(notebook).encode()


def place(home: Path, files: dict[PurePosixPath, bytes], day: date) -> dict[PurePosixPath, Path]:
    """Write what the course lacks; each new file's name in the archive → where it is now. OSError where that fails."""
    targets = {name: home.joinpath(*map(disk.name_here, name.parts)) for name in files}
    return {name: path for name, data in files.items() if (path := _place(home, targets[name], data, day))}


def _place(home: Path, target: Path, data: bytes, day: date) -> Path | None:
    """Under the first name that is free; None where one of them has the same content."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file() and target.read_bytes() != data and _is_blank(home, target):
        disk.write(target, data)
        return target
    for path in _names(target, day):
        try:
            with path.open("xb") as file:  # never over a file that is there, not even one that came this moment
                file.write(data)
            return path
        except FileExistsError:
            if path.is_file() and path.read_bytes() == data:
                return None
    return None


def _names(target: Path, day: date) -> Iterator[Path]:
    """15_x.ipynb, 15_x.2026-12-01.ipynb, 15_x.2026-12-01-2.ipynb, …"""
    yield target
    for number in count(1):
        dated = day.isoformat() + (f"-{number}" if number > 1 else "")
        yield target.with_name(f"{target.stem}.{dated}{target.suffix}")
