"""The words of a prompt, and where in the text encoder's window each of them stands.

A text tokenizer reads pieces: a word may be several, and around the words there are the begin, the
end and the padding, all of which the transformer attends to.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from src.conditioning.text import TextEncoder
from src.errors import UserError, nearest, shown
from src.interpret.checked import check_text


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

    def index(self, word: Any, which: Any = 0) -> int:
        """The place of a word, from 0; `which` of them, where it comes more than once (UserError).

        Upper and lower case are the same.
        """
        check_text("word", word)
        same = [place for place, text in enumerate(self.texts) if text.lower() == word.lower()]
        if not same:
            raise UserError(f"'{word}' is no word of the prompt; {nearest(word, self.texts)}")
        if type(which) is not int or not 0 <= which < len(same):
            raise UserError(
                f"which={shown(which)}: '{word}' comes {len(same)} times, counted from 0."
            )
        return same[which]

    def without(self, group: Any) -> str:
        """The prompt with some words left out, and no blank more than before.

        group: their places. Raises UserError for words that are not there.
        """
        check_groups(self, [group])
        is_kept = [True] * len(self.prompt)
        for word in group:
            start, stop = self.spans[word]
            is_kept[start:stop] = [False] * (stop - start)
        left = "".join(char for char, keep in zip(self.prompt, is_kept, strict=True) if keep)
        return " ".join(left.split())


def words_of(encoder: TextEncoder, prompt: Any) -> Words:
    """Find the words of a prompt, a text; raises UserError where there is none."""
    check_text("prompt", prompt)
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


def check_groups(words: Words, groups: Any) -> None:
    """Refuse what are no groups of places of the prompt's words; raises UserError.

    An empty group is one: all words are said.
    """
    right = "give places of words, from 0, as `Words.index` finds them: [(0,), (1, 2)]"
    if not isinstance(groups, Sequence) or isinstance(groups, str):
        raise UserError(f"groups={shown(groups)} are no groups of words; {right}.")
    for group in groups:
        is_group = isinstance(group, tuple) and all(type(word) is int for word in group)
        if not is_group or len(set(group)) < len(group):
            raise UserError(f"{shown(group)} is no group of words, each once; {right}.")
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
