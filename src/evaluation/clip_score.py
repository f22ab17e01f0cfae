"""CLIP score, computed by torchmetrics with a local CLIP: does the picture fit its caption?

Dimensions: batch, dim. The score is 100 times the cosine between a picture's and its caption's
features, averaged, and cut off at 0 after the average (Hessel et al. 2021, without their factor).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from src.errors import UserError
from src.evaluation.features import ClipEncoder
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.measurement import Measurement, seen_by
from src.evaluation.pixels import Pictures, stack_pixels


def clip_score(
    pictures: Pictures,
    captions: Sequence[str],
    clip: ClipEncoder,
    rng: np.random.Generator,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """Mean score of pictures with their captions; the interval resamples the pairs.

    Raises:
        UserError: not one caption a picture, or pictures that are not uint8.
    """
    pixels = stack_pixels(pictures)
    if len(pixels) != len(captions) or len(captions) == 0:
        raise UserError(
            f"CLIP score takes one caption a picture; got {len(captions)} captions for "
            f"{len(pixels)} pictures."
        )
    from torchmetrics.multimodal import CLIPScore  # late: it loads much that only this needs

    metric = CLIPScore(lambda: (_Model(clip), _Processor(clip))).to(clip.model.device)
    for start in range(0, len(pixels), clip.batch_size):
        rows = slice(start, start + clip.batch_size)
        channels_first = torch.from_numpy(pixels[rows]).permute(0, 3, 1, 2)
        metric.update(channels_first.to(clip.model.device), list(captions[rows]))
    scores = pair_scores(clip.picture_features(pixels), clip.caption_features(captions))
    measured = mean_score(scores, clip.name, rng, subject, confidence)
    (told,) = seen_by(clip, replace(measured, value=float(metric.compute())))
    return told


def mean_score(
    scores: Float[np.ndarray, " batch"],
    clip_name: str,
    rng: np.random.Generator,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """torchmetrics' mean of the scores of pairs, with its interval: cut off at 0 afterwards."""
    low, high = bootstrap_interval(scores, rng, confidence)
    return Measurement(
        name=f"CLIP score[{clip_name}]",
        value=max(0.0, float(scores.mean())),
        num_samples=len(scores),
        low=max(0.0, low),
        high=max(0.0, high),
        subject=subject,
    )


def pair_scores(
    picture_features: Float[np.ndarray, "batch dim"],
    caption_features: Float[np.ndarray, "batch dim"],
) -> Float[np.ndarray, " batch"]:
    """The score of each pair, from -100 to 100."""
    lengths = np.linalg.norm(picture_features, axis=1) * np.linalg.norm(caption_features, axis=1)
    return 100 * (picture_features * caption_features).sum(axis=1) / lengths


class _Model(nn.Module):
    """What torchmetrics asks of a model; plain tensors, which CLIPModel no longer gives."""

    def __init__(self, clip: ClipEncoder):
        super().__init__()
        self.clip = clip
        self.config = clip.model.config

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        return self.clip.embed_pictures(pixel_values)

    def get_text_features(self, prompt_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.clip.embed_captions(prompt_ids, attention_mask)


class _Processor:
    """What torchmetrics asks of a processor: pictures (channels first) or captions to tensors."""

    def __init__(self, clip: ClipEncoder):
        self.clip = clip

    def __call__(
        self,
        text: list[str] | None = None,
        images: list[Tensor] | None = None,
        **_: Any,  # padding and return_tensors, which are the same for every call
    ) -> dict[str, Tensor]:
        if images is not None:
            pixels = torch.stack(images).permute(0, 2, 3, 1).numpy()
            return {"pixel_values": self.clip.prepare_pictures(pixels)}
        prompt_ids, attention_mask = self.clip.prepare_captions(text)
        return {"input_ids": prompt_ids, "attention_mask": attention_mask}
