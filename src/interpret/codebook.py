"""The codebook from inside: which codes are used, what they look like, which are near each other.

Dimensions: codes, dim (of a code), batch, height, width (in tokens), near (codes a code), side (of
a picture of one token, in pixels).
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.errors import UserError, shown
from src.image_tokenizer.usage import code_counts, perplexity, share_used
from src.image_tokenizer.vqgan import VQGAN

TILES_PER_PASS = 64


class Usage(NamedTuple):
    """How often pictures use each code."""

    counts: Int[Tensor, " codes"]
    perplexity: float  # 1 = one code has it all; codes = all equally often
    share_used: float  # 0..1, of the codes that occur at all
    dead_ids: Int[Tensor, " dead"]  # codes that never occur


class NearestCodes(NamedTuple):
    """The nearest other codes of each code, the nearest first."""

    ids: Int[Tensor, "codes near"]
    distances: Float[Tensor, "codes near"]


class NearMiss(NamedTuple):
    """How far a predicted code is from the true one; a near miss is none to the eye."""

    distance: Float[Tensor, "*where"]  # in the codes' own unit; 0 = the same code, or a duplicate
    num_nearer: Int[Tensor, "*where"]  # codes nearer to the truth than the predicted one; 0 = right


def usage(token_ids: Int[Tensor, "batch height width"], num_codes: int) -> Usage:
    """Count the codes of pictures; raises UserError for ids that are no codes."""
    lowest, highest = (int(end) for end in token_ids.aminmax())
    if lowest < 0 or highest >= num_codes:
        wrong = lowest if lowest < 0 else highest
        raise UserError(f"token_ids holds {wrong}; a code lies in 0..{num_codes - 1}.")
    counts = code_counts(token_ids, num_codes)
    dead_ids = (counts == 0).nonzero()[:, 0]
    return Usage(counts, float(perplexity(counts)), float(share_used(counts)), dead_ids)


def distances_from(
    codebook: Float[Tensor, "codes dim"], ids: Int[Tensor, "rows"], measure: str = "l2"
) -> Float[Tensor, "rows codes"]:
    """From some codes to all: Euclidean, or 1 - cosine (0..2; 1 to a code that is zero).

    Exactly 0 between duplicates, and exactly symmetric.
    """
    if measure not in ("l2", "cosine"):
        raise UserError(f"measure={shown(measure)} is unknown; give 'l2' or 'cosine'.")
    codes = codebook.detach().double()
    if measure == "l2":
        return _apart(codes[ids], codes).float()
    is_zero = (codes == 0).all(dim=1)
    unit = torch.nn.functional.normalize(codes, dim=1, eps=torch.finfo(codes.dtype).tiny)
    cosine = _apart(unit[ids], unit).square() / 2  # |u - v|^2 = 2 - 2 cos, exact at 0
    return cosine.masked_fill(is_zero[ids][:, None] != is_zero, 1.0).float()


def nearest_codes(
    codebook: Float[Tensor, "codes dim"], num_near: Any = 5, measure: str = "l2"
) -> NearestCodes:
    """The nearest other codes of each; a code is never its own neighbour, a duplicate is one.

    Raises UserError for more neighbours than there are other codes.
    """
    num_codes = len(codebook)
    if type(num_near) is not int or not 1 <= num_near < num_codes:
        raise UserError(
            f"num_near={shown(num_near)} is impossible; give a whole number from 1 to "
            f"{num_codes - 1}."
        )
    found = []
    for ids in torch.arange(num_codes, device=codebook.device).split(1024):
        distances = distances_from(codebook, ids, measure)
        distances[torch.arange(len(ids)), ids] = torch.inf
        found.append(distances.topk(num_near, dim=1, largest=False))
    return NearestCodes(
        torch.cat([each.indices for each in found]), torch.cat([each.values for each in found])
    )


def near_miss(
    codebook: Float[Tensor, "codes dim"],
    predicted_ids: Int[Tensor, "*where"],
    true_ids: Int[Tensor, "*where"],
) -> NearMiss:
    """How far predictions are from the truth in code space, by Euclidean distance."""
    predicted, true = predicted_ids.flatten(), true_ids.flatten()
    distances, num_nearer = [], []
    for some, wanted in zip(predicted.split(1024), true.split(1024), strict=True):
        to_all = distances_from(codebook, wanted)  # (rows, codes)
        own = to_all.gather(1, some[:, None])
        distances.append(own[:, 0])
        num_nearer.append((to_all < own).sum(dim=1))
    shape = predicted_ids.shape
    return NearMiss(torch.cat(distances).view(shape), torch.cat(num_nearer).view(shape))


@torch.no_grad()
def code_tiles(vqgan: VQGAN, num_tokens: Any = 5) -> Float[Tensor, "codes 3 side side"]:
    """What each code looks like among its own: the middle of a grid of that code alone, 0..1.

    num_tokens: of the grid's side, odd. The decoder sees beyond one token, and at the rim of a
    picture it sees nothing: the wider the grid, the less of that is in the middle. A grid without
    any contrast is also nothing that a decoder with group norms was trained on: codes that differ
    in pictures may look alike here. See `mean_patches` for how they look there.
    Raises UserError for an even number.
    """
    if type(num_tokens) is not int or num_tokens < 1 or num_tokens % 2 == 0:
        raise UserError(f"num_tokens={shown(num_tokens)} has no middle; give an odd number from 1.")
    side, start = vqgan.downscale, vqgan.downscale * (num_tokens // 2)
    tiles = []
    for ids in torch.arange(vqgan.codebook_size).split(TILES_PER_PASS):
        grid = ids[:, None, None].expand(-1, num_tokens, num_tokens)
        pixels = vqgan.decode(grid.to(vqgan.quantizer.codebook.device)).float().cpu()
        tiles.append(pixels[:, :, start : start + side, start : start + side])
    return torch.cat(tiles)


def mean_patches(
    token_ids: Int[Tensor, "batch height width"],
    pixels: Float[Tensor, "images 3 pixel_height pixel_width"],
    num_codes: int,
) -> Float[Tensor, "codes 3 side side"]:
    """What each code looks like in pictures: the mean of the patches where it stands, 0..1.

    pixels: the pictures decoded. NaN for a code that never occurs.
    Raises UserError where a patch of pixels does not belong to every token.
    """
    batch, height, width = token_ids.shape
    side = pixels.shape[2] // height
    if pixels.shape != (batch, 3, side * height, side * width) or not side:
        raise UserError(
            f"pixels of shape {tuple(pixels.shape)} are no square patches of token_ids of shape "
            f"{tuple(token_ids.shape)}; give those that these tokens decode to."
        )
    patches = pixels.float().unflatten(3, (width, side)).unflatten(2, (height, side))
    patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)  # (tokens, 3, side, side)
    total = torch.zeros(num_codes, 3, side, side).index_add(0, token_ids.flatten(), patches)
    return total / code_counts(token_ids, num_codes)[:, None, None, None]


def _apart(
    some: Float[Tensor, "rows dim"], all_codes: Float[Tensor, "codes dim"]
) -> Float[Tensor, "rows codes"]:
    """Euclidean, by differences: the quick way through products is not 0 between duplicates."""
    return torch.cdist(some, all_codes, compute_mode="donot_use_mm_for_euclid_dist")
