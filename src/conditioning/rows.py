"""All that the transformer is told besides the tokens, a row a picture.

Dimensions: batch (pictures).
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from src.conditioning.micro import micro_cond_rows
from src.conditioning.prompts import Prompts, check_each, negative_rows, picture_order, prompt_rows
from src.conditioning.regions import Regions
from src.conditioning.text import Text, TextEncoder, stack_texts
from src.memory import check_free


class Rows(NamedTuple):
    """The condition of every picture, and what guidance compares it with."""

    text: Text
    negative: Text
    micro_cond: Float[Tensor, "batch 5"]
    negative_micro_cond: Float[Tensor, "batch 5"]
    regions: Regions | None = None  # prompts that hold in places, instead of `text`

    @property
    def num_pictures(self) -> int:
        return len(self.micro_cond)

    def pick(self, pictures: list[int]) -> "Rows":
        """The rows of some pictures."""
        text, negative = self.text.rows(pictures), self.negative.rows(pictures)
        micros = self.micro_cond[pictures], self.negative_micro_cond[pictures]
        return Rows(text, negative, *micros, self.regions and self.regions.pick(pictures))

    def with_negatives_first(self) -> tuple[Text, Float[Tensor, "rows 5"]]:
        """Twice as many rows for one pass of both sides of guidance, upstream's half first."""
        text = stack_texts([self.negative, self.text])
        return text, torch.cat([self.negative_micro_cond, self.micro_cond])


def rows_for(
    encoder: TextEncoder,
    prompts: Prompts,
    negative_prompts: Prompts,
    micro_cond: Any,
    negative_micro_cond: Any,
    num_images_per_prompt: Any,
) -> Rows:
    """Encode what the user asked for; pictures of one prompt stand together.

    Raises UserError for prompts that are not text, counts that do not match and micro-conditions
    without names.
    """
    text = prompt_rows(encoder, prompts)
    num_prompts = len(text.pooled_text)
    check_each(num_images_per_prompt)
    each = sum(part[0].numel() * part.element_size() for part in text)
    num_pictures, device = num_prompts * num_images_per_prompt, str(encoder.device)
    needed = 2 * num_pictures * each  # prompts and negative prompts
    check_free(needed, device, f"the texts of {num_pictures:,} pictures", "draw fewer at a time")
    order = picture_order(num_prompts, num_images_per_prompt)
    negative = negative_rows(encoder, negative_prompts, num_prompts)
    micros = (
        micro_cond_rows(each, num_prompts).to(encoder.device)
        for each in (micro_cond, negative_micro_cond)
    )
    return Rows(text, negative, *micros).pick(order)
