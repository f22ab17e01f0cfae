"""A tiny random system with tokens of 2x2 pixels, trained for 12x12, and pictures for it."""

import numpy as np
import pytest
from PIL import Image

from src.amused import Amused
from src.errors import UserError
from tests.test_amused import SETTINGS

PROMPTS = ["a red heart", "sun", "two blue stars"]
SIZE = (12, 12)  # width, height


@pytest.fixture(scope="session")
def system():
    return Amused.from_config(SETTINGS)


def picture(seed: int, size: tuple[int, int] = SIZE, channels: int = 3) -> Image.Image:
    """Noise: no two pixels need be alike, so that nothing stays equal by chance."""
    width, height = size
    rng = np.random.default_rng([seed, 7])
    return Image.fromarray(rng.integers(0, 256, (height, width, channels), dtype=np.uint8))


def rectangle(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = SIZE):
    """A mask, True from left and top up to right and bottom."""
    mask = np.zeros(size[::-1], dtype=np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def check_refused(words: list[str], call, *args, **settings) -> None:
    """That a call ends in one sentence for its user, which has these words."""
    with pytest.raises(UserError) as refusal:
        call(*args, **settings)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    for word in words:
        assert word in sentence, sentence
