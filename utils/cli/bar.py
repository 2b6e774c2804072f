"""A progress bar for long work."""

import sys
from collections.abc import Callable


class progress_bar:
    """A bar on a terminal's error stream, silent elsewhere so that pipes stay clean; yields what advances it."""

    def __init__(self, words: str, quiet: bool = False, total: int | None = None, rate: bool = False) -> None:
        self.words, self.total, self.rate = words, total, rate
        self.live = sys.stderr.isatty() and not quiet

    def __enter__(self) -> Callable[..., None]:
        if not self.live:
            return lambda *_: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
        columns += _rate_columns() if self.rate else []
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task(self.words, total=self.total)
        return lambda words=self.words, total=self.total: self.bar.update(
            task, advance=1, description=words, total=total
        )

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.bar.stop()


def _rate_columns() -> list:
    """Files a second of late, and the time left."""
    from rich.progress import ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: object) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.1f} a second" if speed else "")

    return [Rate(), TimeRemainingColumn(), TextColumn("left")]
