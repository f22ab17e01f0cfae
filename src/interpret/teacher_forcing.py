"""Real pictures with some tokens hidden, and what a model says stood there.

What it is shown is the truth (teacher forcing), not, as in a decoding, what it drew before: so each
answer can be held against what was there. Only hidden positions are asked about; of tokens that it
sees, the model has learned to say nothing.

Dimensions: batch (pictures), height, width (in tokens), hidden (positions of all pictures, picture
by picture and row by row), codes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from src.amused import Amused
from src.conditioning.rows import Rows, rows_for
from src.errors import UserError
from src.interpret.checked import check_grid, check_guidance_scale, check_share
from src.masking.corrupt import MaskedTokens, corrupt
from src.masking.draw import MASK, Corruption
from src.memory import check_free
from src.predicting import predict_for
from src.sampler.guidance import guide, needs_unconditional

AT_ONCE = 50  # pictures in one pass


class Answers(NamedTuple):
    """What a model says at hidden positions, and what was there; on the CPU."""

    log_probs: Float[Tensor, "hidden codes"]  # nats, float32, each row normalised
    true_ids: Int[Tensor, "hidden"]
    pictures: Int[Tensor, "hidden"]  # which picture of the batch a position belongs to

    def of_pictures(self, chosen: Int[Tensor, "chosen"]) -> "Answers":
        """The positions of some pictures, whose numbers stay as they are."""
        is_chosen = torch.isin(self.pictures, chosen)
        return Answers(*(field[is_chosen] for field in self))

    @property
    def log_likelihood(self) -> Float[Tensor, "hidden"]:
        """Nats, up to 0: the log-probability of what was there."""
        return self.log_probs.gather(1, self.true_ids[:, None])[:, 0]


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several askings about the same pictures, one below the other."""
    return Answers(*(torch.cat(field) for field in zip(*parts, strict=True)))


def hide_share(
    token_ids: Int[Tensor, "batch height width"],
    mask_ratio: Any,
    mask_token_id: int,
    generator: Generator,
) -> MaskedTokens:
    """Hide the same share of every picture, at places drawn for each; at least one token.

    mask_ratio: above 0 and up to 1; UserError otherwise. From one state of the generator a larger
    share hides what a smaller one hides, and more.
    """
    check_share("mask_ratio", mask_ratio)
    check_grid("token_ids", token_ids)
    batch, height, width = token_ids.shape
    num_masked = max(1, round(mask_ratio * height * width))
    draws = torch.rand(batch, height * width, generator=generator, device=generator.device)
    is_masked = (draws.argsort(dim=1).argsort(dim=1) < num_masked).view(batch, height, width)
    return corrupt(
        token_ids, Corruption(is_masked, torch.full_like(token_ids, MASK).cpu()), mask_token_id
    )


def told(amused: Amused, captions: Sequence[str], micro_cond: Any) -> Rows:
    """What the model is told of pictures: a caption and a MicroCond each; UserError otherwise.

    Guidance, where there is any, pushes away from the empty prompt under the same MicroCond.
    """
    return rows_for(amused.text_encoder, list(captions), None, micro_cond, micro_cond, 1)


@torch.no_grad()
def ask(amused: Amused, hidden: MaskedTokens, rows: Rows, guidance_scale: Any = 1.0) -> Answers:
    """What the model says at the hidden positions; guidance 1 = off, as `sampler.guidance` has it.

    Raises UserError unless there is a row for every picture and something hidden, for an impossible
    scale, or if the answers' memory is missing.
    """
    check_guidance_scale(guidance_scale)
    if not hidden.is_masked.any():
        raise UserError("no token is hidden, so there is nothing to ask about; hide some.")
    if len(hidden.token_ids) != rows.num_pictures:
        raise UserError(
            f"{rows.num_pictures} captions are told of {len(hidden.token_ids)} pictures: give one "
            "a picture."
        )
    num_codes, num_hidden = amused.transformer.config.codebook_size, int(hidden.is_masked.sum())
    what = f"the answers at {num_hidden:,} hidden tokens"
    check_free(2 * 4 * num_hidden * num_codes, "cpu", what, "ask about fewer pictures at a time")
    found = []
    for numbers in torch.arange(rows.num_pictures).split(AT_ONCE):
        predict = predict_for(amused.transformer, rows.pick(numbers.tolist()))
        shown_ids = hidden.token_ids[numbers].to(amused.device)
        is_masked = hidden.is_masked[numbers].to(amused.device)
        logits = predict(shown_ids, is_masked, needs_unconditional(guidance_scale))
        guided = guide(logits, guidance_scale)[is_masked.flatten(1)].float()
        found.append(guided.log_softmax(dim=-1).cpu())
    is_masked = hidden.is_masked.cpu()
    return Answers(torch.cat(found), hidden.targets.cpu()[is_masked], is_masked.nonzero()[:, 0])


def mean_of_pictures(
    values: Float[Tensor, "hidden"], pictures: Int[Tensor, "hidden"], num_pictures: int
) -> Float[Tensor, "num_pictures"]:
    """The mean of each picture's positions, in double precision; NaN for a picture with none."""
    sums = torch.zeros(num_pictures, dtype=torch.float64).index_add(0, pictures, values.double())
    return sums / torch.bincount(pictures, minlength=num_pictures)
