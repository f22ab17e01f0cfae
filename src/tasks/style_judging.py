"""Scores of pictures in a style, and two rounds of them compared pair by pair."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from src.config import RunConfig
from src.data.oracle import Oracle
from src.data.scenes import World
from src.evaluation.measurement import Measurement
from src.tasks.data_rows import every_row

BOOTSTRAP_SEED = 0
AT_ONCE = 8  # pictures in one pass through the image tokenizer


class Drawn(NamedTuple):
    """Pictures of prompts in a style, and what the prompts say without it."""

    pictures: list[Image.Image]
    prompts: list[str]  # without descriptor


class Score(NamedTuple):
    """One number a picture, of both rounds."""

    name: str
    values: Sequence[np.ndarray]  # of the first round, of the second
    is_higher_better: bool = True
    is_share: bool = False
    note: str = ""


def style_pictures(config: RunConfig, model) -> list[Image.Image]:
    """The pictures that show the style, as the model is shown them, without chance."""
    from src.data.captioned import CaptionedPictures
    from src.data.source import open_source

    source = open_source(config.data)
    pictures = CaptionedPictures(source, config.data, model.height, config.seed)
    found = every_row(pictures, len(source), config.data.path)
    return [Image.fromarray(each.picture) for each in found]


def clip_scores(
    config: RunConfig, drawn: Drawn, of_style: list[Image.Image]
) -> tuple[np.ndarray, np.ndarray]:
    """CLIP's text margin and style score of each picture; the text is that without descriptor."""
    from src.evaluation.pixels import stack_pixels
    from src.evaluation.style import style_scores, text_margins
    from src.evaluation.suite import open_clip

    clip = open_clip(config.evaluation)
    features = clip.picture_features(stack_pixels(drawn.pictures))
    kinds = list(dict.fromkeys(drawn.prompts))
    own = np.array([kinds.index(prompt) for prompt in drawn.prompts])
    text = text_margins(features, clip.caption_features(kinds), own)
    return text, style_scores(features, clip.picture_features(stack_pixels(of_style)))


def compared(
    config: RunConfig, drawn: Sequence[Drawn], of_style: list[Image.Image], vqgan
) -> list[Measurement]:
    """Every score of both rounds, and the second less the first: the same prompts and seeds."""
    from src.evaluation.config import features_name

    name = features_name(config.evaluation)
    text, style = zip(*(clip_scores(config, each, of_style) for each in drawn), strict=True)
    picks = "candidates were picked by it" if config.style.picked_by == "score" else ""
    scores = [
        Score(f"text margin[{name}]", text, note=picks),
        Score(f"style score[{name}]", style, note=picks),
        Score("Gram distance to the style", _grams(drawn, of_style, vqgan), False),
    ]
    if config.style.color is not None:
        right = [_in_style(config, each) for each in drawn]
        scores.append(Score("right pictogram, in the style, by the oracle", right, is_share=True))
    return [each for score in scores for each in _measured(score, config.evaluation.confidence)]


def _grams(drawn: Sequence[Drawn], of_style: list[Image.Image], vqgan) -> list[np.ndarray]:
    import torch

    from src.evaluation.style import gram_distances, gram_matrices
    from src.image_tokenizer.pictures import to_pixels

    def grams_of(pictures: list[Image.Image]):
        parts = [pictures[i : i + AT_ONCE] for i in range(0, len(pictures), AT_ONCE)]
        return torch.cat([gram_matrices(vqgan, to_pixels(part).to(vqgan.device)) for part in parts])

    grams = [grams_of(each) for each in (*(part.pictures for part in drawn), of_style)]
    return [gram_distances(each, grams[-1]) for each in grams[:-1]]


def _in_style(config: RunConfig, drawn: Drawn) -> np.ndarray:
    """Whether the oracle sees one object, the prompt's, and all of it in the style's colours."""
    oracle, style, right = Oracle(World(config.data)), config.style, []
    for picture, prompt in zip(drawn.pictures, drawn.prompts, strict=True):
        background, seen, _ = oracle.read(np.asarray(picture))
        looks = [(each.glyph in prompt.split(), each.color) for each in seen]
        right.append(background == style.background and looks == [(True, style.color)])
    return np.array(right, dtype=float)


def _measured(score: Score, confidence: float) -> list[Measurement]:
    from src.evaluation.intervals import bootstrap_interval

    first, second = score.values
    told = []
    for subject, values in (
        ("round 1", first),
        ("round 2", second),
        ("round 2 less round 1", second - first),
    ):
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        low, high = bootstrap_interval(values, rng, confidence)
        told.append(
            Measurement(
                score.name,
                float(values.mean()),
                len(values),
                low,
                high,
                subject=subject,
                is_higher_better=score.is_higher_better,
                is_share=score.is_share,
                note=score.note,
            )
        )
    return told
