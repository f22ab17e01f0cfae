"""Prompt accuracy: the share of pictures in which the oracle finds the scene that was asked for."""

from collections.abc import Sequence

from src.data.oracle import Oracle, Reading, Verdict, verdict
from src.data.scenes import Scene
from src.errors import UserError
from src.evaluation.intervals import wilson_interval
from src.evaluation.measurement import Measurement
from src.evaluation.pixels import Pictures, stack_pixels

PARTS = {  # fields of Verdict, as a table calls them
    "whole_scene": "whole scene right",
    "background": "background right",
    "objects": "objects right",
    "arrangement": "objects and arrangement right",
}


def read_pictures(pictures: Pictures, oracle: Oracle) -> list[Reading]:
    """What the oracle sees in each picture, without being told any caption.

    Raises:
        UserError: pictures that are not uint8, or not of the world's size.
    """
    pixels = stack_pixels(pictures)
    size = oracle.world.picture_size
    if pixels.shape[1:3] != (size, size):
        raise UserError(
            f"The oracle reads pictures of {size}x{size} pixels, these measure "
            f"{pixels.shape[2]}x{pixels.shape[1]}: it knows only the world of data.picture_size."
        )
    return [oracle.read(picture) for picture in pixels]


def judge_all(
    scenes: Sequence[Scene], readings: Sequence[Reading], oracle: Oracle
) -> list[Verdict]:
    """One verdict a picture, in order."""
    return [
        verdict(scene, reading, oracle.world)
        for scene, reading in zip(scenes, readings, strict=True)
    ]


def prompt_accuracy(
    verdicts: Sequence[Verdict],
    kind: str,
    part: str = "whole_scene",
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """Share of verdicts in which `part` (a key of PARTS) is right, with its Wilson interval.

    Raises:
        ValueError: no verdicts, or an unknown part.
    """
    if part not in PARTS:
        raise ValueError(f"part={part!r}; known are {', '.join(PARTS)}")
    num_right = sum(getattr(each, part) for each in verdicts)
    low, high = wilson_interval(num_right, len(verdicts), confidence)
    return Measurement(
        name=f"{PARTS[part]}: {kind}",
        value=num_right / len(verdicts),
        num_samples=len(verdicts),
        low=low,
        high=high,
        subject=subject,
        is_share=True,
    )
