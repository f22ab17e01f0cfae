"""Prompts that the judging CLIP has no words for: refused, since any score of them is noise.

The glyph world's tokenizer spells a word that its grammar lacks in bytes, so that everything can be
embedded; but that CLIP has never seen such a spelling beside a picture.
"""

import re
from collections.abc import Sequence

from src.errors import UserError, cut
from src.evaluation.config import PUBLISHED_CLIP
from src.evaluation.features import ClipEncoder

BYTE = re.compile(r"<0x[0-9A-F]{2}>")  # as src/conditioning/glyph_tokenizer.py spells one


def check_words(clip: ClipEncoder, prompts: Sequence[str], key: str = "prompts_file") -> None:
    """Raises UserError with the first word that CLIP would have to spell.

    key: the setting that named the file of the prompts.
    """
    for prompt in prompts:
        encoded = clip.text_tokenizer(prompt, verbose=False)  # only counted, never run
        for place, token in enumerate(encoded.tokens()):
            if BYTE.fullmatch(token):
                span = encoded.word_to_chars(encoded.token_to_word(place))
                raise UserError(
                    f"{key} has the word {cut(prompt[span.start : span.end].strip())!r}, which the "
                    f"CLIP {clip.name} does not know: give evaluation.clip= one that knows your "
                    f"prompts, such as {PUBLISHED_CLIP}."
                )
