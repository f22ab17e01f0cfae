"""The shorter side is resized, a square is cut out, and its corner is told as it was."""

import numpy as np
import pytest
from PIL import Image

from src.data.crops import resize_and_crop, resized_size


@pytest.mark.parametrize("size", [(320, 480), (480, 320), (300, 300), (641, 427), (33, 400)])
def test_size_and_pixels_are_those_of_torchvision(size):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import center_crop, resize

    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    expected = resize(image, 64, InterpolationMode.BILINEAR)
    assert resized_size(*size, 64) == expected.size
    crop = resize_and_crop(image, 64, None)
    whole = np.asarray(expected)
    assert (crop.picture == whole[crop.top : crop.top + 64, crop.left : crop.left + 64]).all()
    middle = np.asarray(center_crop(expected, 64))
    spare = (whole.shape[0] - 64) % 2 or (whole.shape[1] - 64) % 2
    assert spare or (crop.picture == middle).all()


@pytest.mark.parametrize(("size", "moves"), [((64, 96), "top"), ((96, 64), "left")])
def test_the_corner_told_is_where_the_square_was_cut_out(size, moves):
    rows, columns = np.mgrid[: size[1], : size[0]]
    image = Image.fromarray(np.stack([rows, columns, rows * 0], axis=-1).astype(np.uint8))
    corners = set()
    for seed in range(200):
        crop = resize_and_crop(image, 64, np.random.default_rng(seed))
        assert tuple(crop.picture[0, 0, :2]) == (crop.top, crop.left)
        assert crop.picture.shape == (64, 64, 3)
        corners.add((crop.top, crop.left))
    tops, lefts = (set(places) for places in zip(*corners, strict=True))
    along, across = (tops, lefts) if moves == "top" else (lefts, tops)
    assert along == set(range(33))  # every corner there is, both ends included
    assert across == {0}


def test_a_square_picture_of_the_right_size_is_left_alone():
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    crop = resize_and_crop(Image.fromarray(noise), 32, np.random.default_rng(0))
    assert (crop.picture == noise).all()
    assert (crop.top, crop.left) == (0, 0)
