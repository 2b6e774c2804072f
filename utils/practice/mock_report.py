"""What happened in a mock interview: facts, as JSON and as a page. No score is made up of them."""

import html
import json
from datetime import datetime

from utils.practice import cards, mock
from utils.practice.formulas import plain
from utils.practice.mock import Part, Sitting
from utils.practice.replay import counted


def facts(sitting: Sitting, entries: list[dict], moment: datetime) -> dict:
    """Time by part, checks, hints, named mistakes, and the points that the candidate ticked."""
    end = mock.ended(sitting, entries, moment) or moment
    seen = [(time, entry) for time, entry in mock.within(sitting, entries) if time <= end]
    done = {
        entry.get("part"): time for time, entry in reversed(seen) if entry.get("what") == "done"
    }  # the first counts
    borders = [done[index] for index in range(mock.current(sitting, entries)) if index in done]
    starts = [sitting.started, *borders][: len(sitting.parts)]
    ends = [*borders, end][: len(starts)]
    parts = []
    for index, part in enumerate(sitting.parts):
        reached = index < len(starts)
        seconds = round((ends[index] - starts[index]).total_seconds()) if reached else 0
        about = {"kind": part.kind, "question": part.title, "reached": reached, "seconds": seconds}
        parts.append(about | _of(sitting, part, index, seen))
    return {
        "sitting": sitting.id, "seed": sitting.seed, "started": sitting.started.isoformat(),
        "deadline": sitting.deadline.isoformat(), "ended": end.isoformat(), "parts": parts,
    }  # fmt: skip


def _of(sitting: Sitting, part: Part, index: int, seen: list[tuple[datetime, dict]]) -> dict:
    if part.kind == "code":
        return _code(sitting, part, seen)
    noted = {entry["what"]: entry for _, entry in seen if entry.get("part") == index}
    if part.kind == "folklore":
        return {"claim": cards.find(part.name).front, "said": noted.get("said", {}).get("verdict")}
    points, ticked = cards.listens_for(part.stem), noted.get("ticked", {}).get("points", [])
    return {
        "follow_ups": [cards.find(key).front for key in part.follow_ups if cards.find(key)],
        "points": [{"point": text, "said": n in ticked} for n, text in enumerate(points, start=1)],
    }


def _code(sitting: Sitting, part: Part, seen: list[tuple[datetime, dict]]) -> dict:
    mine = [(time, entry) for time, entry in seen if entry.get("exercise") == part.name]
    checks = [(time, entry["status"]) for time, entry in mine if "status" in entry]
    right = [round((time - sitting.started).total_seconds()) for time, status in checks if status == "right"]
    return {
        "exercise": part.name, "checks": len(checks), "hints": sum(entry.get("event") == "hint" for _, entry in mine),
        "right_after_seconds": right[0] if right else None,
        "mistakes": list(dict.fromkeys(entry["mistake"] for _, entry in mine if entry.get("mistake"))),
    }  # fmt: skip


def write(sitting: Sitting, found: dict) -> None:
    """report.json and report.html beside the sitting."""
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    (sitting.folder / "report.json").write_text(text, encoding="utf-8")
    (sitting.folder / "report.html").write_text(as_html(found), encoding="utf-8")


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}li{margin:.2rem 0}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}"
)


def as_html(found: dict) -> str:
    """A page of its own, without scripts."""
    parts = "".join(
        f"<h2>{html.escape(part['question'])}</h2><ul>{''.join(map(_item, lines(part)))}</ul>"
        for part in found["parts"]
    )
    head = f"Mock interview, {found['started'][:16].replace('T', ' ')}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{head}</title><style>{STYLE}</style>'
        f'<meta name="viewport" content="width=device-width"><h1>{head}</h1>'
        f"<p>Ended {found['ended'][11:16]}, deadline {found['deadline'][11:16]}, seed {found['seed']}.</p>"
        f"{parts}</html>\n"
    )


def _item(line: str) -> str:
    return f"<li>{html.escape(line)}</li>"


def lines(part: dict) -> list[str]:
    """The facts of a part in words."""
    if not part.get("reached", True):
        return ["not reached"]
    spent = [f"{clock(part['seconds'])} spent"]
    if part["kind"] == "code":
        right = part["right_after_seconds"]
        came = "not right in time" if right is None else f"right after {clock(right)}"
        named = [f"mistake: {name}" for name in part["mistakes"]]
        return [
            *spent,
            f"{part['exercise']}: {came}",
            f"{counted(part['checks'], 'check')}, {counted(part['hints'], 'hint')}",
            *named,
        ]
    if part["kind"] == "folklore":
        return [*spent, plain(part["claim"]), f"you said: {part['said'] or 'nothing'}"]
    asked = [f"follow-up: {plain(text)}" for text in part["follow_ups"]]
    return [
        *spent,
        *asked,
        *(f"{'✓ said' if p['said'] else '○ not said'}: {plain(p['point'])}" for p in part["points"]),
    ]


def clock(seconds: float) -> str:
    """75 → "1:15"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
