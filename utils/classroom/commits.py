"""When a cloned repository was last committed to: a clone's files have the time of the clone.

The repository is a stranger's: its config may name programs that git would run. So git never sees it. HEAD is read
here, and git, in an empty repository of our own, is lent the objects alone.
"""

import os
import re
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from utils.classroom.submissions import moment

_MOST = 1 << 20  # bytes of a file of refs
_SECONDS = 5.0
_COMMITTER = re.compile(rb"^committer .* (\d{1,12}) [+-]\d{4}$", re.M)


def last_commit(folder: Path) -> str:
    """The committer's time of HEAD as ISO 8601 in UTC; "" where there is no repository, no commit or no git."""
    git, home = shutil.which("git"), folder / ".git"
    if git is None or home.is_symlink() or not home.is_dir() or not (commit := _head(home)):
        return ""
    with TemporaryDirectory() as own:
        for name in ("objects", "refs"):
            os.mkdir(f"{own}/{name}")
        Path(own, "HEAD").write_text("ref: refs/heads/none\n")
        env = {"GIT_DIR": own, "GIT_OBJECT_DIRECTORY": str((home / "objects").resolve()), "HOME": own, "LC_ALL": "C",
               "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_NO_REPLACE_OBJECTS": "1",
               "GIT_ALLOC_LIMIT": "64m"}  # fmt: skip
        command = [git, "--no-optional-locks", "cat-file", "commit", commit]
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                command, env=env, cwd=own, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=True
            )
            found = _COMMITTER.search(done.stdout.partition(b"\n\n")[0])
            return moment(int(found[1])) if found else ""
    return ""


def _head(home: Path) -> str:
    """The name of the commit that is checked out, or ""."""
    head = _text(home / "HEAD").strip()
    ref = head.removeprefix("ref: ")
    if ref != head and re.fullmatch(r"refs/heads/[\w./-]+", ref) and ".." not in ref:
        packed = (line.partition(" ") for line in _text(home / "packed-refs").splitlines())
        head = _text(home / ref).strip() or next((name for name, _, of in packed if of == ref), "")
    return head if re.fullmatch(r"[0-9a-f]{40}", head) else ""


def _text(path: Path) -> str:
    """A small file's text; "" for a link, a pipe, or none."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return ""
    with open(handle, "rb") as file:
        return file.read(_MOST).decode(errors="replace") if stat.S_ISREG(os.fstat(handle).st_mode) else ""
