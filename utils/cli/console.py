"""What the command line prints, where an encoding lacks the course's signs, as a pipe's on Windows does (cp1252)."""

import codecs
import json
import sys

import click

_PLAIN = {
    "●": "*", "◐": "+", "○": "o", "✓": "+", "✗": "x", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~",
    "−": "-", "–": "-", "—": "-", "·": "-", "…": "...", "×": "x", "√": "sqrt", "“": '"', "”": '"', "‘": "'", "’": "'",
    "█": "#", "▇": "#", "░": ".", "■": "#", "□": ".",
}  # fmt: skip


def fit() -> None:
    """No sign and no learner's name ends a run: those that cannot be printed come as plain ones, or as \\u2207."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="course")


def _plain(error: UnicodeError) -> tuple[str, int]:
    text = error.object[error.start : error.end]
    shown = "".join(_PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in text)
    return shown, error.end


codecs.register_error("course", _plain)


def echo_json(value: object) -> None:
    """Print JSON that a program reads right, whatever encoding the pipe to it has."""
    whole = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(value, ensure_ascii=not whole, indent=1))
