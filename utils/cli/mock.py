"""`course mock`: an interview by the clock."""

import sys
import time

import click

from utils.cli import show
from utils.cli.console import echo_json
from utils.grading import catalogue
from utils.grading.progress import entries, note, now, root

ROOT = root()


@click.command()
@click.option("--minutes", type=click.IntRange(1, 240), default=45, show_default=True, help="How long it lasts.")
@click.option("--chapters", default="", help="Draw from these only, as in 1,2.")
@click.option("--seed", type=int, help="The same seed and the same history draw the same interview.")
@click.option("--clock", "clock_only", is_flag=True, help="Only show the clock of the interview that is running.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts of the last interview.")
@click.option("--end", "ending", is_flag=True, help="End the interview that is running.")
def mock(minutes: int, chapters: str, seed: int | None, clock_only: bool, as_json: bool, ending: bool) -> None:
    """A mock interview: code, a spoken question with follow-ups, a piece of folklore.

    \b
    course mock --minutes 45 --chapters 1,2
    course mock                               continues an interview that is not over

    It ends at its deadline, even while you are away. The report has facts and no score: work/mock/DATE/report.html.
    """
    from utils.practice import mock as sittings
    from utils.practice.replay import replay

    log = entries()
    sitting = sittings.latest(ROOT)
    lasts = sitting is not None and sittings.ended(sitting, log, now()) is None
    if not lasts and (clock_only or ending):
        raise click.UsageError("No mock interview is running. Run `course mock` to begin one.")
    if as_json:
        echo_json(_facts(sitting) if sitting else None)
    elif clock_only:
        _clock(sitting)
    elif ending:
        _note(sitting, "end")
        _report(sitting)
    else:
        if sitting and not lasts and not (sitting.folder / "report.json").exists():
            _report(sitting)
        sitting = sitting if lasts else sittings.start(ROOT, replay(log), minutes, seed, _chapters(chapters))
        _sit(sitting)


def _chapters(text: str) -> tuple[int, ...]:
    words = text.replace(",", " ").split()
    known = {str(entry["chapter"]) for entry in catalogue.entries().values()}
    if set(words) - known:
        raise click.UsageError(f"--chapters takes some of {', '.join(sorted(known))}, as in 1,2")
    return tuple(map(int, words))


def _facts(sitting: object) -> dict:
    from utils.practice import mock_report

    return mock_report.facts(sitting, entries(), now())


def _left(sitting: object) -> float:
    return (sitting.deadline - now()).total_seconds()


def _clock(sitting: object) -> None:
    from rich.progress import BarColumn, Progress, TextColumn

    from utils.practice.mock_report import clock

    total = (sitting.deadline - sitting.started).total_seconds()
    with Progress(TextColumn("{task.description}"), BarColumn()) as bar:
        task = bar.add_task(clock(_left(sitting)), total=total)
        while (left := _left(sitting)) > 0:
            bar.update(task, completed=total - left, description=f"{clock(left)} left")
            time.sleep(min(1, left))


def _report(sitting: object) -> None:
    from utils.practice import mock_report

    found = _facts(sitting)
    mock_report.write(sitting, found)
    for part in found["parts"]:
        click.echo("\n".join([part["question"], *(f"  {line}" for line in mock_report.lines(part))]))
    click.echo(str((sitting.folder / "report.html").relative_to(ROOT)))


def _sit(sitting: object) -> None:
    """Part by part until all are done or the time is over; without a terminal only the state is told."""
    from utils.practice import mock as sittings
    from utils.practice.mock_report import clock

    while (index := sittings.current(sitting, entries())) < len(sitting.parts) and _left(sitting) > 0:
        part = sitting.parts[index]
        click.echo(f"\n{clock(_left(sitting))} left · part {index + 1} of {len(sitting.parts)} · {part.title}")
        if part.kind == "code":
            click.echo(f"Write {part.name} in {sitting.blank.relative_to(ROOT)}")
        if not sys.stdin.isatty():
            return
        if not {"code": _code, "spoken": _spoken, "folklore": _folklore}[part.kind](sitting, part, index):
            click.echo("You left. The clock still runs. Run `course mock` to continue.")
            return
        _note(sitting, "done", part=index)
    if sittings.ended(sitting, entries(), now()) is None:
        _note(sitting, "end")
    elif _left(sitting) <= 0:
        click.echo("\nThe time is over; what came after the deadline does not count.\n")
    _report(sitting)


def _code(sitting: object, part: object, index: int) -> bool:
    from utils.practice.mock_report import clock
    from utils.practice.review import grade

    enter = "check"
    while _left(sitting) > 0:
        text = f"{clock(_left(sitting))} left. check, hint, next or leave"
        word = _asked(text, "check", "hint", "next", "leave", enter=enter)
        if word in ("next", "leave"):
            return word == "next"
        if word == "check" and _left(sitting) > 0:
            for row in grade(sitting.blank, [part.name]):
                click.echo(row.report.to_text(sys.stdout.isatty()))
                enter = "next" if row.report.status == "right" else "check"
        if word == "hint":
            hints = catalogue.entries()[part.stem]["exercises"][part.name]["hints"]
            shown = sum(e.get("event") == "hint" and e.get("exercise") == part.name for e in _during(sitting))
            show.markdown(hints[min(shown, len(hints) - 1)])
            note("hint", exercise=part.name, step=min(shown + 1, len(hints)))
    return True


def _during(sitting: object) -> list[dict]:
    from utils.practice.mock import within

    return [entry for _, entry in within(sitting, entries())]


def _asked(text: str, *words: str, enter: str | None = None) -> str:
    """One of the words; Enter alone stands for `enter`, and for none where there is none."""
    return click.prompt(text, type=click.Choice(words), default=enter)


def _spoken(sitting: object, part: object, index: int) -> bool:
    """Cards that were revealed before a crash are not asked again."""
    from utils.practice import cards, formulas
    from utils.practice import mock as sittings

    for key in sittings.to_ask(sitting, entries()):
        card = cards.find(key, solved=True)
        click.echo("")
        show.markdown(card.front)
        if click.prompt("Answer aloud, then press Enter (or leave)", default="", show_default=False) == "leave":
            return False
        show.markdown(card.back)
        _note(sitting, "revealed", part=index, card=key)
    points = [formulas.plain(text) for text in cards.listens_for(part.stem)]
    click.echo("\nWhich of these did you say?\n" + "\n".join(f"{n}. {text}" for n, text in enumerate(points, 1)))
    _note(sitting, "ticked", part=index, points=_numbers(len(points)))
    return True


def _numbers(most: int) -> list[int]:
    """The numbers of points, asked until they are some."""
    while True:
        words = click.prompt("Their numbers, as in 1 3; Enter for none", default="", show_default=False)
        said = words.replace(",", " ").split()
        if all(word.isdecimal() and 1 <= int(word) <= most for word in said):
            return sorted({int(word) for word in said})
        click.echo(f"Numbers from 1 to {most}, please.")


def _folklore(sitting: object, part: object, index: int) -> bool:
    from utils.practice import cards
    from utils.practice import mock as sittings

    card = cards.find(part.name, solved=True)
    click.echo("")
    show.markdown(card.front)
    word = _asked("Your verdict, aloud with its condition, then its kind", *sittings.VERDICTS, "leave")
    if word == "leave":
        return False
    _note(sitting, "said", part=index, verdict=word)
    show.markdown(card.back)
    return True


def _note(sitting: object, what: str, **facts: object) -> None:
    from utils.practice import mock as sittings

    if not sittings.happened(sitting, what, **facts):
        raise click.ClickException("progress.jsonl could not be written; what you do now would not count.")
