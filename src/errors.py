"""The one exception a user is meant to read: a sentence about the input, never a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user gave cannot work. Its text names the value, the place, and what would do.

    `src.run` prints the text alone and leaves with exit status 2.
    """


LONGEST_SHOWN = 200  # letters of a value in a sentence


def shown(value: object) -> str:
    """A value as it stands in a sentence: as it would be typed, in one line, cut if long."""
    try:
        text = repr(value)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a number of thousands of digits"
    return cut(" ".join(line.strip() for line in text.splitlines()))  # an array has several


def cut(text: str) -> str:
    """A text as it stands in a sentence: its beginning, where it is long."""
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[: LONGEST_SHOWN - 20]}... ({len(text):,} letters)"


def is_encodable(text: str) -> bool:
    """Whether a text is one in UTF-8; bytes that were none come in as half a letter."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown `word`: the nearest known one, and then them all."""
    names = sorted(str(name) for name in known)
    close = get_close_matches(word, names, n=1, cutoff=0.5)
    hint, start = (f"did you mean '{close[0]}'? ", "Known") if close else ("", "known")
    return f"{hint}{start}: {', '.join(names) or 'none'}."
