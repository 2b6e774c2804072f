"""The proofs, and with `--notebooks` nbval, under other kernels of BLAS and NumPy and other numbers of threads.

`python tests/kernels.py [--notebooks] [KERNEL …]` prints a line for each and exits with 1 when one fails. What a
processor lacks is left out and said. The cheap part stands in `make test` (tests/test_kernels.py).
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).parents[1]
CHOSEN = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]  # what NumPy chooses here at run time
WIDE = [name for name in CHOSEN if "512" in name or name == "X86_V4"]
KERNELS = {
    "own": {"OPENBLAS_CORETYPE": ""},
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "Zen": {"OPENBLAS_CORETYPE": "Zen"},
    "numpy-without-avx512": {"NPY_DISABLE_CPU_FEATURES": " ".join(WIDE)},
    "numpy-baseline": {"NPY_DISABLE_CPU_FEATURES": " ".join(CHOSEN), "ATEN_CPU_CAPABILITY": "default"},
    "two-threads": {"OMP_NUM_THREADS": "2"},
}
PROOFS = ["tests/authoring/test_proofs.py", "tests/test_tree.py::test_a_rebuild_elsewhere_gives_the_committed_bytes"]


def environment(kernel: str) -> dict[str, str] | None:
    """The environment of a kernel; None where the processor has no such instructions."""
    if kernel == "SkylakeX" and not WIDE:
        return None
    settings = {"OMP_NUM_THREADS": "1", "COURSE_PROGRESS": "off", "COURSE_STRICT": "1"} | KERNELS[kernel]
    unset = {name for name, value in settings.items() if not value}
    return {name: value for name, value in (os.environ | settings).items() if name not in unset}


def run(kernel: str, *tests: str) -> subprocess.CompletedProcess:
    """pytest on `tests` in a process of that kernel."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env=environment(kernel), capture_output=True, text=True)


def main() -> int:
    """Run everything under every kernel that is named, or under all; 1 when something failed."""
    wanted = [word for word in sys.argv[1:] if word in KERNELS] or list(KERNELS)
    jobs = [["-n", "2", *PROOFS]]
    jobs += [["-n", "2", "--dist", "loadfile", "--nbval", "solutions"]] if "--notebooks" in sys.argv else []
    failed = False
    for kernel in wanted:
        if environment(kernel) is None:
            print(f"{kernel:22} left out: this processor has no such instructions", flush=True)
            continue
        for job in jobs:
            start = time.monotonic()
            done = run(kernel, *job)
            failed |= bool(done.returncode)
            print(f"{kernel:22} {time.monotonic() - start:5.0f} s  {done.stdout.strip().splitlines()[-1]}", flush=True)
            print("".join(f"    {line}\n" for line in done.stdout.splitlines() if line.startswith("FAILED")), end="")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
