"""What the course in the browser is made of: fetched once from registries, checked, kept in build/lite-cache/."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

from utils.grading import catalogue
from utils.grading.progress import root

ROOT = root()
VERSIONS = Path("book", "lite", "versions.toml")
EXTENSION = Path("share", "jupyter", "labextensions", "@jupyterlite", "pyodide-kernel-extension")
# What the kernel asks for by name. Pyodide loads of itself only what a cell's text imports, not what utils imports.
PRELOADED = ("micropip", "piplite", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi", "ipython", "numpy")
# What the kernel installs but can do without. sqlite3 would keep a history of inputs, which the kernel does not.
# jedi with parso is 1.7 MB of a first visit of 15, for completions that take seconds; IPython has its own.
PLACEHOLDERS = {"sqlite3": "1.0.0", "jedi": "0.19.2"}
PIP_OPTIONS = ("--no-deps", "--only-binary=:all:", "--python-version=3.13", "--require-hashes", "--quiet")
_DATE = (1980, 1, 1, 0, 0, 0)  # no wheel of ours depends on the day it was made


class AssetError(Exception):
    """Something that the build needs cannot be had; the message says what and how to get it."""


class UnavailableError(AssetError):
    """A registry cannot be reached, or the program that asks it is missing."""


# ---- fetching ---------------------------------------------------------------------------------------------------


def pyodide_files(root: Path = ROOT) -> list[Path]:
    """Pyodide's own files and a build of NumPy, from the npm registry."""
    folders = [_npm(name, entry, cache(root)) for name, entry in _versions(root)["npm"].items()]
    return [path for folder in folders for path in sorted(folder.iterdir())]


def wheels(names: Iterable[str] | None = None, root: Path = ROOT) -> list[Path]:
    """Wheels of the kernel's Python packages by name, or all of them, from the Python registry."""
    entries = _versions(root)["pypi"]
    return [_wheel(name, entries[name], cache(root)) for name in names or entries]


def node_modules(package_json: Path, root: Path = ROOT) -> Path:
    """The folder that npm has installed a package.json's dependencies to, in the cache."""
    folder = cache(root) / f"node-{hashlib.sha256(package_json.read_bytes()).hexdigest()[:8]}"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(package_json, folder)
        command = ["npm", "install", "--prefix", str(folder), "--no-package-lock", "--ignore-scripts", "--no-audit"]
        _run(command, "what tests/browser/package.json names")
    return folder / "node_modules"


def kernel_extension() -> Path:
    """The folder of JupyterLite's Python kernel, as pip installed it, else an AssetError with the command."""
    folder = Path(sys.prefix) / EXTENSION
    if not folder.exists():
        raise AssetError("JupyterLite is not installed here: run `make setup`, or pip install -e '.[lite]'.")
    return folder


def _versions(root: Path) -> dict:
    return tomllib.loads((root / VERSIONS).read_text(encoding="utf-8"))


def cache(root: Path = ROOT) -> Path:
    """COURSE_LITE_CACHE, else build/lite-cache of the course."""
    return Path(os.environ.get("COURSE_LITE_CACHE", root / "build" / "lite-cache"))


def _npm(name: str, entry: dict, cache: Path) -> Path:
    """The folder with the files that are wanted of a package; its tarball is not kept."""
    folder = cache / f"{name.split('/')[-1]}-{entry['version']}-{entry['sha256'][:8]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as scratch:
            command = ["npm", "pack", f"{name}@{entry['version']}", "--pack-destination", scratch]
            _run(command, f"the npm package {name}")
            _extract(checked(next(Path(scratch).glob("*.tgz")), entry["sha256"]), entry["files"], folder)
    return folder


def _extract(tarball: Path, members: list[str], folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.part.{os.getpid()}")  # two builds at once do not meet half a folder
    part.mkdir(parents=True)
    with tarfile.open(tarball) as archive:
        for member in members:
            (part / Path(member).name).write_bytes(archive.extractfile(member).read())
    _move(part, folder)


def _move(part: Path, target: Path) -> None:
    """Take a finished file or folder into the cache, unless another build was quicker."""
    try:
        part.rename(target)
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(part)


def _wheel(name: str, entry: dict, cache: Path) -> Path:
    folder = cache / f"{name}-{entry['version']}-{entry['sha256'][:8]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as scratch:
            wanted = Path(scratch, "wanted.txt")
            wanted.write_text(f"{name}=={entry['version']} --hash=sha256:{entry['sha256']}\n")
            command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "--dest", scratch, "-r", str(wanted)]
            _run(command, f"the wheel of {name}")
            part = folder.with_name(f"{folder.name}.part.{os.getpid()}")
            part.mkdir(parents=True)
            shutil.copy(next(Path(scratch).glob("*.whl")), part)
        _move(part, folder)
    return next(folder.iterdir())


def _run(command: list[str], what: str) -> None:
    if not shutil.which(command[0]):
        raise UnavailableError(f"{command[0]} is missing, and {what} cannot be fetched: install Node.js, which has it.")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[:500]
        raise UnavailableError(f"{what} cannot be fetched. Is there a network? {command[0]} said:\n{said}")


def checked(path: Path, digest: str) -> Path:
    """The path of a download whose content is what it should be, else an AssetError."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise AssetError(f"{path.name} has sha256 {found}, not {digest} as {VERSIONS} says. It was not used.")
    return path


# ---- wheels of ours ---------------------------------------------------------------------------------------------


def course_wheel(root: Path = ROOT) -> tuple[str, bytes]:
    """(file name, bytes) of the course for the browser: without the exercises that need torch.

    The same sources give the same bytes, so that browsers keep what they have; pip's wheels hold dates.
    """
    entries = json.loads((root / "utils" / "catalogue.json").read_text(encoding="utf-8"))
    torch = {catalogue.slug(stem) for stem, entry in entries.items() if entry["torch"]}
    paths = (path for path in sorted((root / "utils").rglob("*")) if path.suffix in (".py", ".json", ".npz", ".js"))
    kept = (path for path in paths if path.parent.name not in ("exercises", "references") or path.stem not in torch)
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in kept}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return wheel(project["name"].replace("-", "_"), project["version"], files)


def wheel(name: str, version: str, files: dict[str, bytes]) -> tuple[str, bytes]:
    """A pure Python wheel of some files. Without files it only says that the package is there."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nGenerator: course\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = files | {f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": tags.encode()}
    record = "".join(f"{path},{_record_hash(data)},{len(data)}\n" for path, data in files.items())
    files |= {f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}
    return f"{name}-{version}-py3-none-any.whl", _zipped(files)


def placeholders() -> list[tuple[str, bytes]]:
    """Wheels that hold nothing, in the place of packages that are not worth their bytes."""
    return [wheel(name, version, {}) for name, version in PLACEHOLDERS.items()]


def _record_hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, _DATE), data, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


# ---- a Pyodide distribution of our own ----------------------------------------------------------------------------


def distribution(folder: Path, root: Path = ROOT) -> None:
    """Write Pyodide with all that the kernel loads, and the lock file that lists just this."""
    folder.mkdir(parents=True)
    core = [path for path in pyodide_files(root) if path.suffix != ".whl"]
    for path in core:
        shutil.copy(path, folder)
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    known, lock["packages"] = lock["packages"], {}
    for name, data in _packages(root):
        (folder / name).write_bytes(data)
        lock["packages"] |= _lock_entry(name, data, known)
    held = lock["packages"]
    for entry in held.values():
        entry["depends"] = [other for other in entry["depends"] if _normal(other) in held]
    (folder / "pyodide-lock.json").write_text(json.dumps(lock, indent=1))


def _packages(root: Path) -> Iterable[tuple[str, bytes]]:
    for path in wheels(root=root):
        yield path.name, path.read_bytes()
    own = sorted((kernel_extension() / "static" / "pypi").glob("*.whl"))
    for path in (path for path in own if "widgets" not in path.name):
        yield path.name, path.read_bytes()
    yield from placeholders()
    numpy = next(path for path in pyodide_files(root) if path.suffix == ".whl")
    with zipfile.ZipFile(numpy) as archive:  # stored as it comes: a third of the size when compressed
        yield numpy.name, _zipped({name: archive.read(name) for name in archive.namelist() if "/tests/" not in name})


def _lock_entry(file_name: str, data: bytes, known: dict) -> dict:
    name, version = file_name.split("-")[:2]
    plain = {"depends": [], "imports": [name], "install_dir": "site", "package_type": "package"}
    found = known.get(_normal(name), {})
    entry = plain | {key: found[key] for key in ("depends", "imports") if key in found}
    entry |= {"name": name, "version": version, "file_name": file_name, "unvendored_tests": False}
    return {_normal(name): entry | {"sha256": hashlib.sha256(data).hexdigest()}}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
