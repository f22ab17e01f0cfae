"""Is a picture in the style of others, and which ones are worth learning from?

Dimensions: batch, prompts, style (pictures that show the style), dim (CLIP features), height and
width, numbers (all entries of the Gram matrices).
"""

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
    encoder = vqgan.called_encoder()
    states, found = encoder.stem(pixels), []
    for level in encoder.levels:
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


def text_margins(
    features: Float[np.ndarray, "batch dim"],
    of_prompts: Float[np.ndarray, "prompts dim"],
    own: Int[np.ndarray, " batch"],
) -> Float[np.ndarray, " batch"]:
    """100 x the cosine to a picture's own prompt less that to the likest of the other prompts.

    Text scores of different prompts say as much about the prompts as about the pictures; whether a
    picture is told from the others' prompts does not. With one prompt it is the text score.

    own: which of the prompts is a picture's.
    """
    features, of_prompts = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (features, of_prompts)
    )
    scores = 100 * features @ of_prompts.T  # (batch, prompts)
    rows = np.arange(len(scores))
    found = scores[rows, own]
    if len(of_prompts) == 1:
        return found
    scores[rows, own] = -np.inf
    return found - scores.max(axis=1)


def best(
    text: Float[np.ndarray, " batch"], style: Float[np.ndarray, " batch"], number: int
) -> list[int]:
    """The pictures that are good at both: by the worse of their two ranks, best first.

    A mean of scores would pick copies of the style's picture whatever their prompt, since style
    scores spread more. Ties go to the better text rank, then to the first.
    """
    ranks = np.stack([_ranks(text), _ranks(style)])  # 0 = best
    return np.lexsort((ranks[0], ranks.max(axis=0)))[:number].tolist()


def _ranks(scores: Float[np.ndarray, " batch"]) -> Int[np.ndarray, " batch"]:
    return np.argsort(np.argsort(-scores, kind="stable"))
