"""Pictures to features, by frozen weights: the eyes of every distance between sets of pictures.

Dimensions: batch (pictures), height, width, dim.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from src.evaluation.config import EvaluationConfig
from src.evaluation.inception import open_inception
from src.evaluation.suite import open_clip


@runtime_checkable
class Extractor(Protocol):
    """Pictures to features, by frozen weights."""

    name: str  # stands in FD[name]; "inception" only for published Inception weights
    dim: int
    resizer: str  # in words: "CLIP's bicubic to 224"
    weights_hash: str  # 12 hex digits
    fingerprint: str  # hash of all that decides the features: weights, settings, preprocessing
    batch_size: int

    def picture_features(
        self, pixels: UInt8[np.ndarray, "batch height width 3"]
    ) -> Float[np.ndarray, "batch dim"]: ...


@runtime_checkable
class SeesClasses(Protocol):
    """An extractor whose features say which class a picture shows."""

    def class_logits(
        self, features: Float[np.ndarray, "batch dim"]
    ) -> Float[np.ndarray, "batch classes"]: ...


def open_extractor(config: EvaluationConfig, device: str) -> Extractor:
    """The extractor that `evaluation.extractor` names; raises UserError where it cannot be had."""
    return (
        open_inception(config, device)
        if config.extractor == "inception"
        else open_clip(config, device)
    )
