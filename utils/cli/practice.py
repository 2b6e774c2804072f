"""`course next`, `plan`, `review`, `deck` and `solution`: what to do now, and what comes back."""

import gc
import sys
from pathlib import Path

import click

from utils import editions
from utils.cli import files, show
from utils.cli.console import echo_json
from utils.cli.selection import stems_of
from utils.grading import catalogue
from utils.grading.progress import demand, entries, note, now, root

ROOT = root()


def _state() -> object:
    from utils.practice.replay import replay

    gc.disable()  # a short process: collecting garbage among 100,000 entries is a tenth of what one waits for
    return replay(entries())


@click.command("next")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of text.")
def next_(as_json: bool) -> None:
    """The one thing to do now, and why: what is due, then the plan, then what was hardest."""
    from utils.practice.upnext import next_up

    gc.disable()
    demand()
    found = next_up()
    echo_json(found.to_json()) if as_json else click.echo(repr(found))


@click.command()
@click.argument("name", type=click.Choice(["1", "3", "7", "detection", "modern"]), required=False)
@click.option("--ics", type=files.Output(), help="Write the plan to a calendar file.")
def plan(name: str | None, ics: Path | None) -> None:
    """Show a plan and follow it from today; without a name, the plan that you follow.

    \b
    course plan 3                     1, 3 or 7 days, for a general interview
    course plan detection             two days: boxes and masks
    course plan modern                three days: training and modern networks
    course plan 7 --ics plan.ics
    """
    from utils.practice import plans

    state, today = _state(), now().date()
    followed = state.plan[0] if state.plan and state.plan[0] in plans.HEADINGS else None
    chosen = name or followed
    if chosen is None:
        raise click.UsageError("You have not chosen a plan. Choose one, for example: course plan 3")
    if ics:
        files.write(ics, plans.as_calendar(chosen, today))  # first: where that fails, the plan stays as it was
    if chosen != followed:
        noted = {"days": int(chosen)} if chosen.isdecimal() else {"name": chosen}
        if not note("plan", **noted):
            click.echo("progress.jsonl could not be written; `course next` does not follow this plan.", err=True)
    click.echo(plans.as_text(state, chosen))
    if ics:
        click.echo(f"\nThe calendar, from {today.isoformat()}: {ics}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what is due as a JSON list, and write nothing.")
@click.option("--grade", "grading", is_flag=True, help="Grade the blanks in work/review/ and note the attempts.")
@click.option("--give-up", metavar="EXERCISE", help="Give an exercise up for today; it comes back tomorrow.")
@click.option("--no-cards", is_flag=True, help="Exercises only.")
def review(as_json: bool, grading: bool, give_up: str | None, no_cards: bool) -> None:
    """What is due today: a fresh blank in work/review/ for each exercise, and cards to answer aloud.

    \b
    course review            writes the blanks, then asks the cards
    course review --grade    after you have written them

    When something comes back follows from what happened: right at once, with hints, after wrong verdicts, given up.
    """
    from utils.practice.due import due

    today = now().date()
    if not give_up:
        demand()
    found = due(_state(), today)
    if as_json:
        echo_json([one.to_json() for one in found])
    elif give_up:
        _give_up(give_up)
    elif grading:
        _grade([one for one in found if one.kind == "exercise"])
    else:
        _write([one for one in found if one.kind == "exercise"], today)
        _ask([] if no_cards else [one for one in found if one.kind == "card"])


def _give_up(name: str) -> None:
    from utils import door

    try:
        door.hints_of(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not note("gave up", exercise=name):
        raise click.UsageError(f"progress.jsonl could not be written; {name} was not given up.")
    number = catalogue.stem_of(name)[:2]
    click.echo(f"{name} comes back tomorrow. `course solution {number}` opens the solved page.")


def _write(due: list, today: object) -> None:
    from utils.practice import review as reviewing

    if not due:
        click.echo("No exercise is due today.")
        return
    for one in due:
        click.echo(f"{one.name}  ({one.reason})")
    waiting = reviewing.waiting(ROOT, due)
    for name, paths in waiting.items():
        click.echo(f"  → {paths[-1].relative_to(ROOT)} has your answer to {name}, not graded yet.")
    for path in reviewing.blanks(ROOT, [one for one in due if one.name not in waiting], today):
        click.echo(f"  → {path.relative_to(ROOT)}")
    click.echo("Write them again, then: course review --grade")


def _grade(due: list) -> None:
    from utils.practice import review as reviewing

    files = reviewing.open_names(ROOT, due)
    if not files:
        click.echo("There is nothing to grade. Run `course review` first.")
    bad = False
    for path, names in files.items():
        for row in reviewing.grade(path, names):
            click.echo(row.report.to_text(sys.stdout.isatty()))
            bad |= row.report.status != "right"
    sys.exit(1 if bad else 0)


def _ask(due: list) -> None:
    from utils.practice import cards

    if due:
        click.echo(f"\n{len(due)} cards to answer aloud.")
    if not sys.stdin.isatty():
        return
    for one in due:
        card = cards.find(one.name, solved=True)
        click.echo(f"\n{card.kind.replace('-', ' ')} · question {card.number}")
        show.markdown(card.front)
        click.prompt("Answer aloud, then press Enter", default="", show_default=False, prompt_suffix=" ")
        show.markdown("\n\n".join(filter(None, [card.back, card.chinese])))
        rating = click.prompt("How did it go?", type=click.Choice(
            ["again", "hard", "good", "easy", "stop"]), default="good")  # fmt: skip
        if rating == "stop":
            return
        if not note("rated", card=one.name, rating=rating):
            click.echo("progress.jsonl could not be written; this card does not count.", err=True)


@click.command()
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask: what you have not passed counts as given up.")
def solution(number: str, yes: bool) -> None:
    """Open the solved page of a question that you passed or give up.

    \b
    course solution 15
    """
    from utils.practice.plans import passed

    (stem,) = stems_of([number])
    state = _state()
    known = state.exercises
    names = [
        n for n in catalogue.entries()[stem]["exercises"] if n not in known or not (known[n].right or known[n].given_up)
    ]
    if names and not passed(state, stem):
        question = f"{', '.join(names)}: not right yet. Which line would you try next? Give up and see the solution?"
        if not yes and not (sys.stdin.isatty() and click.confirm(question, default=False)):
            click.echo(f"Nothing was given up. `course hint {names[0]}` goes one step further.")
            sys.exit(1)
        if not all(note("gave up", exercise=name) for name in names):
            click.echo(f"progress.jsonl could not be written; giving up {', '.join(names)} does not count.", err=True)
    page = ROOT / "book" / "_build" / "html" / "questions" / f"{stem}.html"
    page = page if page.exists() else editions.folder("solutions") / f"{stem}.ipynb"
    click.echo(str(page))
    if sys.stdout.isatty():
        click.launch(str(page))


@click.command()
@click.argument("file", type=files.Output())
def deck(file: Path) -> None:
    """Write the spoken cards as a deck for Anki: 30 seconds, follow-ups, folklore, red flags.

    \b
    course deck interviews.apkg

    A later import updates the cards and keeps your schedule.
    """
    from utils.practice import deck as decks

    try:
        click.echo(f"{decks.write(file)} notes: {file}")
    except OSError as error:
        raise files.cannot_write(file, error) from None
