"""A mock interview: three parts drawn by weakness and frequency, one deadline, and the facts of what happened.

`work/mock/ID/sitting.json` is written once. All that happens is in the log, so that a sitting goes on after any crash,
and whatever happens after its deadline is not part of it.
"""

import importlib.util
import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from utils.grading import catalogue, disk
from utils.grading.progress import note, now
from utils.practice import cards, plans
from utils.practice.replay import Replay, moment_of
from utils.practice.review import write_blank
from utils.practice.upnext import weakness

FOLLOW_UPS = 3
VERDICTS = ("holds", "holds only if", "does not hold", "not decided")
_FREQUENCY = {"1": 4, "3": 3, "7": 2, "detection": 2, "modern": 2, "": 1}  # the first plan that has a question


class Part(NamedTuple):
    """A third of an interview."""

    kind: str  # "code", "spoken" or "folklore"
    stem: str
    name: str  # the exercise or the card
    follow_ups: tuple[str, ...] = ()  # keys of cards

    @property
    def title(self) -> str:
        return f"question {self.stem[:2]} · {catalogue.entries()[self.stem]['title']}"


class Sitting(NamedTuple):
    """What was drawn, and until when it lasts."""

    id: str
    folder: Path
    seed: int
    started: datetime
    deadline: datetime
    parts: tuple[Part, ...]

    @property
    def blank(self) -> Path:
        """Where the code question is written."""
        return self.folder / f"{self.parts[0].stem}.ipynb"


def frequency(stem: str) -> int:
    """How often a question is asked, as far as the plans say: those of the shorter ones first."""
    in_plans = (name for name in _FREQUENCY if any(stem == s for part in plans.plan(name) for s, _ in part.questions))
    return _FREQUENCY[next(in_plans, "")]


def runs_here(stem: str) -> bool:
    """Can its code be graded on this machine? Without torch a question about torch can only be spoken about."""
    return not catalogue.entries()[stem]["torch"] or importlib.util.find_spec("torch") is not None


def can_draw() -> bool:
    """Are the notebooks at hand that the parts are drawn from? In a browser they are not."""
    return (cards.ROOT / "notebooks").is_dir()


def draw(state: Replay, seed: int, chapters: tuple[int, ...] = ()) -> tuple[Part, ...]:
    """A code question, a spoken one with follow-ups, a piece of folklore: three questions, the weak ones likelier."""
    rng, entries = random.Random(seed), catalogue.entries()
    stems = [stem for stem, entry in entries.items() if not chapters or entry["chapter"] in chapters]
    weight = {
        name: frequency(stem) * (1 + weakness(state.exercises.get(name)))
        for stem in stems for name in entries[stem]["exercises"]
    }  # fmt: skip
    here = [name for stem in stems if runs_here(stem) for name in entries[stem]["exercises"]] or list(weight)
    name = rng.choices(here, [weight[name] for name in here])[0]
    code = next(stem for stem in stems if name in entries[stem]["exercises"])
    parts = [Part("code", code, name)]
    for kind in (cards.SECONDS, cards.FOLKLORE):
        left = [s for s in stems if s not in {part.stem for part in parts} and _keys(s, kind)] or stems
        stem = rng.choices(left, [sum(weight[n] for n in entries[s]["exercises"]) for s in left])[0]
        follow_ups = _keys(stem, cards.FOLLOW_UP) if kind == cards.SECONDS else []
        asked = tuple(rng.sample(follow_ups, min(FOLLOW_UPS, len(follow_ups))))
        parts.append(Part("spoken" if follow_ups else "folklore", stem, rng.choice(_keys(stem, kind)), asked))
    return tuple(parts)


def _keys(stem: str, kind: str) -> list[str]:
    return [card.key for card in cards.of(stem) if card.kind == kind]


def start(home: Path, state: Replay, minutes: int, seed: int | None = None, chapters: tuple[int, ...] = ()) -> Sitting:
    """Draw, write the sitting once, and put the blank of the code question beside it.

    ValueError for minutes outside of 1 to 240 and for a chapter that is none.
    """
    known = {entry["chapter"] for entry in catalogue.entries().values()}
    if not (1 <= minutes <= 240 and set(chapters) <= known):
        raise ValueError(f"minutes are 1 to 240, chapters some of {', '.join(map(str, sorted(known)))}")
    begun = now().replace(microsecond=0)
    seed = int(begun.timestamp()) if seed is None else seed
    parts = draw(state, seed, chapters)
    folder = home / "work" / "mock" / begun.strftime("%Y-%m-%d_%H%M%S")
    folder.mkdir(parents=True)
    write_blank(folder / f"{parts[0].stem}.ipynb", parts[0].stem, f"Mock interview: write {parts[0].name}.")
    facts = {"seed": seed, "minutes": minutes, "chapters": list(chapters), "started": begun.isoformat(),
             "deadline": (begun + timedelta(minutes=minutes)).isoformat(),
             "parts": [part._asdict() for part in parts]}  # fmt: skip
    disk.write(folder / "sitting.json", json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    note("opened", exercise=parts[0].name)
    return read(folder)


def read(folder: Path) -> Sitting:
    """A sitting from its folder; ValueError or KeyError where it is damaged, or a question has left the course."""
    facts = json.loads((folder / "sitting.json").read_text(encoding="utf-8"))
    parts = tuple(_known(Part(p["kind"], p["stem"], p["name"], tuple(p["follow_ups"]))) for p in facts["parts"])
    times = (datetime.fromisoformat(facts[key]) for key in ("started", "deadline"))
    return Sitting(folder.name, folder, facts["seed"], *times, parts)


def _known(part: Part) -> Part:
    """A part without the follow-ups that an update of the course took away; KeyError where it took the part itself."""
    there = part.name in catalogue.entries()[part.stem]["exercises"] if part.kind == "code" else cards.find(part.name)
    if not there:
        raise KeyError(part.name)
    return part._replace(follow_ups=tuple(key for key in part.follow_ups if cards.find(key)))


def latest(home: Path) -> Sitting | None:
    """The sitting that was begun last; earlier versions kept them beside work/. What cannot be read is passed over."""
    found = [path.parent for place in ("mock", "work/mock") for path in (home / place).glob("*/sitting.json")]
    for folder in sorted(found, key=lambda path: path.name, reverse=True):
        try:
            return read(folder)
        except (KeyError, ValueError, TypeError, OSError):
            continue
    return None


def happened(sitting: Sitting, what: str, **facts: object) -> bool:
    """Note about a sitting: a card "revealed", points "ticked", a verdict "said", a part "done", the "end"."""
    return note("mock", sitting=sitting.id, what=what, **facts)


def within(sitting: Sitting, entries: list[dict]) -> list[tuple[datetime, dict]]:
    """The log from the start to the deadline, whenever one looks; entries of other sittings are left out."""
    timed = [(moment_of(entry.get("time")), entry) for entry in entries]
    return [
        (time, entry) for time, entry in timed
        if time and sitting.started <= time < sitting.deadline and entry.get("sitting", sitting.id) == sitting.id
    ]  # fmt: skip


def ended(sitting: Sitting, entries: list[dict], moment: datetime) -> datetime | None:
    """When it ended: as the candidate said, else at the deadline; None while it lasts."""
    said = [time for time, entry in within(sitting, entries) if entry.get("what") == "end"]
    return said[0] if said else sitting.deadline if moment >= sitting.deadline else None


def current(sitting: Sitting, entries: list[dict]) -> int:
    """The number of the part that is on, from 0; all are done when there is none of that number."""
    done = {entry.get("part") for _, entry in within(sitting, entries) if entry.get("what") == "done"}
    return next((index for index in range(len(sitting.parts)) if index not in done), len(sitting.parts))


def to_ask(sitting: Sitting, entries: list[dict]) -> list[str]:
    """The cards of the spoken part that was not revealed yet: the 30 seconds, then the follow-ups."""
    seen = {entry.get("card") for _, entry in within(sitting, entries) if entry.get("what") == "revealed"}
    spoken = [part for part in sitting.parts if part.kind == "spoken"]
    return [key for part in spoken for key in (part.name, *part.follow_ups) if key not in seen]


def stub(part: Part) -> str:
    """The blank of the code question, as Markdown."""
    notebook = json.loads((cards.ROOT / "notebooks" / f"{part.stem}.ipynb").read_text(encoding="utf-8"))
    texts = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    begins = (f"def {part.name}(", f"class {part.name}(", f"class {part.name}:")
    return next((f"```python\n{text}\n```" for text in texts if any(words in text for words in begins)), "")
