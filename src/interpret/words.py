"""The words of a prompt, and where in the text encoder's window each of them stands.

A text tokenizer reads pieces: a word may be several, and around the words there are the begin, the
end and the padding, all of which the transformer attends to.
"""

from typing import NamedTuple

from src.conditioning.text import TextEncoder
from src.errors import UserError, nearest


class Words(NamedTuple):
    """The words that the text encoder reads; what did not fit into its window is not among them.

    Position 0 of the window is the begin of the text.
    """

    prompt: str
    texts: tuple[str, ...]  # as the prompt spells them; punctuation stands alone
    spans: tuple[tuple[int, int], ...]  # of each, the first character and the one after the last
    pieces: tuple[tuple[int, ...], ...]  # of each, its positions in the window
    end: int  # the position of the end of the text; behind it, all is padding
    window: int

    def __len__(self) -> int:
        return len(self.texts)

    def index(self, word: str, which: int = 0) -> int:
        """The place of a word, from 0; `which` of them, where it comes more than once (UserError).

        Upper and lower case are the same.
        """
        same = [place for place, text in enumerate(self.texts) if text.lower() == word.lower()]
        if not same:
            raise UserError(f"'{word}' is no word of the prompt; {nearest(word, self.texts)}")
        if not 0 <= which < len(same):
            raise UserError(f"which={which}: '{word}' comes {len(same)} times, counted from 0.")
        return same[which]

    def without(self, group: tuple[int, ...]) -> str:
        """The prompt with some words left out, and no blank more than before."""
        is_kept = [True] * len(self.prompt)
        for word in group:
            start, stop = self.spans[word]
            is_kept[start:stop] = [False] * (stop - start)
        left = "".join(char for char, keep in zip(self.prompt, is_kept, strict=True) if keep)
        return " ".join(left.split())


def words_of(encoder: TextEncoder, prompt: str) -> Words:
    """Find the words of a prompt; raises UserError where there is none."""
    read = encoder.tokenizer(
        prompt, truncation=True, max_length=encoder.window, return_offsets_mapping=True
    )
    found: dict[int, list[int]] = {}  # positions by the tokenizer's own number of the word
    for position, word in enumerate(read.word_ids()):
        if word is not None:
            found.setdefault(word, []).append(position)
    if not found:
        raise UserError(f"the prompt '{prompt}' has no words; give one with some.")
    spans = [_span(prompt, [read["offset_mapping"][at] for at in each]) for each in found.values()]
    return Words(
        prompt=prompt,
        texts=tuple(prompt[start:stop] for start, stop in spans),
        spans=tuple(spans),
        pieces=tuple(tuple(each) for each in found.values()),
        end=len(read["input_ids"]) - 1,
        window=encoder.window,
    )


def check_groups(words: Words, groups: list[tuple[int, ...]]) -> None:
    """Refuse groups of words that the prompt has not; raises UserError."""
    for group in groups:
        for word in group:
            if not 0 <= word < len(words):
                raise UserError(
                    f"word {word} is not there: the prompt has {len(words)} words, from 0."
                )


def _span(prompt: str, offsets: list[tuple[int, int]]) -> tuple[int, int]:
    """The characters of a word; a tokenizer may count the blank before it in."""
    start, stop = min(each[0] for each in offsets), max(each[1] for each in offsets)
    inside = prompt[start:stop]
    start += len(inside) - len(inside.lstrip())
    return start, start + len(inside.strip())
