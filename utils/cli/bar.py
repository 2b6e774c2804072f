"""A progress bar for long work."""

import sys
from collections.abc import Callable


class progress_bar:
    """A bar on a terminal's error stream, silent elsewhere so that pipes stay clean; yields what advances it."""

    def __init__(self, words: str, quiet: bool = False, total: int | None = None) -> None:
        self.words, self.total = words, total
        self.live = sys.stderr.isatty() and not quiet

    def __enter__(self) -> Callable[..., None]:
        if not self.live:
            return lambda *_: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task(self.words, total=self.total)
        return lambda words=self.words, total=self.total: self.bar.update(
            task, advance=1, description=words, total=total
        )

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.bar.stop()
