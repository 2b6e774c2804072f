"""How `make bench` measures: processor time first, which a busy machine changes little, and the clock in brackets."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

REPEATS = 15
Row = tuple[str, str, str]  # what, measured, promised


@dataclass(frozen=True, order=True)
class Spent:
    """Seconds of processor time, children included, and by the clock."""

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{self.cpu:.3f} ({self.wall:.3f}) s"

    def ms(self) -> str:
        """The same in milliseconds."""
        return f"{1e3 * self.cpu:.2f} ({1e3 * self.wall:.2f}) ms"

    def per(self, number: int) -> "Spent":
        """The share of one of so many."""
        return Spent(self.cpu / number, self.wall / number)


def of_call(work: Callable[[], object]) -> Spent:
    """What one call took in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def of_command(command: Sequence[str | Path], cwd: Path, env: dict[str, str] | None = None) -> Spent:
    """What one command took, its children included; raises CalledProcessError when it fails."""
    before, wall = _of_children(), time.perf_counter()
    subprocess.run([*map(str, command)], check=True, cwd=cwd, env=env, capture_output=True)
    return Spent(_of_children() - before, time.perf_counter() - wall)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_MEMORY = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def memory_of(command: Sequence[str | Path], cwd: Path, env: dict[str, str] | None = None) -> float:
    """Peak resident megabytes of the largest of a command's processes. Asked for from a small process: what starts as
    a copy of this one is counted with this one's size."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, *map(str, command)], check=True, cwd=cwd, env=env, capture_output=True
    )
    return int(done.stdout) / 1024


def in_turns(works: Sequence[Callable[[], Spent]], repeats: int = REPEATS) -> list[Spent]:
    """The median of each, run in turns so that all see the same machine; a first round warms up."""
    rounds = [[work() for work in works] for _ in range(repeats + 1)][1:]
    return [middle(list(column)) for column in zip(*rounds, strict=True)]


def middle(spent: list[Spent]) -> Spent:
    """The one in the middle by processor time."""
    return sorted(spent)[len(spent) // 2]


@contextmanager
def compiled() -> Iterator[dict[str, str]]:
    """An environment in which modules are compiled once, as an installed course is: else we would time the compiler."""
    with TemporaryDirectory() as folder:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        yield env | {"PYTHONPYCACHEPREFIX": folder}
