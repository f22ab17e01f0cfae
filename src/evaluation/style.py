"""Is a picture in the style of others, and which ones are worth learning from?

Dimensions: batch, style (pictures that show the style), dim (CLIP features), height, width, numbers
(all entries of the Gram matrices).
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from src.image_tokenizer.vqgan import VQGAN


def style_scores(
    features: Float[np.ndarray, "batch dim"], of_style: Float[np.ndarray, "style dim"]
) -> Float[np.ndarray, " batch"]:
    """100 x the mean cosine to the style's pictures (CLIP; Sohn et al. 2023, section 4.1)."""
    features, of_style = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (features, of_style)
    )
    return 100 * (features @ of_style.T).mean(axis=1)


@torch.no_grad()
def gram_matrices(
    vqgan: VQGAN, pixels: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, "batch numbers"]:
    """Which features of the image tokenizer's encoder stand together, wherever they stand.

    Gatys et al. 2016 (equation 3) with the levels of this encoder for VGG's layers: means over all
    places of products of channels, each level's matrix brought to length 1.
    """
    states, found = vqgan.encoder.stem(pixels), []
    for level in vqgan.encoder.levels:
        states = level(states)
        flat = states.flatten(2)  # (batch, channels, places)
        gram = flat @ flat.mT / flat.shape[-1]
        found.append(normalize(gram.flatten(1), dim=1))
    return torch.cat(found, dim=1)


def gram_distances(
    grams: Float[Tensor, "batch numbers"], of_style: Float[Tensor, "style numbers"]
) -> Float[np.ndarray, " batch"]:
    """Distance to the style's nearest picture; 0 = the same colours and textures."""
    return torch.cdist(grams, of_style).amin(dim=1).double().cpu().numpy()


def best(
    text: Float[np.ndarray, " batch"],
    style: Float[np.ndarray, " batch"],
    prompts: Sequence[str],
    number: int,
) -> list[int]:
    """The pictures that are good at both, each prompt's best before any prompt's second.

    Of one prompt, they go by the worse of their two ranks. A mean of scores would pick copies of
    the style's picture, since style scores spread more; and scores of different prompts say more
    about the prompts than about the pictures. Ties go to the better text rank, then to the first.
    """
    turns = []
    for prompt in dict.fromkeys(prompts):
        own = np.array([index for index, each in enumerate(prompts) if each == prompt])
        ranks = np.stack([_ranks(text[own]), _ranks(style[own])])  # 0 = best
        order = np.lexsort((ranks[0], ranks.max(axis=0)))
        turns += [(turn, len(turns), index) for turn, index in enumerate(own[order].tolist())]
    return [index for *_, index in sorted(turns)[:number]]


def _ranks(scores: Float[np.ndarray, " batch"]) -> Int[np.ndarray, " batch"]:
    return np.argsort(np.argsort(-scores, kind="stable"))
