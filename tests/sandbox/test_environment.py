"""A graded file sees the variables that it needs and none that may hold a secret."""

import pytest

from utils.sandbox import process
from utils.sandbox.worker import Answer, Worker

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "k1", "GITHUB_TOKEN": "k2", "PIP_INDEX_URL": "k3", "SSH_AUTH_SOCK": "k4",
    "COURSE_TORCH_INDEX": "k5", "PYTHONSTARTUP": "k6",
}  # fmt: skip
NEEDED = {"PATH", "OPENBLAS_CORETYPE", "LC_TIME", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX", "COURSE_PROGRESS"}
# A message is cut where it is long, so a probe names only what a test asks for.
PROBE = f"""
import os

def batchnorm_forward(x, gamma, beta, eps=1e-5):
    {{read}}
    raise ValueError("names: " + " ".join(sorted(set(names).intersection({sorted(SECRETS.keys() | NEEDED)}))))
"""
READS = {
    "os.environ": "names = os.environ",
    "what the process was started with": "names = [v.split('=')[0] for v in open('/proc/self/environ').read().split('\\0')]",
    "what its parent was started with": (
        "names = [v.split('=')[0] for v in open(f'/proc/self/../{os.getppid()}/environ').read().split('\\0')]"
    ),
}


@pytest.fixture(params=["on", "off"])
def way(request, monkeypatch):
    """Forked children and fresh interpreters; secrets in this process."""
    monkeypatch.setenv("COURSE_FORK", request.param)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("LC_TIME", "C")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("read", ["os.environ", "what the process was started with"])
def test_no_secret_is_seen(read):
    """In either way of starting a child; what sets threads, kernels and languages arrives."""
    with Worker(timeout=30) as worker:
        said = worker.grade(Answer("batchnorm_forward", PROBE.format(read=READS[read]))).message
    names = said.partition("names: ")[2].partition(", at ")[0]

    assert set(names.split()) == NEEDED


@pytest.mark.usefixtures("way")
def test_nor_in_the_process_that_grades():
    """Its variables stand in /proc, which the audit hook and Landlock keep closed."""
    with Worker(timeout=30) as worker:
        said = worker.grade(
            Answer("batchnorm_forward", PROBE.format(read=READS["what its parent was started with"]))
        ).message

    assert "PermissionError" in said


def test_what_the_course_s_own_processes_need_passes_twice(monkeypatch):
    """A fresh interpreter is started by a process that was started so itself."""
    from utils.sandbox.worker import _QUIET

    for name in _QUIET:
        monkeypatch.setenv(name, "1")

    assert _QUIET.keys() <= process.environment().keys()
