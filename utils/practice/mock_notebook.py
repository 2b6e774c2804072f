"""`mock()` in a notebook: the sitting, the clock and the report of `course mock`.

Everything is read anew from sitting and log with each call, so another kernel or a terminal goes on with the same one.
"""

from utils.grading.progress import entries, now, root
from utils.practice import cards, mock_report
from utils.practice import mock as sittings
from utils.practice.mock import Part, Sitting
from utils.practice.mock_report import clock
from utils.practice.replay import replay

NONE = "A mock interview needs the course on a laptop: it draws from notebooks that the browser does not have."
HOW = {
    "code": "Write it in a cell, here or in `{blank}`. `check({name})` and `hint({name})` count. Then `mock().next()`.",
    "spoken": "Answer aloud, then `mock().reveal()`.",
    "tick": "Which of these did you say? `mock().said(1, 3)`, or `mock().said()` for none.\n\n{points}",
    "folklore": "Say your verdict aloud with its condition, then its kind: `mock().verdict({kinds})`.",
}


def mock(minutes: int = 45, chapters: tuple[int, ...] = (), seed: int | None = None) -> "Interview":
    """Begin a mock interview, or go on with the one that is on, which keeps its own deadline.

    ValueError for minutes outside of 1 to 240 and for a chapter that is none; RuntimeError where no notebooks lie.
    """
    if not sittings.can_draw():
        raise RuntimeError(NONE)
    log, sitting = entries(), sittings.latest(root())
    if sitting is None or sittings.ended(sitting, log, now()) is not None:
        sitting = sittings.start(root(), replay(log), minutes, seed, chapters)
    return Interview(sitting)


class Interview:
    """A sitting as it stands; it shows itself as a cell's last value."""

    def __init__(self, sitting: Sitting) -> None:
        self.sitting = sitting
        self._words = ""  # what the last call has to say

    def next(self) -> "Interview":
        """Leave the code question and go on."""
        return self._step("code", lambda index, part: self._done(index))

    def reveal(self) -> "Interview":
        """Show the answer to the card that was asked; the next card, or the points to tick, stand below it."""
        return self._step("spoken", self._reveal)

    def said(self, *points: int) -> "Interview":
        """Tick the points of "what the interviewer listens for" that you said, by their numbers, and go on."""
        return self._step("spoken", lambda index, part: self._said(index, part, points))

    def verdict(self, kind: str) -> "Interview":
        """Your verdict on the piece of folklore: holds, holds only if, does not hold, not decided."""
        return self._step("folklore", lambda index, part: self._verdict(index, part, kind))

    def end(self) -> "Interview":
        """End the sitting before its deadline."""
        if self._ended() is None:
            sittings.happened(self.sitting, "end")
        return self

    # ---- what a call does -----------------------------------------------------------------------------------------

    def _ended(self) -> object:
        return sittings.ended(self.sitting, entries(), now())

    def _current(self) -> int:
        return sittings.current(self.sitting, entries())

    def _step(self, kind: str, act: object) -> "Interview":
        """Act on the part that is on, if it is of that kind and the time is not over; say so where it is not."""
        self._words, index = "", self._current()
        if self._ended() is not None:
            self._words = "The sitting is over; nothing was noted."
        elif self.sitting.parts[index].kind != kind:
            self._words = f"This part is no {kind} question; nothing was noted."
        else:
            act(index, self.sitting.parts[index])
        return self

    def _note(self, what: str, **facts: object) -> bool:
        noted = sittings.happened(self.sitting, what, **facts)
        self._words += "" if noted else "\n\n**progress.jsonl could not be written: this does not count.**"
        return noted

    def _done(self, index: int) -> None:
        if self._note("done", part=index) and index + 1 == len(self.sitting.parts):
            self._note("end")

    def _reveal(self, index: int, part: Part) -> None:
        left = sittings.to_ask(self.sitting, entries())
        if not left:
            self._words = "All cards are revealed."
            return
        self._words = cards.find(left[0], solved=True).back
        self._note("revealed", part=index, card=left[0])

    def _said(self, index: int, part: Part, points: tuple[int, ...]) -> None:
        known = range(1, 1 + len(cards.listens_for(part.stem)))
        if not set(points) <= set(known):
            self._words = f"The points are {known[0]} to {known[-1]}; nothing was noted."
        elif self._note("ticked", part=index, points=sorted(set(points))):
            self._done(index)

    def _verdict(self, index: int, part: Part, kind: str) -> None:
        if kind not in sittings.VERDICTS:
            self._words = f"The kinds are: {', '.join(sittings.VERDICTS)}; nothing was noted."
        elif self._note("said", part=index, verdict=kind):
            self._words = cards.find(part.name, solved=True).back
            self._done(index)

    # ---- how it shows itself --------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, [self._words, self._report() if self._ended() else self._now()]))

    def _now(self) -> str:
        """The clock and what is asked, as Markdown."""
        index, sitting = self._current(), self.sitting
        part = sitting.parts[min(index, len(sitting.parts) - 1)]
        left = clock((sitting.deadline - now()).total_seconds())
        head = (
            f"**{left} left, until {sitting.deadline:%H:%M}** · part {index + 1} of {len(sitting.parts)} · {part.title}"
        )
        return f"{head}\n\n{self._asked(part)}"

    def _asked(self, part: Part) -> str:
        if part.kind == "code":
            blank = self.sitting.blank.relative_to(root())
            return f"**Write {part.name}.** {HOW['code'].format(name=part.name, blank=blank)}\n\n{sittings.stub(part)}"
        left = sittings.to_ask(self.sitting, entries())
        if part.kind == "folklore":
            kinds = " · ".join(map(repr, sittings.VERDICTS))
            return f"{cards.find(part.name).front}\n\n{HOW['folklore'].format(kinds=kinds)}"
        if left:
            return f"{cards.find(left[0]).front}\n\n{HOW['spoken']}"
        points = "\n".join(f"{n}. {text}" for n, text in enumerate(cards.listens_for(part.stem), 1))
        return HOW["tick"].format(points=points)

    def _report(self) -> str:
        """The facts, written beside the sitting as HTML and JSON too."""
        found = mock_report.facts(self.sitting, entries(), now())
        mock_report.write(self.sitting, found)
        parts = [
            f"**{part['question']}**\n\n" + "\n".join(f"- {line}" for line in mock_report.lines(part))
            for part in found["parts"]
        ]
        where = (self.sitting.folder / "report.html").relative_to(root())
        return "\n\n".join(["**The sitting is over.**", *parts, f"`{where}`"])

    def _ipython_display_(self) -> None:
        """A clock that runs, then the words as Markdown, where formulas are set."""
        from IPython.display import HTML, Markdown, display

        if self._ended() is None:
            display(HTML(running_clock(self.sitting)))
        display(Markdown(repr(self)))


def running_clock(sitting: Sitting) -> str:
    """The time that is left, counted down by the browser; without scripts it says until when."""
    start, end = (round(1000 * moment.timestamp()) for moment in (sitting.started, sitting.deadline))
    return (
        f'<div><progress max="{end - start}" style="width:70%"></progress> <b>until {sitting.deadline:%H:%M}</b></div>'
        "<script>(() => { const [bar, words] = document.currentScript.previousElementSibling.children;"
        f" const tick = () => {{ const left = Math.max(0, {end} - Date.now()), seconds = Math.floor(left / 1000);"
        f" bar.value = Date.now() - {start};"
        " words.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`;"
        " if (left && bar.isConnected) setTimeout(tick, 1000); }; tick(); })()</script>"
    )
