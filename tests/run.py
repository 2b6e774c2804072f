"""Everything that `make test` runs, in order, with the share of time that each part took."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
JOBS = os.environ.get("JOBS", "2")
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", JOBS, "-p", "no:cacheprovider"]
BROWSER = [f"tests/publishing/test_{name}.py" for name in ("site", "lite", "practice_page", "stores")]
BROWSER.append("tests/workplace/test_lab.py")
PARTS = {
    "ruff": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "utils", "tests"],
    "unit tests and proofs": [*PYTEST, "--dist", "worksteal", *(f"--ignore={test}" for test in BROWSER), "tests"],
    # One notebook's cells share a kernel, so a notebook stays on one worker.
    "nbval": [*PYTEST, "--dist", "loadfile", "--nbval", "solutions"],
    # One browser at a time, and one build of the site for all of its tests.
    "site and browser": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *BROWSER],
}


def main() -> int:
    """Run every part, even after one failed, and return the number of those that did."""
    failed, spent = [], {}
    env = os.environ | {"COURSE_PROGRESS": "off", "COURSE_STRICT": "1"}
    for name, command in PARTS.items():
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        if subprocess.run(command, cwd=ROOT, env=env).returncode:
            failed.append(name)
        spent[name] = time.monotonic() - start
    print("\n== time")
    for name, seconds in spent.items():
        print(f"{seconds:7.1f} s  {seconds / sum(spent.values()):4.0%}  {name}{'  FAILED' if name in failed else ''}")
    print(f"{len(PARTS) - len(failed)} passed, {len(failed)} failed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
