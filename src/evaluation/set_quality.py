"""Everything that is measured on one set of pictures: how near to real ones, how near its prompts.

The features come from the cache; what is computed of them are pure functions. Dimensions: pictures,
dim.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from src.evaluation.clip_score import mean_score, pair_scores
from src.evaluation.extractor import Extractor, SeesClasses
from src.evaluation.feature_cache import cached_features
from src.evaluation.features import ClipEncoder
from src.evaluation.frechet import (
    FEW,
    TooFewPictures,
    fd_at_endless,
    frechet_distance,
    refuse_too_few,
)
from src.evaluation.frechet_interval import TooFewForALineError
from src.evaluation.inception_score import inception_score
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.kernel_distances import cmmd, kid
from src.evaluation.measurement import Measurement, seen_by
from src.evaluation.picture_set import PictureSet
from src.evaluation.precision_recall import precision_recall


class Judges(NamedTuple):
    """Who looks at the pictures, and where what was seen is kept."""

    extractor: Extractor  # of the distances
    clip: ClipEncoder  # of the scores
    cache: Path
    told: Callable[[int], None] = lambda num_pictures: None  # of pictures just looked at

    def features(self, pictures: PictureSet, size: int) -> Float[np.ndarray, "pictures dim"]:
        """What the extractor sees in a set; see `cached_features`."""
        return cached_features(pictures, self.extractor, size, self.cache, self.told)

    def clip_features(self, pictures: PictureSet, size: int) -> Float[np.ndarray, "pictures dim"]:
        """What CLIP sees in a set; from the cache where it is the extractor as well."""
        return cached_features(pictures, self.clip, size, self.cache, self.told)

    def reference(self, pictures: PictureSet, size: int) -> "Reference":
        """What both see in real pictures."""
        return Reference(self.features(pictures, size), self.clip_features(pictures, size))


class Reference(NamedTuple):
    """Real pictures, as the distances know them."""

    features: Float[np.ndarray, "others dim"]  # the extractor's
    clip_features: Float[np.ndarray, "others clip_dim"]


class Seen(NamedTuple):
    """One set of pictures as numbers."""

    measurements: list[Measurement]
    scores: Float[np.ndarray, " pictures"] | None  # of each with its prompt; None without prompts


def look_at(
    pictures: PictureSet,
    size: int,
    reference: Reference | None,
    captions: Float[np.ndarray, "pictures dim"] | None,
    judges: Judges,
    subject: str,
    confidence: float,
    seed: int = 0,
) -> Seen:
    """Measure a set: its distances from `reference`, and the CLIP score of its prompts.

    Args:
        size: pixels that every picture is resized and cropped to.
        reference: real pictures; None = no distance.
        captions: CLIP's features of the prompts, one a picture; None = no score.
        seed: of the intervals' resamples.

    Raises:
        UserError: unreadable pictures, or fewer than a distance needs.
    """
    measurements, scores = [], None
    if reference is not None:
        measurements += _distances(pictures, size, reference, judges, subject, confidence, seed)
    if captions is not None:
        clip, seen = judges.clip, judges.clip_features(pictures, size)
        scores = logits(seen, captions, clip)
        means = [
            # the same resamples for both conventions
            mean(values, clip.name, np.random.default_rng(seed), subject, confidence)
            for mean, values in ((mean_score, pair_scores(seen, captions)), (mean_logit, scores))
        ]
        measurements += seen_by(clip, *means)
    return Seen(measurements, scores)


def _distances(
    pictures: PictureSet,
    size: int,
    reference: Reference,
    judges: Judges,
    subject: str,
    confidence: float,
    seed: int,
) -> list[Measurement]:
    """How far a set is from real pictures, each number with whose eyes and which resize."""
    eyes, rng = judges.extractor, np.random.default_rng(seed)
    features, real = judges.features(pictures, size), reference.features
    measured = _frechet(features, real, eyes.name, subject, rng, confidence)
    measured.append(kid(features, real, eyes.name, rng.spawn(1)[0], subject, confidence))
    measured += precision_recall(features, real, eyes.name, subject, confidence)
    if isinstance(eyes, SeesClasses):
        logits_of_classes = eyes.class_logits(features)
        measured.append(inception_score(logits_of_classes, eyes.name, subject, confidence))
    seen_by_clip = judges.clip_features(pictures, size)
    apart = cmmd(seen_by_clip, reference.clip_features, judges.clip.name, subject, confidence)
    return [*seen_by(eyes, *measured), *seen_by(judges.clip, apart)]


def _frechet(
    features: Float[np.ndarray, "pictures dim"],
    real: Float[np.ndarray, "others dim"],
    name: str,
    subject: str,
    rng: np.random.Generator,
    confidence: float,
) -> list[Measurement]:
    """The distance, and that at endless pictures; where it cannot be had, the first says why."""
    own, of_line = rng.spawn(2)
    plain = frechet_distance(features, real, name, subject, own, confidence)
    try:
        return [plain, fd_at_endless(features, real, name, subject, of_line, confidence)]
    except TooFewForALineError as error:
        why = str(error).rstrip(".")
        return [replace(plain, note="; ".join(each for each in (plain.note, why) if each))]


def logits(
    picture_features: Float[np.ndarray, "pictures dim"],
    caption_features: Float[np.ndarray, "pictures dim"],
    clip: ClipEncoder,
) -> Float[np.ndarray, " pictures"]:
    """CLIP's own logit of every picture with its prompt: the cosine times the learned scale.

    The authors' convention; the scale of CLIP-L/14 is 100.
    """
    scale = float(clip.model.logit_scale.exp())
    return pair_scores(picture_features, caption_features) * (scale / 100)


def mean_logit(
    scores: Float[np.ndarray, " pictures"],
    clip_name: str,
    rng: np.random.Generator,
    subject: str,
    confidence: float = 0.95,
) -> Measurement:
    """The mean of logits with its interval; unlike torchmetrics' score, nothing is cut off at 0."""
    low, high = bootstrap_interval(scores, rng, confidence)
    return Measurement(
        f"CLIP logits[{clip_name}]", float(scores.mean()), len(scores), low, high, subject=subject
    )


def check_enough(num_pictures: int, extractor: Extractor, where: str) -> None:
    """Refuse fewer pictures than features, and warn of few.

    Raises:
        UserError: a covariance of `dim` features is singular with as few pictures.
    """
    refuse_too_few(num_pictures, extractor.dim, extractor.name, where)
    if num_pictures < FEW:
        warnings.warn(
            f"There are {num_pictures} pictures {where}: a Fréchet distance of fewer than {FEW:,} "
            "says more about their number than about them; compare only equal numbers.",
            TooFewPictures,
            stacklevel=3,
        )
