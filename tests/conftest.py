"""What tests share: a course folder of one's own, and for the browser's tests the built site, Chromium and node."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "tests" / "browser"

# A shell starts what runs in the background with Ctrl-C ignored, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def env(tmp_path_factory, monkeypatch):
    """Point COURSE_HOME at an empty temporary folder, which is not `tmp_path`, and return it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return home


# ---- the site -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def site():
    """The folder of the book's HTML, built anew, with the buttons that open JupyterLite."""
    from utils.publishing.site import build_site

    return build_site(ROOT, in_browser=True)


@pytest.fixture(scope="session")
def self_hosted(tmp_path_factory):
    """A site with JupyterLite under it and all that it needs."""
    from utils.publishing import lite, lite_assets

    if not (shutil.which("node") and shutil.which("npm")):
        unavailable("node and npm are missing")
    folder = tmp_path_factory.mktemp("self-hosted")
    try:
        lite.build_site(folder / "lite", self_hosted=True)
    except lite_assets.UnavailableError as error:
        unavailable(str(error))
    return folder


@pytest.fixture(scope="session")
def whole_site(site, self_hosted):
    """The same with the book's pages around it: what a visitor finds."""
    shutil.copytree(site, self_hosted, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lite"))
    return self_hosted


# ---- a browser ----------------------------------------------------------------------------------------------------


def unavailable(why):
    """Skip, but not in CI: there the browser has to be tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI this has to run: {why}")
    pytest.skip(why)


@pytest.fixture(scope="session")
def browser():
    """What the scripts need beside node: Chromium with fonts for Chinese, playwright-core and axe-core."""
    from utils.publishing import lite_assets

    if not shutil.which("chromium"):
        install_chromium()
    try:
        modules = lite_assets.node_modules(SCRIPTS / "package.json")
    except lite_assets.UnavailableError as error:
        unavailable(str(error))
    return os.environ | {"COURSE_CHROMIUM": shutil.which("chromium"), "COURSE_NODE_MODULES": str(modules)}


def install_chromium():
    """By Debian's package manager, for root."""
    if os.geteuid() or not shutil.which("apt-get"):
        unavailable("chromium is missing; Debian's packages are chromium and fonts-noto-cjk")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium", "fonts-noto-cjk"]):
        done = subprocess.run(["apt-get", "-qq", *command], capture_output=True, text=True)
        if done.returncode:
            unavailable(f"chromium is missing and apt-get {command[0]} failed: {done.stderr[-500:]}")


@pytest.fixture(scope="session")
def node():
    """A function that runs one of tests/browser's scripts and gives what it prints, from JSON."""

    def run(script, *arguments, env=None):
        command = ["node", str(SCRIPTS / script), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run
