"""Pictures of any size on the token grid: no stroke is lost, and what is not shrunk comes back."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from PIL import Image, ImageDraw

from src.editing.fit import fit_for

TRAINED = 144  # pixels
# (size, downscale, unit): as they are; padded; in pairs of tokens; shrunk by odd and large factors
FITS = [
    ((12, 12), 2, 2),
    ((13, 7), 4, 4),
    ((1, 9), 4, 8),
    ((17, 17), 4, 8),
    ((31, 29), 4, 4),
    ((64, 48), 2, 4),
    ((100, 3), 4, 4),
    ((5, 200), 2, 2),
]


def cells_of(fit, mask):
    """Every token that a pixel loop over exact fractions finds under a mask, edges repeated."""
    seen = {axis: ceil(Fraction(fit.scaled[axis], fit.downscale)) for axis in (0, 1)}
    cells = np.zeros(fit.grid, dtype=bool)
    for row, column in zip(*mask.nonzero(), strict=True):
        spans = []
        for pixel, axis in ((row, 1), (column, 0)):
            factor = Fraction(fit.scaled[axis], fit.size[axis] * fit.downscale)
            spans.append(range(floor(int(pixel) * factor), ceil((int(pixel) + 1) * factor)))
        for down in spans[0]:
            for across in spans[1]:
                cells[down, across] = True
    for down in range(seen[1], fit.grid[0]):
        cells[down] = cells[seen[1] - 1]
    for across in range(seen[0], fit.grid[1]):
        cells[:, across] = cells[:, seen[0] - 1]
    return cells


def line(size, rng):
    width, height = size
    image = Image.new("1", size)
    ends = [(int(rng.integers(width)), int(rng.integers(height))) for _ in range(2)]
    ImageDraw.Draw(image).line(ends, fill=1, width=1)
    return np.asarray(image)


@pytest.mark.parametrize(("size", "downscale", "unit"), FITS)
def test_a_line_one_pixel_wide_marks_every_token_it_passes_through(size, downscale, unit):
    fit = fit_for(size, downscale, unit, TRAINED)
    rng = np.random.default_rng(size)
    for _ in range(40):
        mask = line(size, rng)
        assert mask.any()
        assert (fit.touched(mask).numpy() == cells_of(fit, mask)).all()


@pytest.mark.parametrize(("size", "downscale", "unit"), FITS)
def test_every_single_pixel_marks_a_token_and_all_of_them_mark_all(size, downscale, unit):
    fit = fit_for(size, downscale, unit, TRAINED)
    marked = np.zeros(fit.grid, dtype=bool)
    for at in np.random.default_rng(0).permutation(size[0] * size[1])[:60]:
        mask = np.zeros(size[::-1], dtype=bool)
        mask.flat[at] = True
        touched = fit.touched(mask).numpy()
        assert touched.any()
        marked |= touched
    everywhere = np.ones(size[::-1], dtype=bool)
    assert fit.touched(everywhere).all()
    assert not fit.touched(~everywhere, halo=3).any()
    assert (marked <= fit.touched(everywhere).numpy()).all()


@pytest.mark.parametrize("halo", [1, 2, 5])
def test_a_halo_adds_the_tokens_within_so_many_of_a_touched_one_and_wraps_around_no_edge(halo):
    fit = fit_for((24, 20), 2, 2, 1000)
    mask = np.zeros((20, 24), dtype=bool)
    mask[1, 3], mask[19, 23] = True, True  # tokens (0, 1) and (9, 11)
    found = {tuple(each) for each in fit.touched(mask, halo).nonzero().tolist()}
    wanted = {
        (row, column)
        for row in range(10)
        for column in range(12)
        if any(max(abs(row - r), abs(column - c)) <= halo for r, c in ((0, 1), (9, 11)))
    }
    assert found == wanted


@pytest.mark.parametrize(("size", "downscale", "unit"), FITS)
def test_each_pixel_of_a_mask_is_counted_in_one_token_which_it_touches(size, downscale, unit):
    fit = fit_for(size, downscale, unit, TRAINED)
    rng = np.random.default_rng(1)
    height, width = (ceil(side / downscale) for side in fit.scaled[::-1])
    for share in (0.02, 0.5, 1.0):
        mask = rng.random(size[::-1]) < share
        coverage = fit.coverage(mask)
        assert coverage[:height, :width].sum() == mask.sum()
        assert ((coverage == 0) | fit.touched(mask)).all()
        assert (coverage[height:] == coverage[height - 1]).all()
        assert (coverage[:, width:] == coverage[:, [width - 1]]).all()


def test_without_shrinking_a_token_is_covered_by_the_pixels_that_lie_in_it():
    fit = fit_for((12, 8), 4, 4, 1000)
    mask = np.zeros((8, 12), dtype=bool)
    mask[0:4, 0:4], mask[3:5, 7] = True, True
    assert fit.coverage(mask).tolist() == [[16, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize(("size", "downscale", "unit"), FITS)
def test_what_is_not_shrunk_comes_back_from_the_model_to_the_last_bit(size, downscale, unit):
    fit = fit_for(size, downscale, unit, 10**6)
    rgb = np.random.default_rng(2).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    seen = fit.to_model(rgb)
    assert not fit.is_scaled
    assert seen.shape[2:] == (fit.grid[0] * downscale, fit.grid[1] * downscale)
    assert all(side % unit == 0 for side in fit.padded)
    levels = (seen[0] * 255).round().byte().permute(1, 2, 0).numpy()
    assert (fit.to_picture(Image.fromarray(levels)) == rgb).all()
    assert (levels[:, -1] == levels[:, size[0] - 1]).all()  # padded by repeating the edge
    assert (levels[-1] == levels[size[1] - 1]).all()


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((16, 18), (16, 18)),  # 288 pixels: twice as many as in training
        ((17, 17), (17, 17)),  # 289 are one too many, and a scale of 0.998 rounds to the same
        ((24, 24), (17, 17)),
        ((48, 12), (34, 8)),
        ((16384, 1), (2172, 1)),
    ],
)
def test_a_picture_of_more_than_twice_the_trained_pixels_is_shrunk_to_that(size, scaled):
    fit = fit_for(size, 2, 2, TRAINED)
    assert fit.scaled == scaled
    assert fit.is_scaled == (scaled != size)
    assert fit.to_picture(Image.new("RGB", fit.padded)).shape == (*size[::-1], 3)
