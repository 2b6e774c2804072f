"""What is wrong with an installation, and for each fault the command that mends it."""

import importlib.util
import locale
import os
import shutil
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from utils.grading.progress import parsed
from utils.workplace import folder, pins

OK, NOTE, FAULT = "ok", "note", "fault"
NEEDED = ("click", "ipykernel", "jupyterlab", "jupytext", "matplotlib", "nbformat", "numpy", "rich", "scikit-learn",
          "scipy")  # fmt: skip
MB = 2**20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` is a command, empty where there is nothing to mend."""

    about: str
    state: str
    words: str
    mend: str = ""

    def to_json(self) -> dict:
        """For programs."""
        return asdict(self)


def examine(home: Path) -> list[Finding]:
    """Everything that can be seen without starting JupyterLab; a look that fails is a finding too."""
    found: list[Finding] = []
    for look in LOOKS:
        try:
            found += look(home)
        except Exception as error:  # a doctor who dies of a strange machine helps nobody
            found.append(Finding(look.__name__.strip("_"), NOTE, f"could not be looked at: {error}"))
    return found


def _shell(posix: str, windows: str) -> str:
    return windows if os.name == "nt" else posix


def _python(home: Path) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 11)
    yield Finding("Python", OK if fine else FAULT, f"{version} at {sys.executable}",
                  "" if fine else "PYTHON=python3.12 ./course doctor")  # fmt: skip


def _packages(home: Path) -> Iterator[Finding]:
    install = f"{_pip()} install -c {pins.path() or 'constraints.txt'} "
    missing = [name for name in NEEDED if pins.installed(name) is None]
    wanted = pins.pins()
    other = {name: have for name in NEEDED if (have := pins.installed(name)) and have != wanted.get(name, have)}
    if missing:
        yield Finding("packages", FAULT, f"missing: {', '.join(missing)}", install + " ".join(missing))
    if other:
        words = ", ".join(f"{name} {have} (tested: {wanted[name]})" for name, have in other.items())
        yield Finding("packages", NOTE, words, install + " ".join(other))
    if not missing and not other:
        yield Finding("packages", OK, f"{len(NEEDED)} needed, all of the tested versions")
    torch = pins.installed("torch")
    yield Finding("torch", OK if torch else NOTE, torch or "not installed; NumPy questions do without",
                  "" if torch else "course torch")  # fmt: skip


def _pip() -> str:
    """The command that installs into this environment; one that uv made has no pip until Python's own is unpacked."""
    there = importlib.util.find_spec("pip") is not None
    return ("" if there else f"{sys.executable} -m ensurepip && ") + f"{sys.executable} -m pip"


def _environment(home: Path) -> Iterator[Finding]:
    script = Path(sys.prefix) / "bin" / "course"
    first = script.read_text(errors="replace").split("\n")[0] if script.is_file() else ""
    place = Path(first.removeprefix("#!").strip())
    if first.startswith("#!/") and " " not in first and not place.exists():
        yield Finding("environment", FAULT, f"{sys.prefix} was moved: its scripts look for {place}", "./course doctor")


def _kernel(home: Path) -> Iterator[Finding]:
    lacking = [name for name in ("ipykernel", "jupyterlab") if importlib.util.find_spec(name) is None]
    if lacking:
        yield Finding("kernel", FAULT, f"{' and '.join(lacking)} cannot be imported",
                      f"{_pip()} install {' '.join(lacking)}")  # fmt: skip
    else:
        yield Finding("kernel", OK, "“Vision interviews” runs in this Python")


def _ports(home: Path) -> Iterator[Finding]:
    with socket.socket() as any_port:
        try:
            any_port.bind(("127.0.0.1", 0))
        except OSError as error:
            yield Finding("ports", FAULT, f"no local port can be opened ({error}), so JupyterLab cannot start",
                          "look at the firewall or the container's settings")  # fmt: skip
            return
    with socket.socket() as usual:
        taken = usual.connect_ex(("127.0.0.1", 8888)) == 0
    yield Finding("ports", OK, "8888 is taken, JupyterLab takes the next" if taken else "8888 is free")


def _permissions(home: Path) -> Iterator[Finding]:
    places = [place for place in (home, home / "work", home / "progress.jsonl") if place.exists()]
    closed = [str(place) for place in places if not os.access(place, os.W_OK)]
    if not home.exists():
        yield Finding("permissions", NOTE, f"{home} does not exist yet", "course learn")
    elif closed:
        mend = _shell(f"chmod u+w '{closed[0]}'", f'attrib -R "{closed[0]}"')
        yield Finding("permissions", FAULT, f"not writable: {', '.join(closed)}", mend)
    else:
        yield Finding("permissions", OK, f"{home} can be written")


def _disk(home: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(home if home.exists() else Path.home()).free // MB
    yield _amount("disk", free, 100, 1000, f"{free} MB free", "free some space: pip cache purge")


def _memory(home: Path) -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available // MB
    yield _amount("memory", free, 300, 1000, f"{free} MB available", "close other programs, or other kernels")


def _amount(about: str, free: int, fault: int, note: int, words: str, mend: str) -> Finding:
    state = FAULT if free < fault else NOTE if free < note else OK
    return Finding(about, state, words, "" if state == OK else mend)


def _browser(home: Path) -> Iterator[Finding]:
    try:
        webbrowser.get()
    except webbrowser.Error:
        yield Finding("browser", NOTE, "none was found: open the address yourself", "course learn --no-browser")
    else:
        yield Finding("browser", OK, "one was found")


def _locale(home: Path) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(False)).lower().replace("-", "")
    fine = encoding == "utf8"
    yield Finding("locale", OK if fine else FAULT, encoding if fine else f"{encoding} has no Greek and no Chinese",
                  "" if fine else _shell("export PYTHONUTF8=1 LC_ALL=C.UTF-8", "set PYTHONUTF8=1"))  # fmt: skip


def _log(home: Path) -> Iterator[Finding]:
    """What is in the log's place, and how many lines of it are no entries, as after a crash."""
    log = home / "progress.jsonl"
    if not log.exists():
        return
    if not log.is_file():
        mend = _shell(f"mv '{log}' '{log}.moved'", f'ren "{log}" "progress.jsonl.moved"')
        yield Finding("log", FAULT, f"{log} is not a file: your progress is neither read nor noted", mend)
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    lost = sum(not (isinstance(one, dict) and _has_time(one)) for one in parsed(text))
    words = (
        f"{log.name}: {lost} {'line is no entry and is' if lost == 1 else 'lines are no entries and are'} passed over"
    )
    yield Finding("log", NOTE if lost else OK, words if lost else f"{log.name} can be read")


def _has_time(entry: dict) -> bool:
    """Has an entry a time? Without one it is passed over."""
    try:
        return bool(datetime.fromisoformat(entry["time"]))
    except (KeyError, TypeError, ValueError):
        return False


def _names(home: Path) -> Iterator[Finding]:
    for path in folder.shadowing(home):
        mend = _shell(f"mv '{path}' '{path.with_name('my_' + path.name)}'", f'ren "{path}" "my_{path.name}"')
        yield Finding("names", FAULT, f"{path} hides the package of that name from your notebooks", mend)


def _editions(home: Path) -> Iterator[Finding]:
    if old := folder.outdated(home):
        numbers = " ".join(stem[:2] for stem in old)
        yield Finding("editions", NOTE, f"{numbers}: the question has changed", f"course update {numbers}")


def _grading(home: Path) -> Iterator[Finding]:
    from utils.sandbox import limits

    yield Finding("grading files", OK, limits.walls())


LOOKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    _python, _packages, _environment, _kernel, _ports, _permissions, _disk, _memory, _browser, _locale, _log, _names,
    _editions, _grading,
)  # fmt: skip
