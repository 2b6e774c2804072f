r"""Formulas in a terminal: readable, with the brackets that a line needs, and nothing of TeX left over."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.grading import catalogue
from utils.practice import cards, formulas


@pytest.mark.parametrize(
    ("tex", "line"),
    [(r"\frac4{3L+\lambda_{\min}}", "4/(3L + λₘᵢₙ)"), (r"\tfrac12\lVert w\rVert_2^2", "½‖w‖₂²"),
     (r"\eta\sqrt{1-\beta_2^t}/(1-\beta_1^t)", "η√(1 − β₂ᵗ)/(1 − β₁ᵗ)"), (r"\frac{1}{n}\sum_i x_i", "(1/n)∑ᵢxᵢ"),
     (r"\frac{a+b}{2c}", "(a + b)/(2c)"), (r"\frac{n_b}{N}\,|a-b|", "(n_b/N) |a − b|"), (r"\log\frac{p}{1-p}", "log(p/(1 − p))"),
     (r"\frac{\partial L}{\partial x_{ij}}", "∂L/∂xᵢⱼ"), (r"e^{\beta z_k}", "e^(βzₖ)"), (r"e^{-b}", "e⁻ᵇ"), (r"x^{-1/2}", "x^(−1/2)"),
     (r"\sqrt{10^{-8}}", "√(10⁻⁸)"), (r"\sqrt v", "√v"), (r"\sqrt[3]{x}", "∛x"), (r"X^\top X", "XᵀX"), (r"\hat x_i", "x̂ᵢ"),
     (r"10\text{e}{-8}", "10e−8"), (r"1/\sqrt{\text{fan-in}}", "1/√(fan-in)"), (r"\text{as often as}", "as often as"),
     (r"-\log p_y", "−log p_y"), (r"\big(\frac{a-1}{b}\big)^2", "((a − 1)/b)²"), (r"\mathbb E[x]", "𝔼[x]"), (r"P(y\mid x)", "P(y | x)"),
     (r"\begin{pmatrix}1&2\\2&1\end{pmatrix}", "(1 2; 2 1)"), (r"b\in\{0,1\}", "b ∈ {0,1}"), (r"\unknown x", "unknownx"),
     (r"w\leftarrow w-\eta g", "w ← w − ηg"), (r"(0,\pm1)", "(0,±1)"), (r"n_>", "n_>"), ("x''", "x′′")],
)  # fmt: skip
def test_a_formula_as_a_line(tex, line):
    """What stands above and below a fraction's bar or under a root stays together."""
    assert line == formulas.in_unicode(tex)


def texts():
    """Everything with formulas that a terminal shows."""
    for stem, entry in catalogue.entries().items():
        for card in cards.of(stem, solved=True):
            yield from (card.front, card.back, card.chinese)
        yield from cards.listens_for(stem)
        for exercise in entry["exercises"].values():
            yield from exercise["hints"]


def test_no_formula_of_the_course_is_left_as_tex():
    """Every command that the course uses is known, and no dollar, backslash or brace of a group is left outside of code."""
    known = {*formulas.SYMBOLS, *formulas.RELATIONS, *formulas.OPERATORS, *formulas.NAMES, *formulas.ACCENTS, *formulas.FONTS,
             *formulas.WORDS, *formulas.SIZES, *formulas.FRACTIONS, "sqrt", "begin", "end", "\\"}  # fmt: skip
    used, left = set(), []
    for text in texts():
        text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        for display, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", text, re.DOTALL):
            used |= set(re.findall(r"\\([a-zA-Z]+|.)", display or inline))
            left += [display or inline] if re.search(r"[\\$]|\^\{|_\{", formulas.in_unicode(display or inline)) else []
        assert "$" not in formulas.markdown(text), text

    assert set() == used - known
    assert [] == left
    assert len(used) > 60, "otherwise nothing was looked at"


def test_markdown_keeps_code_and_marks():
    """Dollars in code are no formula, a formula's stars and underscores are no emphasis, a link is its words."""
    text = formulas.markdown(
        "**bold** $p^* n_b$, `$a$`, [question 11](11_x.ipynb), [paper](https://a.b)\n\n$$\nx^2\n$$"
    )

    assert r"**bold** p\*n\_b, `$a$`, question 11, [paper](https://a.b)" in text
    assert "\n\n\u2003x²\n\n" in text


def test_plain_words():
    """For one line, as in a report: no marks, formulas in Unicode, products stay."""
    assert "The price: O(d²) memory, not 2*d or a*b." == formulas.plain(
        "**The price**: $O(d^2)$ `memory`, *not* 2*d or a*b."
    )


@given(st.text(alphabet=r"\{}^_abx1+-= frac(|&$", max_size=25))
def test_no_formula_topples_it(tex):
    """Broken TeX gives some line, never an error."""
    assert isinstance(formulas.in_unicode(tex), str)
    assert isinstance(formulas.in_unicode(rf"\frac{tex}\text{tex}\sqrt[{tex}"), str)
