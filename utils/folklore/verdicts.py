"""From shares and papers' figures to one of four verdicts, with the reason where it is none of the first three."""

from typing import Any

from utils.folklore.ruling import FAILS, HOLDS, ONLY_IF, UNDECIDED, Trial, setting_in_words, settings_in_words

MOST, FEW, HALF = 0.95, 0.20, 0.50  # holds from here on; does not hold up to here; the other side of a condition
LEAST = 5  # settings, in a family and on either side of a condition
FLIPS = "with one threshold it"
Ruling = tuple[str, str]  # verdict, reason


def of_shares(share: tuple[int, int], controls: list[bool]) -> Ruling:
    """Without a condition. `controls`: whether the claim held at each control."""
    held, tried = share
    if tried < LEAST:
        return UNDECIDED, f"{tried} settings are too few, it takes {LEAST}"
    if FEW * tried < held < MOST * tried:
        return UNDECIDED, f"it held in {held} of {tried} settings: too few for “holds”, too many for “does not hold”"
    verdict = HOLDS if held >= MOST * tried else FAILS
    if 0 < held < tried:
        return verdict, ""
    if not controls:
        return UNDECIDED, "every setting came out alike, and no control shows that this test can come out otherwise"
    if (held == tried) in controls:
        return UNDECIDED, "the control came out like all the rest, so this test decides nothing"
    return verdict, ""


def of_sides(inside: tuple[int, int], outside: tuple[int, int], sentence: str) -> Ruling:
    """With a condition, on the held-out settings."""
    reason = ""
    if not inside[1] or not outside[1]:
        reason = f"the condition is {'true' if inside[1] else 'false'} in every held-out setting"
    elif min(inside[1], outside[1]) < LEAST:
        name, (_, tried) = min((("inside", inside), ("outside", outside)), key=lambda side: side[1][1])
        reason = f"{tried} held-out settings {name} the condition are too few, it takes {LEAST}"
    elif inside[0] < MOST * inside[1]:
        reason = f"inside the condition it held in {inside[0]} of {inside[1]} held-out settings only"
    elif outside[0] > HALF * outside[1]:
        reason = f"outside the condition it still held in {outside[0]} of {outside[1]} held-out settings"
    return (UNDECIDED, reason) if reason else (f"{ONLY_IF} {sentence}", "")


def of_thresholds(rulings: list[Ruling]) -> Ruling:
    """The verdict, if it is the same with each threshold."""
    verdict, reason = rulings[0]
    other = next((ruling for ruling in rulings if ruling[0] != verdict), None)
    if other is None:
        return verdict, reason
    return UNDECIDED, f"{FLIPS} {_it(verdict)}, with another it {_it(other[0])}"


def _it(verdict: str) -> str:
    return "is not decided" if verdict == UNDECIDED else verdict


def of_papers(rows: list[Any], sentence: str) -> Ruling | None:
    """What the papers' figures say; None where they leave it to ours."""
    if not sentence:
        signs = {row.holds for row in rows}
        return None if not rows else (UNDECIDED, "the papers disagree") if len(signs) > 1 else (
            HOLDS if signs == {True} else FAILS, "")  # fmt: skip
    inside, outside = ({row.holds for row in rows if row.inside is side} for side in (True, False))
    if len(inside) > 1 or len(outside) > 1:
        return UNDECIDED, "the papers disagree"
    if inside and outside:
        pair = (min(inside), min(outside))
        return {
            (True, False): (f"{ONLY_IF} {sentence}", ""), (True, True): (HOLDS, ""), (False, False): (FAILS, ""),
            (False, True): (UNDECIDED, "by the papers it is the other way round"),
        }[pair]  # fmt: skip
    if inside == {False} or outside == {True}:
        return UNDECIDED, "a published figure contradicts the condition"
    return None


def ruled(claim: str, evidence: Any) -> Trial:
    """The trial's verdict, its rows and its data."""
    ours = _ours(evidence) if evidence.held else None
    papers = of_papers(evidence.papers, evidence.sentence)
    verdict, reason = papers or ours or (UNDECIDED, "the papers' figures lie on one side of the condition only")
    flips = bool(ours and ours[1].startswith(FLIPS))
    differ = bool(papers and ours and verdict != UNDECIDED and (flips or _direction(evidence, ours) != verdict))
    if differ:
        reason = f"at the papers' scale; here {ours[1] if flips else _here(evidence)}"
    return Trial(claim, verdict, _rows(evidence), reason, data=_data(evidence, verdict, reason, differ))


def _ours(evidence: Any) -> Ruling:
    thresholds = range(len(evidence.outcomes[0]))
    if evidence.sentence:
        sides = [(evidence.side(True, k), evidence.side(False, k)) for k in thresholds]
        return of_thresholds([of_sides(*pair, evidence.sentence) for pair in sides])
    controls = [[outcome[k] for outcome in evidence.outcomes_control] for k in thresholds]
    return of_thresholds([of_shares(evidence.share(k), controls[k]) for k in thresholds])


def _direction(evidence: Any, ours: Ruling) -> str:
    """Where ours points, also when it decides nothing for want of a control."""
    if evidence.sentence:
        return ours[0]
    held, tried = evidence.share()
    return HOLDS if held >= MOST * tried else FAILS if held <= FEW * tried else UNDECIDED


def _here(evidence: Any) -> str:
    if not evidence.sentence:
        return "it held in {} of {}".format(*evidence.share())
    return "it held in {} of {} inside the condition and in {} of {} outside".format(
        *evidence.side(True), *evidence.side(False)
    )


# ---- what is shown ----------------------------------------------------------------------------------------------


def _rows(evidence: Any) -> tuple[tuple[str, str], ...]:
    rows = [
        ("published", f"{'✓' if row.holds else '✗'} {row.source}: {row.figure}{_side(row)}") for row in evidence.papers
    ]
    if evidence.held:
        rows += [("tried", settings_in_words(evidence.over)), ("held in", _percent(evidence.share()))]
        rows += _condition_rows(evidence) if evidence.sentence else []
        rows += _failures(evidence)
        rows += [("control", _control(*pair, evidence)) for pair in zip(
            evidence.controls, evidence.outcomes_control, strict=True)]  # fmt: skip
    return tuple(rows)


def _side(row: Any) -> str:
    return "" if row.inside is None else f" ({'inside' if row.inside else 'outside'} the condition)"


def _percent(share: tuple[int, int]) -> str:
    held, tried = share
    return f"{held} of {tried}" + (f" ({100 * held / tried:.0f} %)" if tried else "")


def _condition_rows(evidence: Any) -> list[tuple[str, str]]:
    return [
        ("condition", evidence.sentence),
        ("held out", settings_in_words(evidence.held_out)),
        ("inside", _percent(evidence.side(True))),
        ("outside", _percent(evidence.side(False))),
    ]


def _failures(evidence: Any) -> list[tuple[str, str]]:
    """Up to three settings in which the claim failed: with a condition, of those inside it, or else of the others."""
    failed = [s for s, out in zip(evidence.over, evidence.outcomes, strict=True) if not out[0]]
    label = "failed at"
    if evidence.sentence:
        out = list(zip(evidence.held_out, evidence.outcomes_out, evidence.inside, strict=True))
        within = [setting for setting, outcome, side in out if side and not outcome[0]]
        failed = within or [setting for setting, outcome, _ in out if not outcome[0]]
        label = f"failed {'inside' if within else 'outside'}"
    shown = "; ".join(map(setting_in_words, failed[:3]))
    return [(label, shown + (f"; and {len(failed) - 3} more" if len(failed) > 3 else ""))] if failed else []


def _control(setting: dict, outcome: tuple[bool, ...], evidence: Any) -> str:
    held, tried = evidence.share()
    word = "held" if outcome[0] else "failed"
    end = (
        f", so the test can {'hold' if outcome[0] else 'fail'}"
        if outcome[0] != (2 * held > tried)
        else ", as in most settings"
    )
    return f"{setting_in_words(setting)}: {word} there{end}"


def _data(evidence: Any, verdict: str, reason: str, differ: bool) -> dict:
    tried = [outcome[0] for outcome in (*evidence.outcomes, *evidence.outcomes_out)]
    data = {
        "settings": len(tried), "held": sum(tried),
        "published": [{"source": row.source, "figure": row.figure, "holds": row.holds} for row in evidence.papers],
        "family": _family(evidence), "reason": reason, "differ": differ,
        "control": [setting_in_words(setting) for setting in evidence.controls],
    }  # fmt: skip
    if evidence.sentence:
        data |= {
            "condition": evidence.sentence,
            "inside": list(evidence.side(True)),
            "outside": list(evidence.side(False)),
        }
    return data


def _family(evidence: Any) -> str:
    out = f"; held out {settings_in_words(evidence.held_out)}" if evidence.held_out else ""
    return settings_in_words(evidence.over) + out
