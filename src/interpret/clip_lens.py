"""When does the text encoder know what is meant? Pictures from every depth of CLIP.

The transformer hears the states of the last layer but one, and one pooled vector. Here it hears
states of another depth in their place, as the diffusion lens does (Toker et al. 2024, arXiv
2403.05846); aMUSEd reads them without a final norm, so none is put on. The pooled vector is kept,
or made from that depth too: its states pass through the tower's own final norm and projection.

Dimensions: depths (of CLIP; 0 = the embedded words, k = after k layers), parts (of `PARTS`),
height, width (in tokens), words, dim.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.text import Text
from src.errors import UserError, shown
from src.interpret.capture import replaced

PARTS = ("states", "pooled", "both")  # what is taken from the depth; the rest is as ever


class ClipLens(NamedTuple):
    """One prompt, one seed, and a picture for every part and depth."""

    prompt: str
    depths: tuple[int, ...]
    token_ids: Int[Tensor, "parts depths height width"]  # the finished pictures
    ordinary: Int[Tensor, "height width"]  # the picture as it is drawn without a lens

    @property
    def changed(self) -> Float[Tensor, "parts depths"]:
        """Share of tokens that are not the ordinary picture's, 0..1."""
        return (self.token_ids != self.ordinary).float().mean(dim=(2, 3))


def num_depths(amused: Amused) -> int:
    """How many there are: the embedded words, and what each layer leaves."""
    return len(amused.text_encoder.clip.text_model.encoder.layers) + 1


@torch.no_grad()
def text_at(amused: Amused, prompt: str, depth: int, part: str) -> Text:
    """What the transformer hears of a prompt, its `part` taken from a depth of CLIP.

    Of the last depth but one, "states" are what it always hears; of the last, "pooled" is.
    Raises UserError for a depth that is not there and for another part than PARTS.
    """
    last = num_depths(amused) - 1
    if type(depth) is not int or not 0 <= depth <= last:
        raise UserError(f"depth={shown(depth)} is not there; this text encoder has 0 to {last}.")
    if part not in PARTS:
        raise UserError(f"part={shown(part)} is unknown; give one of {', '.join(PARTS)}.")
    encoder = amused.text_encoder
    prompt_ids = encoder.prompt_ids([prompt])
    ordinary = encoder(prompt_ids)
    every = encoder.clip(prompt_ids.to(encoder.device), output_hidden_states=True).hidden_states
    states = every[depth]  # (1, words, dim)
    with replaced(amused, {f"text_encoder.layers.{last - 1}": lambda held, call: states}):
        pooled = encoder(prompt_ids).pooled_text
    return Text(
        states if part != "pooled" else ordinary.text_states,
        pooled if part != "states" else ordinary.pooled_text,
    )


def clip_lens(
    amused: Amused,
    prompt: str,
    seed: int,
    depths: Iterable[int] | None = None,
    **drawing: Any,
) -> ClipLens:
    """Draw the prompt from every depth and part, on the same noise.

    depths: None = all of them. The negative prompt is heard as ever.
    drawing: more for `Amused.generate`, such as num_steps.
    Raises UserError as `text_at` and `Amused.generate`.
    """
    chosen = tuple(range(num_depths(amused)) if depths is None else depths)
    if not chosen:
        raise UserError("there is no depth to look at; give one or more, or None for all.")
    texts = [[text_at(amused, prompt, depth, part) for depth in chosen] for part in PARTS]
    settings = {"seeds": [seed], "record": False, **drawing}

    def drawn(told: str | Text) -> Int[Tensor, "height width"]:
        return amused.generate(told, **settings).token_ids[0].cpu()

    pictures = torch.stack([torch.stack([drawn(text) for text in row]) for row in texts])
    return ClipLens(prompt, chosen, pictures, drawn(prompt))
