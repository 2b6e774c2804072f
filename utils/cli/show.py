"""Markdown with formulas, as a terminal can show it."""


def markdown(text: str) -> None:
    """Print it by rich: tables, lists, code and emphasis, with formulas in Unicode; plain text where it is piped."""
    from rich.console import Console
    from rich.markdown import Markdown

    from utils.practice import formulas

    console = Console(highlight=False)
    console.print(Markdown(formulas.markdown(text), hyperlinks=False), width=min(console.width, 96))
