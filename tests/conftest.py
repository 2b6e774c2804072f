"""What every test shares: a course folder of its own, so that none touches the attempts of whoever runs it."""

import pytest


@pytest.fixture(autouse=True)
def env(tmp_path_factory, monkeypatch):
    """Point COURSE_HOME at an empty temporary folder, which is not `tmp_path`, and return it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return home
