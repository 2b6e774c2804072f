"""The page of practice in the book: the same dates as on a laptop, and log and notebooks that move between browsers."""

import json
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from utils.practice import archive, schedule
from utils.practice.replay import replay
from utils.publishing import practice_page
from utils.workplace import folder

ROOT = Path(__file__).parents[2]
STEM, NAME = "15_batchnorm_forward", "batchnorm_forward"
WORDS = "a = '½ 批归一化'\n" * 500


# ---- the same as on a laptop --------------------------------------------------------------------------------------

HAPPENED = st.one_of(
    st.builds(lambda mistake: {"status": "wrong"} | ({"mistake": mistake} if mistake else {}), st.sampled_from(["", "ddof=1", "b"])),
    st.builds(lambda digest: {"status": "right"} | ({"digest": digest} if digest else {}), st.sampled_from(["", "x", "y"])),
    st.sampled_from([{"event": "opened"}, {"event": "hint", "step": 1}, {"event": "gave up"}, {"status": "machine"},
                     {"status": "timeout"}, {"event": "new kind"}, {"status": 3}]),
)  # fmt: skip
BESIDES = st.sampled_from([{"event": "rated", "card": "a/b", "rating": "good"}, {"event": "rated", "card": 1, "rating": "good"},
                           {"event": "plan", "days": 3}, {"exercise": 7, "status": "right"}])  # fmt: skip
ENTRY = st.one_of(
    st.builds(lambda name, what: {"exercise": name} | what, st.sampled_from([NAME, "adam_step"]), HAPPENED), BESIDES
)
MINUTES = st.one_of(st.integers(0, 5), st.integers(0, 3000), st.integers(0, 100_000))
TIMED = st.lists(
    st.tuples(MINUTES, st.sampled_from(["+00:00", "+00:00", "+09:00", "-05:00"]), ENTRY), min_size=4, max_size=25
)
STRANGE = [{"time": "2026"}, {"time": 3}, {"time": "nonsense", "exercise": NAME, "status": "right"}, {"exercise": NAME}]


def as_log(steps):
    """Entries one after the other, each some minutes after the last and written in its own zone."""
    moment, log = datetime(2026, 1, 1, 8, tzinfo=UTC), list(STRANGE)
    for minutes, zone, entry in steps:
        moment += timedelta(minutes=minutes)
        here = moment.astimezone(datetime.fromisoformat(f"2026-01-01T00:00:00{zone}").tzinfo)
        log.append({"time": here.isoformat(timespec="seconds")} | entry)
    return log


def generated(number):
    """So many logs, the same ones each time."""
    found = []

    @settings(max_examples=number, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(TIMED)
    def draw(steps):
        found.append(as_log(steps))

    draw()
    return found


def told(log):
    """What Python's replay says of a log, as tests/browser/replay.mjs tells it."""
    state = replay(log)
    known = {
        name: {"right": one.right, "wrong": one.wrong, "reviews": [list(review) for review in one.reviews],
               "mistakes": sorted([mistake, number, len(one.mistake_days[mistake])] for mistake, number in one.mistakes.items()),
               "memory": schedule.memory(one.reviews) if one.reviews else None}
        for name, one in state.exercises.items()
    }  # fmt: skip
    return {"exercises": known, "days": dict(sorted(state.days.items()))}


@pytest.fixture(scope="module")
def in_node(tmp_path_factory):
    """Logs, what node made of them, what it read of a zip of Python's, and the zip that it wrote."""
    if not shutil.which("node"):
        pytest.skip("node is missing")
    path, logs = tmp_path_factory.mktemp("zip") / "a.zip", generated(500)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("work/批.py", WORDS)
    job = {"facts": practice_page.facts(), "logs": logs, "zip": str(path), "text": WORDS}
    command = ["node", str(ROOT / "tests" / "browser" / "replay.mjs"), str(ROOT / "book" / "lite")]
    done = subprocess.run(command, capture_output=True, text=True, input=json.dumps(job), timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return logs, json.loads(done.stdout), path


def test_the_page_replays_as_the_laptop_does(in_node):
    """Ratings, reasons, mistakes, days and the date of FSRS, to the digit, over logs of every kind."""
    logs, found, _ = in_node
    reviews = 0
    for log, theirs in zip(logs, found["logs"], strict=True):
        ours = told(log)
        for name, one in ours["exercises"].items():
            memory = theirs["exercises"][name].pop("memory")
            if mine := one.pop("memory"):
                assert (mine.due.isoformat(), mine.stability) == (
                    memory["due"],
                    pytest.approx(memory["stability"], abs=0.006),
                )
                reviews += len(one["reviews"])
        assert ours["exercises"].keys() == theirs["exercises"].keys()
        for name, one in ours["exercises"].items():
            assert one == {key: theirs["exercises"][name][key] for key in one}, name
        assert ours["days"] == theirs["days"]
    assert reviews > 400, "otherwise nothing was compared"


def test_zip_files_are_those_of_python(in_node):
    """What Python packs the page unpacks, and the other way round; letters of every kind."""
    _, found, path = in_node
    with zipfile.ZipFile(path) as zipped:
        assert {"work/批.py": WORDS} == found["read"]
        assert None is zipped.testzip()
        assert {"work/批.py": WORDS, "more": WORDS} == {name: zipped.read(name).decode() for name in zipped.namelist()}


# ---- as a visitor -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(whole_site, browser, node, tmp_path_factory):
    """What two visitors saw: bad files, a laptop's archive twice, its notebook edited, and all of it in a second browser."""
    place = tmp_path_factory.mktemp("moved")
    home = place / "home"
    (home / "work").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / f"{STEM}.ipynb", home / "work")
    lines = [{"time": f"2026-0{month}-01T09:00:00+00:00", "exercise": NAME, "status": status, "mistake": "<b>ddof"}
             for month, status in ((1, "wrong"), (2, "wrong"), (3, "right"))]  # fmt: skip
    (home / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(home))
        archive.write(place / "laptop.zip", home)
    whole = (place / "laptop.zip").read_bytes()
    (place / "cut.zip").write_bytes(whole[:-30])
    (place / "text.zip").write_text("hello")
    with zipfile.ZipFile(place / "foreign.zip", "w") as zipped:
        zipped.writestr("../x.ipynb", "{}")
    with zipfile.ZipFile(place / "broken.zip", "w") as zipped:
        zipped.writestr("work/x.ipynb", "{}")
    bad = [str(place / f"{name}.zip") for name in ("cut", "text", "foreign", "broken")]
    job = {"site": str(whole_site), "archive": str(place / "laptop.zip"), "bad": bad, "out": str(place / "out.zip"),
           "path": f"{STEM}.ipynb", "words": f"def {NAME}("}  # fmt: skip
    return node("practice.mjs", json.dumps(job), env=browser), place


def test_a_visitor_without_attempts_is_told_so(moved):
    """No database is made for somebody who only reads, and there is nothing to export."""
    empty = moved[0]["empty"]

    assert "no attempts so far" in empty["text"]
    assert (0, "This browser has nothing to export yet.") == (empty["databases"], empty["exported"])


def test_a_bad_file_changes_nothing_in_the_browser(moved):
    """A sentence that says what is wrong; nothing is stored."""
    refused = moved[0]["refused"]

    assert all(text.startswith("Nothing was changed: ") for text in refused)
    assert ["no whole zip file", "neither a log", "neither a log", "is no notebook"] == [
        next(words for words in ("no whole zip file", "neither a log", "is no notebook") if words in text)
        for text in refused
    ]
    assert 0 == moved[0]["untouched"]


def test_the_page_shows_what_the_log_tells(moved):
    """Bars, what is due, mistakes of two days, days; names are escaped."""
    text = moved[0]["text"]

    assert "2 · Batch normalisation: 1 of" in text
    assert f"{NAME} 2026-03-02 right after 2 wrong verdicts on 2026-03-01" in text
    assert f"<b>ddof {NAME} 2 times on 2 days" in text
    assert "checks and cards on" in text
    assert [] == moved[0]["errors"]


def test_log_and_notebooks_move_between_browsers(moved):
    """A laptop's notebook opens in JupyterLite; twice is once; an edited one is kept, the other one comes beside it."""
    seen, _ = moved

    assert "3 new entries in the log, 1 new file" in seen["first"]
    assert "0 new entries in the log, 0 new files" in seen["again"]
    assert f"def {NAME}(" in seen["cell"]
    assert f"1 new file: {STEM}.2" in seen["beside"]
    assert "3 entries of the log and 2 files" in seen["gone"]
    assert "3 new entries in the log, 2 new files" in seen["taken"]
    assert seen["same"], "the second browser shows what the first one did"


def test_a_laptop_takes_the_browsers_file(moved, tmp_path):
    """`course log import` reads what the page exports; the edit made in the browser is in it."""
    brought = archive.read(moved[1] / "out.zip")
    new = archive.place(tmp_path, brought.files, datetime(2026, 12, 1).date())
    texts = [path.read_text(encoding="utf-8") for path in new.values()]

    assert 3 == len(brought.entries)
    assert 2 == len(new)
    assert 1 == sum("changed = True" in text for text in texts)
    assert all("python3" == folder.read(path)["metadata"]["kernelspec"]["name"] for path in new.values())
