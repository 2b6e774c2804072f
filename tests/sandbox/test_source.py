"""Of a learner's file exactly the definitions that an exercise needs are run."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.sandbox import source
from utils.sandbox.source import UnreadableError

NAMES = ["answer", "other"]
SOME = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def script(tmp_path, text):
    path = tmp_path / "answer.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return source.read(path, NAMES)


def notebook(tmp_path, *cells, **more):
    path = tmp_path / "answer.ipynb"
    cells = [{"cell_type": "code", "source": cell} for cell in cells]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4} | more), encoding="utf-8")
    return source.read(path, NAMES)


def run(found, name="answer", **known):
    """Execute what the exercise needs and return its module."""
    return executed(found.needed_for(name), **known)


def executed(text, **known):
    module = {"__name__": "answer"} | known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # what invalid escapes are called before Python 3.12
        exec(compile(text, "<answer>", "exec", dont_inherit=True), module)
    return module


def experiment(*_, **__):
    raise AssertionError("an experiment was run")


# ---- what is kept -----------------------------------------------------------------------------------------------

KEPT = {
    "a helper": "def h(): return 7\ndef answer(): return h()",
    "a helper defined later": "def answer(): return h()\ndef h(): return 7",
    "a helper's helper": "def a(): return 7\ndef b(): return a()\ndef answer(): return b()",
    "a constant": "SEVEN = 7\ndef answer(): return SEVEN",
    "a constant of a constant": "ONE = 1\nSEVEN = ONE + 6\ndef answer(): return SEVEN",
    "unpacked names": "a, (b, *c) = 7, (1, 2)\ndef answer(): return a + 0 * len(c)",
    "an import": "import math\ndef answer(): return math.floor(7.5)",
    "an import under another name": "from math import floor as f\ndef answer(): return f(7.5)",
    "an import of a submodule": "import os.path\nimport os\ndef answer(): return 7 + 0 * len(os.path.sep)",
    "one of several imports": "from math import (ceil, floor)\ndef answer(): return floor(7.5)",
    "a star import": "from math import *\ndef answer(): return floor(7.5)",
    "a star import over a builtin": "from math import *\ndef answer(): return 7 if isinstance(pow(7, 1), float) else 0",
    "an import tried": "try:\n    import no_such\nexcept ImportError:\n    no_such = 7\ndef answer(): return no_such",
    "an import under a condition": "if True:\n    import math\ndef answer(): return math.floor(7.5)",
    "a definition under a condition": "if 1 > 2:\n    def answer(): return 0\nelse:\n    def answer(): return 7",
    "a decorator": "def add(f): return lambda: f() + 1\n@add\ndef answer(): return 6",
    "a decorator with arguments": "def add(n): return lambda f: lambda: f() + n\nN = 1\n@add(N)\ndef answer(): return 6",
    "a decorator on a line of its own": "@(\n    lambda f: lambda: f() + 1\n)\ndef answer(): return 6",
    "a decorator of a library": "import functools\n@functools.lru_cache(maxsize=None)\ndef answer(): return 7",
    "two decorators": "def p(f): return lambda: f() + 1\ndef q(f): return lambda: f() + 2\n@p\n@q\ndef answer(): return 4",
    "what a decorator registers": (
        "ALL = {}\ndef register(f):\n    ALL[f.__name__] = f\n    return f\n"
        "@register\ndef seven(): return 7\ndef answer(): return ALL['seven']()"
    ),
    "single dispatch": (
        "import functools\n@functools.singledispatch\ndef answer(x=0): return 0\n"
        "@answer.register\ndef _(x: int): return 7\nanswer = functools.partial(answer, 1)"
    ),
    "a default argument": "SEVEN = 7\ndef answer(x=SEVEN): return x",
    "a default that later changes": "N = 7\ndef answer(x=N): return x\nN = 8",
    "a keyword-only default": "SEVEN = 7\ndef answer(*, x=SEVEN): return x",
    "an annotation": "class T: pass\ndef answer(x: T = None) -> T: return 7",
    "an annotation never evaluated": "from __future__ import annotations\ndef answer(x: Missing = 7): return x",
    "a future import in a later place": "def answer(x: 'M' = 7): return x\n# %%\nfrom __future__ import annotations",
    "an annotated constant": "SEVEN: int = 7\ndef answer(): return SEVEN",
    "a class base": "class Base:\n    n = 7\nclass Net(Base): pass\ndef answer(): return Net.n",
    "a metaclass": "class M(type):\n    n = 7\nclass A(metaclass=M): pass\ndef answer(): return A.n",
    "a name of a class and of the module": "n = 7\nclass A:\n    n = n\ndef answer(): return A.n",
    "a dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    n: int = 7\n    field: list = "
        "field(default_factory=list)\ndef answer(): return P().n"
    ),
    "a method that uses a helper": "def h(): return 7\nclass A:\n    def m(self): return h()\ndef answer(): return A().m()",
    "a method put in later": "class A: pass\ndef seven(self): return 7\nA.m = seven\ndef answer(): return A().m()",
    "a global statement": "def start():\n    global n\n    n = 7\nstart()\ndef answer(): return n",
    "a counter that is global": "n = 6\ndef answer():\n    global n\n    n += 1\n    return n",
    "a dict that is filled": "d = {}\nd['n'] = 7\ndef answer(): return d['n']",
    "a dict that is filled in a loop": "d = {}\nfor k in range(8):\n    d['n'] = k\ndef answer(): return d['n']",
    "a dict that is updated": "d = {}\nd.update(n=7)\ndef answer(): return d['n']",
    "a list that is appended to": "c = []\nif True:\n    c.append(7)\ndef answer(): return c[0]",
    "a comprehension": "xs = [1, 2]\nys = [x + 4 for x in xs]\ndef answer(): return sum(ys) - 4",
    "a walrus": "if (n := 7) > 0: pass\ndef answer(): return n",
    "a walrus in a comprehension": "[n := k for k in range(8)]\ndef answer(): return n",
    "a with statement": "import contextlib\nwith contextlib.nullcontext(7) as n: pass\ndef answer(): return n",
    "a for loop's last value": "for n in range(8): pass\ndef answer(): return n",
    "a sum in a loop": "total = 1\nfor k in range(4): total += k\ndef answer(): return total",
    "an augmented assignment": "n = 3\nn += 4\ndef answer(): return n",
    "a deletion": "import math\npi = 7\ntemporary = pi\ndel temporary\ndef answer(): return pi",
    "a deletion that matters": "pow = None\ndel pow\ndef answer(): return pow(7, 1)",
    "an assignment to the name": "def mine(): return 7\nanswer = mine",
    "a lambda": "answer = lambda: 7",
    "a partial": "from functools import partial\ndef plus(a, b): return a + b\nanswer = partial(plus, 3, 4)",
    "the last of two definitions": "def answer(): return 0\ndef answer(): return 7",
    "the last of two helpers": "def h(): return 0\ndef answer(): return h()\ndef h(): return 7",
    "a definition wrapped afterwards": "def answer(): return 6\n_old = answer\ndef answer(): return _old() + 1",
    "a recursion": "def answer(n=7): return n if n == 0 else 1 + answer(n - 1)",
    "one of several on a line": "a = 1; b = 7; c = 'é'; d = b\ndef answer(): return d",
    "a match statement": "match 7:\n    case n: pass\ndef answer(): return n",
    "a patched library": "import math\nmath.answer = 7\ndef answer(): return math.answer",
    "a nested function's need": "n = 7\ndef answer():\n    def inner(): return n\n    return inner()",
    "a name in an f-string": "n = 7\ndef answer(): return int(f'{n}')",
    "a string that looks like a cell": "def answer():\n    '''\n# %% no cell\n'''\n    return 7",
    "comments and blank lines": "# first\n\n\ndef answer():  # here\n    # and there\n    return 7  # done",
    "tabs": "def answer():\n\tif True:\n\t\treturn 7",
    "an escape that Python warns of": "def answer(): return 7 * len('\\d'[1:])",
    "a very long sum": "def answer(): return " + " + ".join(["1"] * 900) + " - 893",
    "a long chain of brackets": "def answer(): return " + "(" * 60 + "7" + ")" * 60,
}  # fmt: skip


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_an_exercise_needs_is_kept(tmp_path, text):
    """A definition works alone: everything that it needs, directly or through other names, comes along."""
    found = script(tmp_path, text)

    assert ["answer"] == found.defined(NAMES)
    assert 7 == run(found)["answer"]()


def test_what_is_needed_is_kept_in_cells_too(tmp_path):
    """The statements of different cells find each other, whichever comes first."""
    found = notebook(tmp_path, "def answer(): return h() + N", "def h():\n    return 3", "N = 4")

    assert 7 == run(found)["answer"]()


def test_an_asynchronous_function_is_kept(tmp_path):
    """`async def` defines a name like any other definition."""
    found = script(tmp_path, "async def answer(): return 7")

    assert ["answer"] == found.defined(NAMES)
    assert "async def" in found.needed_for("answer")


# ---- what is dropped --------------------------------------------------------------------------------------------

DROPPED = {
    "a call": "experiment()",
    "a value": "out = experiment()",
    "a loop": "for k in range(3):\n    experiment(k)",
    "a plot": "import no_such_package as plt\nplt.plot([1])",
    "a test": "assert experiment() == 7",
    "a check": "from utils import check\ncheck(answer)",
    "a value of the exercise": "out = experiment(answer())",
    "a setting of an import": "import math\nmath.isclose(experiment(), 1)",
    "a with statement": "with experiment() as f:\n    data = f.read()",
    "a name in a function that nobody calls": "def plot(k): return out, data\nout = experiment()",
    "a bare name": "experiment() if True else 0",
    "an unneeded import": "import no_such_package",
    "a star from the course": "from utils import *",
    "an attribute of the exercise": "print(answer.__name__, experiment())",
    "a call under a main guard": "if __name__ == '__main__':\n    experiment()",
    "a deletion": "out = 1\ndel out\nexperiment()",
    "a call of the exercise that keeps a record": "answer()",
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("text", DROPPED.values(), ids=DROPPED)
def test_experiments_are_dropped(tmp_path, text, place):
    """What only uses the exercise, or has nothing to do with it, is not run."""
    definition = (
        "import math\nEPS = 7\nseen = []\ndef answer(eps=EPS):\n    seen.append(1)\n"
        "    out = k = data = math.floor(eps)\n    return out + 0 * k * data\n"
    )
    found = script(tmp_path, f"{text}\n{definition}" if place == "before" else f"{definition}{text}\n")
    module = run(found, experiment=experiment)

    assert [] == module["seen"]
    assert 7 == module["answer"]()
    assert "plots" not in module


def test_a_default_argument_is_what_it_was_at_the_definition(tmp_path):
    """A loop that reuses the name of a default comes too late to matter, so it is not run."""
    found = script(tmp_path, "N = 7\ndef answer(n=N): return n\nfor N in [experiment()]: answer(N)\n")

    assert 7 == run(found, experiment=experiment)["answer"]()


def test_one_import_does_not_bring_the_others(tmp_path):
    """Of `import numpy as np, torch` only what is needed is imported, for torch takes seconds."""
    found = script(
        tmp_path, "import math, no_such_package\nfrom math import floor, no_such\ndef answer(): return floor(7.5)"
    )

    assert "no_such" not in found.needed_for("answer")
    assert 7 == run(found)["answer"]()


def test_a_star_from_the_course_brings_what_is_used(tmp_path):
    """`from utils import *` would import plots and models; only the names in use are taken from it."""
    found = script(tmp_path, "from utils import *\ndef answer(): return gradcheck")

    assert "from utils import gradcheck" == found.needed_for("answer").split("\n")[0]
    assert "plots" not in found.needed_for("answer")


def test_each_exercise_gets_its_own_definitions(tmp_path):
    """Two exercises of one file do not share what only one of them needs."""
    found = script(tmp_path, "def a(): return 7\ndef b(): return 8\ndef answer(): return a()\ndef other(): return b()")

    assert NAMES == found.defined(NAMES)
    assert "def b" not in found.needed_for("answer")
    assert "def a" not in found.needed_for("other").replace("def answer", "")


def test_statements_stay_as_they_were_written(tmp_path):
    """Messages quote lines of the learner's, so the text is his own, comments and quotes included."""
    text = 'def answer( x = {"a" : 1} ):  # my own\n\n    return 7'

    assert text == script(tmp_path, f"a = 1\n{text}  # seven\nb = 2").needed_for("answer")


@st.composite
def programs(draw):
    """(text, names that `answer` reaches, all names): definitions in any order, calls at random, experiments between."""
    size = draw(st.integers(1, 7))
    names = [f"n{i}" for i in range(size)]
    # each name may use the ones before it only, so that constants can be computed from top to bottom
    uses = {name: draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [] for i, name in enumerate(names)}
    wanted = draw(st.lists(st.sampled_from(names), unique=True))
    lines = []
    for name, others in uses.items():
        terms = " + ".join([str(2 ** names.index(name)), *others])
        called = " + ".join([str(2 ** names.index(name)), *(f"value({other})" for other in others)])
        kind = draw(st.sampled_from(["constant", "function", "class", "augmented", "guarded"]))
        lines += {
            "constant": [f"{name} = {called}"],
            "function": [f"def {name}():\n    return {called}"],
            "class": [f"class {name}:\n    inner = {called}\n    def __new__(cls): return cls.inner"],
            "augmented": [f"{name} = 0", f"{name} += {called}"],
            "guarded": [f"try:\n    {name} = {called}\nexcept ImportError:\n    {name} = {terms}"],
        }[kind]
        if draw(st.booleans()):
            lines.append(f"out{len(lines)} = experiment({name})")
    position = draw(st.integers(0, len(lines)))
    lines.insert(position, "def answer():\n    return " + " + ".join(["0", *(f"value({name})" for name in wanted)]))
    reached, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += uses[name]
    return lines, reached, set(names)


def value(thing):
    return thing() if callable(thing) else thing


@SOME
@given(programs(), st.booleans())
def test_any_program_keeps_what_it_needs_and_no_more(tmp_path_factory, program, as_notebook):
    """Whatever uses whatever: the answer is that of the whole file, and nothing runs that it does not reach."""
    lines, reached, names = program
    whole = {"value": value, "experiment": lambda thing: None}
    exec("\n".join(lines), whole)
    folder = tmp_path_factory.mktemp("program")
    found = notebook(folder, *lines) if as_notebook else script(folder, "\n".join(lines))
    module = run(found, value=value, experiment=experiment)

    assert whole["answer"]() == module["answer"]()
    assert reached == names & module.keys()


# ---- IPython's own lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\ndef answer(): return 7",
        "!pip install numpy\ndef answer(): return 7",
        "!echo it's \"half\ndef answer(): return 7",
        "!pip install \\\n    numpy \\\n    torch\ndef answer(): return 7",
        "def answer(): return 7\nanswer?\nanswer??\n?answer\nmath.floor?",
        "files = !ls\ndef answer(): return 7",
        "%load_ext autoreload\n%autoreload 2\ndef answer(): return 7",
        "%timeit answer()\ndef answer(): return 7",
        "%%time\ndef answer(): return 7",
        "\n\n%%time\n\ndef answer(): return 7",
        "%%capture out --no-stderr\n%%time\ndef answer(): return 7",
        "SIX = %time 6\ndef answer(): return SIX + 1",
        "%time SEVEN = 7\ndef answer(): return SEVEN",
        "def answer():\n    %time seven = 7\n    return seven",
        "def answer():\n    %matplotlib inline\n    !ls\n    return 7",
        "for k in range(2):\n    !ls {k}\ndef answer(): return 7",
        "def answer(): return 7;",
        "def answer():\n    return (15\n        % 8)",
        "TEXT = ('%d'\n% 7)\ndef answer(): return int(TEXT)",
        "def answer():\n    '''Really?\n%time is no magic here\n    '''\n    return 7",
        "def answer():\n    return 7  # is it?\n# why?",
        "x = 3\r\ndef answer():\r\n    return 7\r\n",
        "import asyncio\nawait asyncio.sleep(0)\ndef answer(): return 7",
    ],
)
def test_the_lines_of_ipython_do_not_matter(tmp_path, cell):
    """Magics, shell lines and questions about names are set aside; the Python around them stays as it is."""
    found = notebook(tmp_path, cell)

    assert {} == found.broken
    assert 7 == run(found)["answer"]()


@pytest.mark.parametrize("magic", ["bash", "html", "writefile answer.py", "script python", "latex", ""])
def test_a_cell_in_another_language_defines_nothing(tmp_path, magic):
    """What a cell magic hands to something else is no definition, and no error."""
    found = notebook(tmp_path, f"%%{magic}\ndef answer(): return 7")

    assert ([], {}) == (found.defined(NAMES), found.broken)


def test_a_script_with_magics_in_cells_is_read(tmp_path):
    """Editors that know `# %%` cells allow magics in a .py; they are set aside there too."""
    found = script(tmp_path, "# %%\n%matplotlib inline\n# %%\ndef answer(): return 7\n# %%\n!ls\n")

    assert 7 == run(found)["answer"]()


# ---- what does not compile --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def answer(:\n    return 7", "SyntaxError: invalid syntax, at `def answer(:`"),
        ("def answer():\nreturn 7", "IndentationError: expected an indented block"),
        ("def answer():\n\tif 1:\n        return 7", "TabError: inconsistent use of tabs"),
        (
            "def answer(x, x): return 7",
            "SyntaxError: duplicate argument 'x' in function definition, at `def answer(x, x)",
        ),
        ("def answer(): return 7\nreturn 7", "SyntaxError: 'return' outside function, at `return 7`"),
        ("def answer():\n    nonlocal n", "SyntaxError: no binding for nonlocal 'n' found"),
        ("def answer():\n    n = 1\n    global n", "SyntaxError: name 'n' is assigned to before global declaration"),
        ("class answer:\n    def f(", "SyntaxError: '(' was never closed"),
        ("async def answer(:", "SyntaxError: invalid syntax"),
        ("answer = lambda x x: 7", "SyntaxError: invalid syntax"),
        ("def answer():\n    from math import *", "SyntaxError: import * only allowed at module level"),
        ("def answer(): return '\ud800'", "UnicodeEncodeError"),
        ("def answer(): return \0", "null bytes"),
        ("def answer(): return " + "(" * 300 + ")" * 300, "SyntaxError: too many nested parentheses"),
    ],
    ids=range(14),
)
def test_a_fault_in_a_cell_is_told_for_the_exercise_in_it(tmp_path, text, words):
    """A cell that Python refuses names the exercise it seems to define, and says what Python said."""
    found = notebook(tmp_path, "def other(): return 8", text)

    assert NAMES == found.defined(NAMES)
    assert ["answer"] == list(found.broken)
    assert words in found.broken["answer"]
    assert 8 == run(found, "other")["other"]()


def test_a_fault_in_one_cell_of_a_script_stays_there(tmp_path):
    """The cells of a percent script or of an exported notebook stand for themselves."""
    for mark in ("# %%", "#%%", "# %% [markdown]", "# In[3]:"):
        found = script(tmp_path, f"def answer(): return 7\n{mark}\ndef other(x, x): return 8\n")

        assert ["other"] == list(found.broken)
        assert 7 == run(found)["answer"]()


def test_a_good_definition_stands_beside_a_bad_one(tmp_path):
    """A later cell that does not compile takes nothing away, for in the kernel it changed nothing either."""
    found = notebook(tmp_path, "def answer(): return 7", "def answer(x x): return 8")

    assert {} == found.broken
    assert 7 == run(found)["answer"]()


def test_a_file_without_exercises_defines_none(tmp_path):
    """An empty file, or one with other names only, defines nothing and is no error."""
    for text in ("", "\n\n", "# a comment", "def answers(): pass\nx = 'answer'", "print(answer)"):
        found = script(tmp_path, text)

        assert ([], {}) == (found.defined(NAMES), found.broken)


def test_no_warning_is_given(tmp_path):
    """Python's own remarks on a learner's style are his business, not the grader's output."""
    text = "def answer(): return 7 if '\\d' is 1 else 7\nassert (1, 'always true')\n"

    assert ["answer"] == script(tmp_path, text).defined(NAMES)
    assert ["answer"] == notebook(tmp_path, text).defined(NAMES)


# ---- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"def answer():\r\n    return 7\r\n",
        b"\xef\xbb\xbfdef answer():\n    return 7\n",
        b"# -*- coding: latin-1 -*-\nname = '\xe9'\ndef answer():\n    return 6 + len(name)\n",
        b"def answer():\n\treturn 7",
        "def answer():\n    ε = 7\n    return ε".encode(),
        b"#!/usr/bin/env python\n\n'''A script.'''\n\ndef answer():\n    return 7\n\x0c\nx = 1\n",
    ],
    ids=["CRLF", "BOM", "coding line", "no last line break", "Greek", "form feed"],
)
def test_a_script_in_any_usual_form_is_read(tmp_path, data):
    """Line ends, byte order mark, coding line and tabs are as Python has them."""
    assert 7 == run(script(tmp_path, data))["answer"]()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfed\x00e\x00f\x00", "not Python text in UTF-8"),
        (b"name = '\xe9'\n", "not Python text in UTF-8"),
        (b"# coding: no-such\n", "not Python text in UTF-8"),
        (b"# coding: rot13\nqrs nafjre(): erghea 7\n", "not Python text in UTF-8"),
        (b"x = 1\n\x00\x01\x02", "binary file"),
    ],
    ids=["UTF-16", "latin-1 without saying so", "unknown coding", "coding that is none", "binary"],
)
def test_a_script_that_is_no_text_is_told(tmp_path, data, words):
    """A file that holds no Python text says why and what to do."""
    with pytest.raises(UnreadableError, match=words):
        script(tmp_path, data)


@pytest.mark.parametrize(
    "content",
    [
        {"cells": [{"cell_type": "code", "source": ["def answer():\n", "    return 7"]}]},
        {"cells": [{"cell_type": "code", "source": "def answer():\n    return 7"}]},
        {"cells": [{"cell_type": "markdown", "source": "# Hi"}, {"cell_type": "code", "source": "answer = lambda: 7"}]},
        {"cells": [{"cell_type": "raw", "source": "{"}, {"cell_type": "code", "source": ["answer = lambda: 7"]}]},
        {"worksheets": [{"cells": [{"cell_type": "code", "input": ["def answer():\n", "    return 7"]}]}]},
        {"worksheets": [{"cells": []}, {"cells": [{"cell_type": "code", "input": "answer = lambda: 7"}]}]},
    ],
    ids=["list of lines", "one string", "text cells", "raw cells", "nbformat 3", "two worksheets"],
)
def test_a_notebook_of_any_format_is_read(tmp_path, content):
    """Sources as a string or as lines, and the sheets of old notebooks, are all read."""
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8-sig")

    assert 7 == run(source.read(path, NAMES))["answer"]()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a Jupyter notebook"),
        (b"{", "not a Jupyter notebook"),
        (b"null", "not a Jupyter notebook"),
        (b"[]", "not a Jupyter notebook"),
        (b"3", "not a Jupyter notebook"),
        (b'"cells"', "not a Jupyter notebook"),
        (b"{}", "not a Jupyter notebook"),
        (b'{"cells": 3}', "not a Jupyter notebook"),
        (b'{"cells": [3]}', "not a Jupyter notebook"),
        (b'{"cells": [{}]}', "not a Jupyter notebook"),
        (b'{"cells": [{"cell_type": "code"}]}', "not a Jupyter notebook"),
        (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "not a Jupyter notebook"),
        (b"[" * 100_000, "not a Jupyter notebook"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"def answer(): return 7", "not a Jupyter notebook"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else "",
)
def test_what_is_no_notebook_is_told(tmp_path, data, words):
    """Whatever is wrong with a notebook's JSON, the message says that it is none, and what to do."""
    path = tmp_path / "broken.ipynb"
    path.write_bytes(data)

    with pytest.raises(UnreadableError, match=words):
        source.read(path, NAMES)


@pytest.mark.parametrize(
    ("text", "torch"),
    [
        ("import torch", True),
        ("import numpy as np, torch.nn as nn", True),
        ("from torch.nn import functional as F", True),
        ("def f():\n    import torch", True),
        ("try:\n    import torchvision\nexcept ImportError: pass", True),
        ("import numpy as np", False),
        ("from . import x", False),
        ("torch = 1  # import torch", True),
    ],
)
def test_a_file_that_imports_torch_is_known(tmp_path, text, torch):
    """Whether a file needs torch is seen without running it, wherever the import stands."""
    assert torch == script(tmp_path, text).torch


@pytest.mark.parametrize("text", [KEPT[name] for name in KEPT if "later place" not in name])
def test_what_is_kept_is_what_python_does(text):
    """The table of what is kept is itself right: each text, run as a whole, answers the same."""
    assert 7 == executed(text)["answer"]()


def test_a_long_line_is_quoted_in_part():
    """A syntax error's message stays short, whatever line it quotes."""
    found = source.read_bytes(b"def conv2d(x):\n    return " + b"y" * 6000 + b" +\n", ".py", ["conv2d"])

    assert len(found.broken["conv2d"]) < 400
    assert "…" in found.broken["conv2d"]
