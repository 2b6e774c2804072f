"""In the light installation files are graded as ever, but for the questions about torch, which say what they need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rows(tmp_path):
    """`course check --json` of files, where torch cannot be imported."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])

    def check(*files):
        command = [sys.executable, "-m", "utils.cli", "check", *map(str, files), "--json", "--jobs", "1"]
        env = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
        assert "Traceback" not in done.stderr, done.stderr
        return {row["exercise"]: row for row in json.loads(done.stdout)}

    return check


def test_a_numpy_question_whose_experiments_use_torch_is_graded(rows):
    """Its file imports torch somewhere; the answer does without."""
    found = rows(ROOT / "solutions" / "20_cnn_layers.ipynb")

    assert {"right"} == {row["status"] for row in found.values()}


def test_a_torch_question_says_what_it_needs(rows):
    """An answer is not judged, a blank is a blank; neither is a traceback."""
    found = rows(ROOT / "solutions" / "25_resnet.ipynb")
    assert {"machine"} == {row["status"] for row in found.values()}
    assert all("course torch" in row["message"] for row in found.values())

    found = rows(ROOT / "notebooks" / "25_resnet.ipynb")
    assert {"not attempted"} == {row["status"] for row in found.values()}
