"""The one exception a user is meant to read: a sentence about the input, never a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user gave cannot work. Its text names the value, the place, and what would do.

    `src.run` prints the text alone and leaves with exit status 2.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown `word`: the nearest known one, and then them all."""
    names = sorted(str(name) for name in known)
    close = get_close_matches(word, names, n=1, cutoff=0.5)
    hint, start = (f"did you mean '{close[0]}'? ", "Known") if close else ("", "known")
    return f"{hint}{start}: {', '.join(names) or 'none'}."
