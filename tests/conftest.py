"""What every test shares: a course folder of its own, so that none touches the attempts of whoever runs it."""

import pytest


@pytest.fixture(autouse=True)
def env(tmp_path, monkeypatch):
    """Point COURSE_HOME at an empty temporary folder and return it."""
    home = tmp_path / "course-home"
    home.mkdir()
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return home
