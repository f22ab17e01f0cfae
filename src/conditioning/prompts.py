"""From what the user asked for to one row of text a picture.

Pictures of one prompt stand together (p1 p1 p2 p2), where upstream's order is p1 p2 p1 p2.
Dimensions: batch (pictures).
"""

from collections.abc import Sequence
from typing import Any

from src.conditioning.text import EMPTY_PROMPT, Text, TextEncoder
from src.errors import UserError, is_encodable, shown

MOST_EACH = 10**6  # as the command's

# str, a sequence of them, or Text: what users hand in, looked at here and not by annotation
Prompts = Any


def checked_prompts(prompts: Prompts, name: str = "prompts") -> list[str]:
    """The prompts as a list; a single text counts as one. Raises UserError if they are not text."""
    listed = [prompts] if isinstance(prompts, str) else prompts
    if not isinstance(listed, Sequence):
        raise UserError(f"{name} is {shown(prompts)}: give a text or a list of texts")
    if len(listed) == 0:
        raise UserError(f"{name} is empty: give at least one text")
    for place, prompt in enumerate(listed, start=1):
        if not isinstance(prompt, str):
            raise UserError(f"number {place} of {name} is {shown(prompt)}, which is not text")
        if not is_encodable(prompt):
            raise UserError(
                f"number {place} of {name} is {shown(prompt)}, which is not text in UTF-8"
            )
    return list(listed)


def prompt_rows(encoder: TextEncoder, prompts: Prompts) -> Text:
    """One row a prompt; prompts that are encoded already pass through, onto the right device."""
    if isinstance(prompts, Text):
        if len(prompts.pooled_text) == 0:
            raise UserError("prompts holds no row of text: encode at least one prompt")
        return prompts.to(encoder.device, encoder.dtype)
    return encoder.encode(checked_prompts(prompts))


def negative_rows(encoder: TextEncoder, negatives: Prompts, num_prompts: int) -> Text:
    """One row a prompt for the other side of guidance: the empty prompt unless something is given.

    One negative prompt serves all; otherwise there must be as many as prompts (UserError).
    """
    if negatives is None:
        text = encoder.encode([EMPTY_PROMPT])
    elif isinstance(negatives, Text):
        text = prompt_rows(encoder, negatives)
    else:
        text = encoder.encode(checked_prompts(negatives, "negative_prompts"))
    num_negatives = len(text.pooled_text)
    if num_negatives not in (1, num_prompts):
        raise UserError(
            f"there are {num_negatives} negative prompts for {num_prompts} prompts: "
            "give one for all, or one each"
        )
    return text.rows([0] * num_prompts) if num_negatives == 1 else text


def picture_order(num_prompts: int, num_each: Any) -> list[int]:
    """The prompt of every picture, pictures of one prompt side by side; `num_each` a prompt."""
    check_each(num_each)
    return [prompt for prompt in range(num_prompts) for _ in range(num_each)]


def check_each(num_each: Any) -> None:
    """Refuse a number of pictures a prompt that is none; raises UserError."""
    if type(num_each) is not int or not 1 <= num_each <= MOST_EACH:
        raise UserError(
            f"num_images_per_prompt is {shown(num_each)}: it must be a whole number from 1 to "
            f"{MOST_EACH:,}"
        )
