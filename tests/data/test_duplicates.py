"""A picture saved again is found beside the first; another picture is not."""

import io

import numpy as np
import pytest
from PIL import Image

from src.data.duplicates import near_duplicates
from src.data.examples import example


@pytest.fixture
def pictures(world):
    return [example(world, 0, index).picture for index in range(60)]


def saved_again(picture: np.ndarray, quality: int = 80) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def test_the_same_picture_again_and_one_saved_as_jpeg_are_found(pictures):
    smooth = np.asarray(Image.fromarray(pictures[3]).resize((96, 96), Image.Resampling.BICUBIC))
    found = near_duplicates([*pictures, pictures[7], smooth, saved_again(smooth)])
    assert (found[0].first, found[0].second, found[0].distance) == (7, 60, 0.0)
    assert {(pair.first, pair.second) for pair in found} >= {(7, 60), (3, 61), (3, 62), (61, 62)}


def test_different_scenes_are_not_taken_for_the_same(pictures, world):
    scenes = [example(world, 0, index).scene for index in range(60)]
    for pair in near_duplicates(pictures):
        assert scenes[pair.first] == scenes[pair.second]


def test_a_picture_alone_has_no_double():
    assert near_duplicates([np.zeros((8, 8, 3), np.uint8)]) == []
    assert near_duplicates([]) == []
