"""What every test shares: a course folder of its own, so that none touches the attempts of whoever runs it."""

from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def env(tmp_path_factory, monkeypatch):
    """Point COURSE_HOME at an empty temporary folder, which is not `tmp_path`, and return it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return home


@pytest.fixture(scope="session")
def site(tmp_path_factory, testrun_uid):
    """The folder of the book's HTML with JupyterLite's buttons, built once a run, whichever worker asks first."""
    from utils.site import build_site

    built = ROOT / "book" / "_build" / "html"
    stamp = tmp_path_factory.getbasetemp().parent / f"site-{testrun_uid}"
    with FileLock(f"{stamp}.lock"):
        if not stamp.exists():
            build_site(ROOT, in_browser=True)
            stamp.touch()
    return built
