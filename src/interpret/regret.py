"""Would the model choose a token again? Each one hidden alone in its picture, and guessed.

Also called leave-one-out: the probability of each token given all others. Their sum of logarithms
is the pseudo-log-likelihood (Besag 1975; Salazar et al. 2020, of masked language models). Only a
hidden position is ever read: of a token that it is shown, the model has learned to say nothing.

Dimensions: batch (pictures), height, width (in tokens), top (of the likeliest codes).
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.errors import UserError
from src.interpret.checked import (
    check_canvas,
    check_count,
    check_guidance_scale,
    check_picture,
    check_position,
)
from src.predicting import predict_for
from src.sampler.guidance import guide, needs_unconditional
from src.sampler.opinion import MOST_TOP


class Regret(NamedTuple):
    """Of each token, given all others; 0 where the canvas itself hides the position."""

    log_prob: Float[Tensor, "batch height width"]  # nats, of the token that is there, up to 0
    best_log_prob: Float[Tensor, "batch height width"]  # nats, of the likeliest code
    rank: Int[Tensor, "batch height width"]  # of the token that is there; 1 = the likeliest
    top_ids: Int[Tensor, "batch height width top"]  # the likeliest codes, the likeliest first
    top_log_probs: Float[Tensor, "batch height width top"]  # nats
    is_asked: Bool[Tensor, "batch height width"]  # False where the canvas hides the position

    @property
    def regret(self) -> Float[Tensor, "batch height width"]:
        """Nats, log p(best) - log p(token): 0 where the model would choose it again."""
        return self.best_log_prob - self.log_prob

    @property
    def pseudo_log_likelihood(self) -> Float[Tensor, "batch"]:
        """Nats, the sum of log p over the tokens; compare pictures of equally many tokens."""
        return self.log_prob.double().sum(dim=(1, 2)).float()

    def worst(self, picture: Any = 0, num_worst: Any = 10) -> list[tuple[int, int]]:
        """The (row, column) of the tokens that the model regrets most, the worst first.

        Fewer than num_worst where it would choose all others again.
        Raises UserError for a picture that is not there, and for no number of tokens.
        """
        check_picture(picture, len(self.rank))
        check_count("num_worst", num_worst, least=0)
        regret = self.regret[picture]
        order = regret.flatten().argsort(descending=True, stable=True)
        count = min(num_worst, int((regret > 0).sum()))
        return [divmod(place, regret.shape[1]) for place in order[:count].tolist()]


@torch.no_grad()
def leave_one_out(
    amused: Amused,
    token_ids: Int[Tensor, "batch height width"],
    rows: Rows,
    guidance_scale: Any = 1.0,
    num_top: Any = 5,
    canvases_per_pass: Any = 16,
) -> Regret:
    """Hide each visible token alone, ask the model, and read that position: a pass a token.

    token_ids: pictures, drawn or encoded; a canvas in the middle of a decoding has mask_token_id
        where it hides, and is asked about the rest.
    rows: what the model is told of each; of a recipe, `ask_again.rows_of(amused, recipe)`.
    guidance_scale: 1 = the distribution with the prompt, which training knows; aMUSEd draws from a
        guided one. Others than 1 cost twice the time.
    num_top: how many of the likeliest codes to keep, at most the codebook.
    canvases_per_pass: how many go through the model together; it changes no result but its last
        bits.
    Raises UserError for numbers and ids that cannot be, and for other pictures than rows.
    """
    codes, mask_token_id = amused.transformer.config.codebook_size, amused.transformer.mask_token_id
    check_count("num_top", num_top, min(codes, MOST_TOP))
    check_count("canvases_per_pass", canvases_per_pass)
    check_guidance_scale(guidance_scale)
    check_canvas(amused, token_ids)
    if rows.num_pictures != len(token_ids):
        raise UserError(
            f"rows tells of {rows.num_pictures} pictures and token_ids has {len(token_ids)}; give "
            "one row a picture."
        )
    token_ids = token_ids.to(amused.device)
    is_asked = token_ids != mask_token_id
    logs = torch.zeros(2, *token_ids.shape)  # of the token, of the best
    rank = torch.zeros(token_ids.shape, dtype=torch.int64)
    top_ids = torch.zeros((*token_ids.shape, num_top), dtype=torch.int64)
    top_log_probs = torch.zeros(top_ids.shape)
    for places in is_asked.nonzero().split(canvases_per_pass):
        at = tuple(places.cpu().T)
        log_probs = _alone(amused, token_ids, places, rows, guidance_scale)  # (places, codes)
        own = log_probs.gather(1, token_ids[at].cpu()[:, None])
        best = log_probs.topk(num_top, dim=1)
        logs[0][at], logs[1][at] = own[:, 0], best.values[:, 0]
        rank[at] = (log_probs > own).sum(dim=1) + 1
        top_ids[at], top_log_probs[at] = best.indices, best.values
    return Regret(logs[0], logs[1], rank, top_ids, top_log_probs, is_asked.cpu())


def with_alternatives(
    token_ids: Int[Tensor, "height width"], regret: Regret, picture: int, position: tuple[int, int]
) -> Int[Tensor, "top height width"]:
    """The picture with the token at (row, column) replaced by each of its likeliest codes.

    Raises UserError for a picture or a position that is not there.
    """
    check_picture(picture, len(regret.rank))
    check_position("regret", position, tuple(regret.rank.shape[1:]))
    row, column = position
    codes = regret.top_ids[picture, row, column]  # (top,)
    changed = token_ids.cpu().expand(len(codes), -1, -1).clone()
    changed[:, row, column] = codes
    return changed


def _alone(
    amused: Amused,
    token_ids: Int[Tensor, "batch height width"],
    places: Int[Tensor, "places 3"],
    rows: Rows,
    guidance_scale: float,
) -> Float[Tensor, "places codes"]:
    """Log-probabilities at each place (picture, row, column), hidden alone in its picture."""
    picture, row, column = places.T
    index = torch.arange(len(places), device=places.device)
    canvas = token_ids[picture].clone()
    canvas[index, row, column] = amused.transformer.mask_token_id
    predict = predict_for(amused.transformer, rows.pick(picture.tolist()))
    is_masked = canvas == amused.transformer.mask_token_id
    logits = predict(canvas, is_masked, needs_unconditional(guidance_scale))
    guided = guide(logits, guidance_scale, torch.float32)
    at_place = guided[index, row * token_ids.shape[2] + column]  # (places, codes)
    return at_place.float().log_softmax(dim=1).cpu()
