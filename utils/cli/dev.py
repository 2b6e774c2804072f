"""`course dev`: the author's verbs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from utils.cli.bar import progress_bar
from utils.grading.progress import root

ROOT = root()


@click.group()
def dev() -> None:
    """For authors: new, record, evidence, build, minutes, verify, class, site, lite."""


@dev.command()
@click.argument("stem")
def new(stem: str) -> None:
    """Start a question from templates: `course dev new 53_positional_encoding`."""
    from utils.authoring import template

    try:
        paths = template.create(ROOT, stem)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo("\n".join(str(path.relative_to(ROOT)) for path in paths))


@dev.command()
@click.argument("numbers", nargs=-1)
def record(numbers: tuple[str, ...]) -> None:
    """Run oracles and mistakes; freeze answers and fingerprints in utils/references/ and utils/fingerprints/."""
    from utils.authoring import recording

    slugs = _authored(numbers)
    with progress_bar("recording", total=len(slugs)) as advance:
        for slug in slugs:
            path = recording.record(slug)
            advance()
            click.echo(str(path.relative_to(ROOT)))
            click.echo(str(recording.record_fingerprints(slug).relative_to(ROOT)))


def _authored(numbers: tuple[str, ...]) -> list[str]:
    """Slugs by number, stem or slug, straight from solutions/: a new question is in no catalogue yet."""
    stems = sorted(path.stem for path in (ROOT / "solutions").glob("*.py"))
    unknown = [n for n in numbers if not any(n in (s, s[:2], s[3:]) for s in stems)]
    if unknown:
        raise click.UsageError(f"no solution is named {', '.join(unknown)}")
    return [s[3:] for s in stems if not numbers or any(n in (s, s[:2], s[3:]) for n in numbers)]


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong in an author's text is told in words, without the way there through the course's own code."""
    from utils.authoring import blank, build

    try:
        yield
    except (build.SourceError, blank.MarkerError) as error:
        raise click.ClickException(str(error)) from None


@dev.command("build")
@click.argument("numbers", nargs=-1)
@click.option("--force", is_flag=True, help="Execute solutions again even when nothing changed.")
@_told()
def build_(numbers: tuple[str, ...], force: bool) -> None:
    """Write everything that is derived; execute the solutions whose text changed (all, or those named)."""
    from utils.authoring import build, executed
    from utils.grading import reference

    slugs = _authored(numbers)
    if unrecorded := [slug for slug in slugs if not reference.recorded(slug)]:
        names = " ".join(unrecorded)
        raise click.ClickException(f"no recorded answers, so no check can run: first `course dev record {names}`")
    for path in build.write(build.derived(ROOT, slugs if numbers else None)):
        click.echo(str(path.relative_to(ROOT)))
    sources = build.sources(ROOT, slugs)
    for source in filter(executed.retag, sources):
        click.echo(f"solutions/{source.stem}.ipynb (tags only)")
    stale = [source for source in sources if force or executed.needs_execution(source)]
    with progress_bar("executing", total=len(stale)) as advance:
        for source in stale:
            click.echo(str(executed.execute(source).relative_to(ROOT)))
            advance()


@dev.command("minutes")
@click.argument("numbers", nargs=-1)
def minutes_(numbers: tuple[str, ...]) -> None:
    """How long each text takes, computed from its source, beside the minutes that it states."""
    from utils.authoring import build, minutes
    from utils.grading import catalogue

    click.echo("stated  core  deeper  words formulas lines exercises figures (core)")
    for source in build.sources(ROOT, _authored(numbers)):
        core, deeper = minutes.core(source.notebook), minutes.beyond(source.notebook)
        stated = catalogue.question(source.slug).minutes
        sign = " " if minutes.agrees(stated, core) else "!"
        row = f"{stated:5d}{sign} {core.minutes:5.0f} {deeper.minutes:7.0f}  {core.words:5d} {core.formulas:8d}"
        click.echo(f"{row} {core.lines:5d} {core.exercises:9d} {core.figures:7d}  {source.stem}")


@dev.command("evidence")
@click.argument("numbers", nargs=-1)
@click.option("--check", "mode", flag_value="check", help="Measure everything again and compare with what is recorded.")
@click.option("--force", "mode", flag_value="record", help="Measure everything again, also what is up to date.")
def evidence_(numbers: tuple[str, ...], mode: str | None) -> None:
    """Record the measurements that take too long for a notebook, where they are missing or stale."""
    from utils.authoring import evidence

    slugs, bad, total = _authored(numbers), [], 0.0
    for stem, seconds, fine in evidence.repeat(ROOT, mode or "renew", slugs):
        click.echo(f"{'✓' if fine else '✗'} {stem}: {seconds:.0f} s")
        bad, total = bad if fine else [*bad, stem], total + seconds
    click.echo(f"{total:.0f} s in all" + (f"; to mend: {', '.join(bad)}" if bad else ""))
    sys.exit(1 if bad else 0)


@dev.command()
@click.argument("numbers", nargs=-1)
@_told()
def verify(numbers: tuple[str, ...]) -> None:
    """Prove the grader: everything fresh, solutions right, blanks not attempted, every mistake caught and named.

    Of the text: the minutes that it states, and the length of its short answers.
    """
    from utils.authoring import proof

    slugs = _authored(numbers)
    problems = list(proof.freshness(ROOT, slugs if numbers else None))
    with progress_bar("proving", total=len(slugs)) as advance:
        for slug in slugs:
            problems += proof.question(slug, ROOT)
            advance(slug)
    for problem in problems:
        click.echo(f"✗ {problem}")
    count = f"{len(slugs)} question{'s' * (len(slugs) != 1)}"
    click.echo(f"{count}, {len(problems)} problem{'s' * (len(problems) != 1)}")
    sys.exit(1 if problems else 0)


@dev.command("class")
@click.option("--no-grading", is_flag=True, help="Keep the recorded verdicts, and only run the commands that follow.")
def class_(no_grading: bool) -> None:
    """Grade the made-up class anew and write what the teacher's page shows of it, book/class/."""
    from utils.publishing import class_page

    for path in class_page.record(ROOT, grading=not no_grading):
        click.echo(str(path.relative_to(ROOT)))


@dev.command()
def site() -> None:
    """Build the Jupyter Book from the executed solutions into book/_build/html; any warning is an error.

    Where `course dev lite` has been, the pages have the buttons that open it.
    """
    from utils.publishing.site import SiteError, build_site

    html = ROOT / "book" / "_build" / "html"
    try:
        build_site(ROOT, in_browser=(html / "lite" / "index.html").exists())
    except SiteError as error:
        raise click.ClickException(str(error)) from None
    click.echo(str((html / "index.html").relative_to(ROOT)))


@dev.command()
@click.option("--self-hosted", is_flag=True, help="Put Pyodide and NumPy into the site; no page asks another host.")
def lite(self_hosted: bool) -> None:
    """Build the course in the browser, JupyterLite, into book/_build/html/lite."""
    from utils.publishing import lite

    try:
        lite.build_site(ROOT / "book" / "_build" / "html" / "lite", self_hosted)
    except lite.AssetError as error:
        raise click.ClickException(str(error)) from None
    click.echo("book/_build/html/lite/index.html")
