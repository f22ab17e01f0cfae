"""A mask over a picture is seen, and hides nothing that was not painted."""

import numpy as np
import pytest

from src.data.palette import COLORS
from src.errors import UserError
from src.report.painted import PAINTED, with_mask


def picture_of(height, width, channels=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (height, width, channels), dtype=np.uint8)  # none is magenta


def enlarged(values, shown):
    factor = shown.shape[0] // values.shape[0]
    return values.repeat(factor, axis=0).repeat(factor, axis=1)


def box(height, width):
    is_painted = np.zeros((height, width), dtype=bool)
    is_painted[height // 4 : height // 2, width // 4 : width // 2] = True
    return is_painted


@pytest.mark.parametrize(
    ("size", "shown_size"),
    [
        ((32, 32), (512, 512)),
        ((1, 1), (512, 512)),
        ((256, 256), (512, 512)),
        ((512, 512), (512, 512)),
        ((300, 200), (600, 400)),
        ((40, 60), (360, 540)),
        ((520, 700), (520, 700)),
    ],
)
def test_it_is_enlarged_by_a_whole_factor_to_512_pixels(size, shown_size):
    assert with_mask(picture_of(*size), box(*size)).shape == (*shown_size, 3)


@pytest.mark.parametrize("size", [(32, 32), (20, 48), (512, 512)])
def test_outside_nothing_changes_and_inside_everything(size):
    picture, is_painted = picture_of(*size), box(*size)
    shown = with_mask(picture, is_painted)
    differs = (shown != enlarged(picture, shown)).any(axis=2)
    assert np.array_equal(differs, enlarged(is_painted, shown))


def test_an_unpainted_picture_is_shown_as_it_is():
    picture = picture_of(32, 32)
    shown = with_mask(picture, np.zeros((32, 32), dtype=bool))
    assert np.array_equal(shown, enlarged(picture, shown))


def test_the_outline_closes_within_the_painted_area():
    is_painted = box(32, 32)
    shown = with_mask(np.zeros((32, 32, 3), dtype=np.uint8), is_painted)
    is_line = (shown == PAINTED).all(axis=2)
    for edge in (is_line[128:133, 128:256], is_line[251:256, 128:256]):
        assert edge.all()
    for edge in (is_line[128:256, 128:133], is_line[128:256, 251:256]):
        assert edge.all()
    assert not is_line[133:251, 133:251].all()
    assert is_line[133:251, 133:251].any()  # the hatching


def test_a_full_mask_is_outlined_along_the_pictures_edge():
    shown = with_mask(np.full((32, 32, 3), 90, dtype=np.uint8), np.ones((32, 32), dtype=bool))
    is_line = (shown == PAINTED).all(axis=2)
    assert is_line[0].all()
    assert is_line[-1].all()
    assert is_line[:, 0].all()
    assert is_line[:, -1].all()
    assert 0.05 < is_line.mean() < 0.25  # the picture is still to be seen
    assert not (shown == 90).all(axis=2).any()


@pytest.mark.parametrize("side", [32, 256, 512])
def test_a_line_one_pixel_wide_is_seen_and_its_neighbours_are_kept(side):
    picture = np.full((side, side, 3), 90, dtype=np.uint8)
    is_painted = np.zeros((side, side), dtype=bool)
    is_painted[:, side // 2] = True
    shown = with_mask(picture, is_painted)
    factor = 512 // side
    line = shown[:, side // 2 * factor : (side // 2 + 1) * factor]
    assert (line == PAINTED).all(axis=2).any(axis=1).all()
    assert (shown != 90).any(axis=2).sum() == 512 * factor


def test_in_a_small_picture_one_sees_what_lies_beneath_a_line():
    picture = np.full((32, 32, 3), 200, dtype=np.uint8)
    picture[16:] = 20
    is_painted = np.zeros((32, 32), dtype=bool)
    is_painted[:, 7] = True
    middle = with_mask(picture, is_painted)[:, 7 * 16 + 8]
    assert middle[20:250].min(axis=0)[1] == 0  # hatched
    assert np.median(middle[20:250, 1]) > 150
    assert np.median(middle[270:500, 1]) < 30


@pytest.mark.parametrize("size", [120, 172, 400])
@pytest.mark.parametrize("side", [32, 300, 575])
def test_a_figure_may_shrink_it_without_losing_the_outline(size, side):
    """Of each line of pixels one is kept, as by `interpolation="nearest"`."""
    shown = with_mask(np.zeros((side, side, 3), dtype=np.uint8), box(side, side))
    is_line = (shown == PAINTED).all(axis=2)
    kept = (np.arange(size) + 0.5) * len(shown) // size
    small = is_line[kept.astype(int)][:, kept.astype(int)]
    inside = np.flatnonzero(small.any(axis=1))
    assert small[inside[0]].sum() >= 0.24 * size
    assert small[inside[-1]].sum() >= 0.24 * size


@pytest.mark.parametrize("name", COLORS)
def test_no_colour_of_a_scene_is_taken_for_the_paint(name):
    distance = np.abs(np.subtract(COLORS[name], PAINTED)).max()
    assert distance > 90
    picture = np.full((32, 32, 3), COLORS[name], dtype=np.uint8)
    shown = with_mask(picture, np.ones((32, 32), dtype=bool)).astype(int)
    assert np.abs(shown - COLORS[name]).max(axis=2).min() > 15


def test_transparent_pixels_show_a_light_checkerboard_and_opaque_ones_their_colour():
    picture = picture_of(32, 32, 4)
    picture[:16, :, 3], picture[16:, :, 3] = 0, 255
    shown = with_mask(picture, np.zeros((32, 32), dtype=bool))
    assert set(np.unique(shown[:256])) == {226, 255}
    assert (shown[:256, :, 0] == shown[:256, :, 2]).all()
    assert (shown[:256] == 255).mean() == pytest.approx(0.5)
    assert np.array_equal(shown[256:], enlarged(picture[..., :3], shown)[256:])


def test_half_transparent_pixels_are_in_between():
    picture = np.zeros((512, 512, 4), dtype=np.uint8)
    picture[..., 3] = 51  # a fifth
    shown = with_mask(picture, np.zeros((512, 512), dtype=bool))
    assert set(np.unique(shown)) == {round(0.8 * 226), round(0.8 * 255)}


def test_masks_of_other_sizes_are_refused():
    with pytest.raises(UserError, match="as large as the picture"):
        with_mask(picture_of(32, 32), box(32, 31))
