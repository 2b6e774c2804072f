"""JupyterLab as the course starts it: on the start page, without news, with room for the notebooks' names."""

import json
import os
import sys
from pathlib import Path

SETTINGS = Path(__file__).with_name("jupyter")  # no news, no update check, the kernel's name and its silence
WIDTH = 0.25  # the side bar's share of the window: every notebook's name fits at 1400 pixels
LAYOUT = {
    "left": {"collapsed": False, "visible": True, "current": "filebrowser", "widgets": ["filebrowser"]},
    "relativeSizes": [WIDTH, 1 - WIDTH, 0],
}


def command(home: Path, page: str, more: tuple[str, ...] = ()) -> list[str]:
    """The words that start it in home/work on a page; errors only are logged, the address is printed all the same."""
    options = [f"--ServerApp.root_dir={home / 'work'}", f"--LabApp.default_url=/lab/tree/{page}"]
    options += [f"--LabApp.workspaces_dir={layout(home)}", "--log-level=ERROR", "--LabApp.log_level=ERROR"]
    options += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # as in a container
    return [sys.executable, "-m", "jupyterlab", *options, *more]


def environment() -> dict[str, str]:
    """This process's, with the course's settings before anybody's own, which stay as they are."""
    paths = {
        name: os.pathsep.join(filter(None, [str(SETTINGS), os.environ.get(name)]))
        for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")
    }
    return os.environ | paths


def layout(home: Path) -> Path:
    """The folder of the course's own window layout, with a first one in it; later JupyterLab keeps the learner's there.

    It is the course's own so that the tabs of somebody's other work stay where they are.
    """
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    folder = home / "work" / ".jupyterlab"
    manager = WorkspacesManager(str(folder))
    if not manager.list_workspaces():
        first = {"data": {"layout-restorer:data": LAYOUT}, "metadata": {"id": "default"}}
        manager.save("default", json.dumps(first))
    return folder
