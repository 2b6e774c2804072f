r"""Formulas for a terminal: `\frac{x_i - \mu}{\sqrt{v}}` becomes (xᵢ−μ)/√v, with brackets wherever a line needs them.

The libraries that do this drop what a line needs: pylatexenc 2.11 turns \frac4{3L+a} into 4/3L+a and \tfrac12 into 12,
unicodeit 0.7.5 leaves fractions and roots as they are.
"""

import re

# fmt: off
SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
    "infty": "∞", "partial": "∂", "nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫", "top": "⊤", "ast": "*",
    "star": "⋆", "dots": "…", "ldots": "…",
    "cdots": "…", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "lvert": "|", "rvert": "|", "vert": "|",
    "langle": "⟨", "rangle": "⟩", "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋", "{": "{", "}": "}",
    "_": "_", "%": "%", "&": "&", "#": "#", "$": "$", ",": " ", ";": " ", ":": " ", " ": " ",
    "quad": "  ", "qquad": "  ", "!": "", "prime": "′", "circ": "∘", "emptyset": "∅", "forall": "∀",
    "exists": "∃", "lt": "<", "gt": ">",
}
RELATIONS = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "sim": "∼", "equiv": "≡",
    "propto": "∝", "leftarrow": "←", "gets": "←", "to": "→", "rightarrow": "→", "mapsto": "↦",
    "Rightarrow": "⇒", "in": "∈", "notin": "∉", "subset": "⊂", "mid": "|", "ll": "≪",
    "gg": "≫", "iff": "⇔", "implies": "⇒",
}
OPERATORS = {"times": "×", "cdot": "·", "odot": "⊙", "pm": "±", "mp": "∓", "cup": "∪", "cap": "∩", "oplus": "⊕"}
NAMES = {
    "log", "ln", "exp", "min", "max", "sin", "cos", "tan", "tanh", "sinh", "cosh", "arg", "argmin", "argmax",
    "det", "dim", "lim", "sup", "inf", "Pr"
}
ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304", "tilde": "\u0303", "dot":
    "\u0307", "vec": "\u20d7"
}
FONTS = {"mathrm", "mathsf", "mathbf", "mathit", "mathcal", "mathbb", "boldsymbol", "operatorname"}
WORDS = {"text", "textbf", "textit", "textrm"}
SIZES = {
    "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "Bigg", "biggl", "biggr",
    "displaystyle", "limits", "nolimits"
}
MATRICES = {"pmatrix": "()", "bmatrix": "[]", "vmatrix": "||", "cases": ("{", "")}
FRACTIONS = {"frac", "tfrac", "dfrac"}
BLACKBOARD = {"E": "𝔼", "R": "ℝ", "N": "ℕ", "Z": "ℤ", "P": "ℙ", "C": "ℂ"}
VULGAR = {("1", "2"): "½", ("1", "3"): "⅓", ("2", "3"): "⅔", ("1", "4"): "¼", ("3", "4"): "¾", ("1", "8"): "⅛"}
RAISED = dict(zip("0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθ⊤*′",
                  "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵀ*′", strict=True))
LOWERED = dict(zip("0123456789+−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
# fmt: on

_MARKED = re.compile(r"(```.*?```|`[^`\n]*`)|\$\$(.+?)\$\$|\$([^$]+?)\$", re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)\s]*\)")
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)
_SCRIPTS = "".join({*RAISED.values(), *LOWERED.values()} - set("*′"))
_ATOM = re.compile(
    rf"[∂d√]?(?:[^\W\d_][\u0300-\u036f\u20d7]?[{_SCRIPTS}′]*(?:_[A-Za-z]+)?|\d+(?:[.,]\d+)?[{_SCRIPTS}]*|[½⅓⅔¼¾⅛∞])"
)
_FACTOR = re.compile(
    r"[\w(\[|]|\\(?!le|ge|ne|approx|cdot|times|pm|to\b|r[A-Z]|r[acf]|mid|in\b|end|[}\\])"
)  # what a fraction is multiplied by
_SPACES = {r"\,", r"\;", r"\:", r"\ ", r"\!", "~"}
_UNARY = "\ue000"  # a minus that no operand stands before, until the end
_RELATION = re.compile(rf"(?<![_^ ]) *([=<>{''.join(set(RELATIONS.values()) - {'|'})}]) *")
_BINARY = re.compile(r"(?<=[^\s(\[{=<>≤≥≈≠∼←→∈+−±×·|,^_/])([+−±])(?=\S)")


def in_unicode(formula: str) -> str:
    """A formula of TeX as one line of Unicode; what it does not know stays as its name."""
    text = Reader(formula).row()
    text = _BINARY.sub(r" \1 ", _RELATION.sub(r" \1 ", text)).replace(_UNARY, "−")
    return re.sub(r" +", " ", text).strip()


def markdown(text: str) -> str:
    """Markdown with its formulas in Unicode; links within the course become their words."""

    def spoken(match: re.Match) -> str:
        code, display, inline = match.groups()
        if code:
            return code
        escaped = re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", in_unicode(display or inline))
        return f"\n\n\u2003{escaped}\n\n" if display else escaped

    return _LINK.sub(r"\1", _MARKED.sub(spoken, text))


def plain(text: str) -> str:
    """A line of Markdown as words: formulas in Unicode, no marks."""
    text = _MARKED.sub(lambda match: match[1] or in_unicode(match[2] or match[3]), text)
    return re.sub(
        r"\*\*(.+?)\*\*|(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])", r"\1\2", _LINK.sub(r"\1", text)
    ).replace("`", "")


class Reader:
    """Reads a formula token by token."""

    def __init__(self, formula: str) -> None:
        self.tokens = [token for token in _TOKEN.findall(formula) if token[1:] not in SIZES]
        self.place = 0

    def peek(self) -> str:
        """The next token that is no white space; "" at the end."""
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def row(self, until: str = "") -> str:
        """Everything up to a closing brace, or to the end."""
        text = ""
        while (token := self.peek()) and token != until:
            before = " " if token[1:] in NAMES and re.search(r"[\w)\]|‖]$", text) else ""
            text += before + self.atom()
        self.take()
        return text

    def argument(self) -> str:
        """A group's content, or one token."""
        if self.peek() != "{":
            return self.atom()
        self.take()
        return self.row("}")

    def atom(self) -> str:
        """The next token with what belongs to it."""
        token = self.take()
        if token == "{":
            return self.row("}").replace("−", _UNARY)
        if token in ("^", "_"):
            return _script(token, self.argument())
        if token.startswith("\\"):
            return self.command(token[1:])
        return {"-": "−", "'": "′", "~": " ", "&": " "}.get(token, token)

    def command(self, name: str) -> str:
        if name in FRACTIONS:
            text = self.fraction()
            return f"({text})" if "/" in text and self._is_factor() else text
        if name in ACCENTS:
            text = self.argument()
            return text[:1] + ACCENTS[name] + text[1:]
        if name in FONTS:
            text = self.argument()
            return BLACKBOARD.get(text, text) if name == "mathbb" else text
        if name in NAMES:
            return self.function(name)
        if name in ("begin", "end"):
            return MATRICES.get(self.argument(), ("", ""))[name == "end"]
        return {"sqrt": self.root, "\\": lambda: "; "}[name]() if name in ("sqrt", "\\") else self.symbol(name)

    def symbol(self, name: str) -> str:
        if name in WORDS:
            return self.words()
        return f" {RELATIONS[name]} " if name in RELATIONS else OPERATORS.get(name) or SYMBOLS.get(name, name)

    def words(self) -> str:
        """The content of a group as it was typed, spaces and hyphens too."""
        if self.peek() != "{":
            return self.atom()
        self.take()
        rest = self.tokens[self.place :]
        end = self.place + (rest.index("}") if "}" in rest else len(rest))
        text, self.place = "".join(self.tokens[self.place : end]), end + 1
        return text.replace("\\_", "_")

    def function(self, name: str) -> str:
        if self.peek()[1:] in FRACTIONS:
            self.take()
            return f"{name}({self.fraction()})"
        return name + (" " if re.match(r"[^\W_]|\\(?![,;:]|cdot|le|ge|approx)|∂", self.peek()) else "")

    def fraction(self) -> str:
        above, below = self.argument(), self.argument()
        if (above, below) in VULGAR:
            return VULGAR[above, below]
        above = f"({above})" if re.search(r"[+−=±≤≥≈ ]", _outside(above)) else above
        return f"{above}/{below if _ATOM.fullmatch(below) else f'({below})'}"

    def _is_factor(self) -> bool:
        """Does something follow that is multiplied?"""
        rest = (token for token in self.tokens[self.place :] if not token.isspace() and token not in _SPACES)
        return bool(_FACTOR.match(next(rest, "")))

    def root(self) -> str:
        degree = ""
        if self.peek() == "[":
            self.take()
            degree = self.row("]")
        text = self.argument()
        sign = {"": "√", "3": "∛", "4": "∜"}.get(degree, f"{_script('^', degree)}√")
        return sign + (text if _ATOM.fullmatch(text) and not set(text) & set(RAISED.values()) else f"({text})")


def _outside(text: str) -> str:
    """What is left of a text without its brackets' contents, and without a sign in front."""
    while (less := re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\|[^|]*\||‖[^‖]*‖", "", text)) != text:
        text = less
    return text.lstrip("−")


def _script(kind: str, text: str) -> str:
    letters, text = (RAISED, text.replace(" ", "")) if kind == "^" else (LOWERED, text.replace(" ", ""))
    if all(letter in letters for letter in text):
        return "".join(letters[letter] for letter in text)
    plain = _ATOM.fullmatch(text) or len(text) == 1 or (kind == "_" and text.isascii() and text.isalpha())
    return f"{kind}{text}" if plain else f"{kind}({text})"
