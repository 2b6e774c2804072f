"""The wheel carries what a checkout has beside the package: notebooks, solutions, the tested versions, the plans."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
CARRIED = ("notebooks/*.ipynb", "solutions/*.ipynb", "book/study.md", "constraints.txt")


class Carrying(build_py):
    """Not in an editable installation: there the package lies in the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "utils" / "carried"
        shutil.rmtree(target, ignore_errors=True)
        for path in (path for pattern in CARRIED for path in HERE.glob(pattern)):
            place = target / path.relative_to(HERE)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


setup(cmdclass={"build_py": Carrying})
