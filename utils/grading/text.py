"""Text from a stranger's code, made fit to be shown."""


def printable(text: str) -> str:
    """Text that any terminal and any file takes: no escape codes, no half characters. Line breaks stay."""
    if text.isprintable():  # most is, and a letter at a time takes a while
        return text
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
