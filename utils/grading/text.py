"""Text from a stranger's code, made fit to be shown."""

MOST = 2_000  # letters of each text in a verdict: names and messages that an answer makes can be of any length


def printable(text: str) -> str:
    """Text that any terminal and any file takes: no escape codes, no half characters. Line breaks stay."""
    if text.isprintable():  # most is, and a letter at a time takes a while
        return text
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def capped(text: str, most: int = MOST) -> str:
    """Its beginning, where it has more letters than that."""
    return text if len(text) <= most else f"{text[:most]}…"
