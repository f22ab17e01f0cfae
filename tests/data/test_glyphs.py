import numpy as np
import pytest

from src.data.glyphs import PICTOGRAMS, glyph_mask


@pytest.mark.parametrize("name", PICTOGRAMS)
def test_a_mask_covers_part_of_its_square(name):
    mask = glyph_mask(name, 16)
    assert mask.shape == (16, 16)
    assert mask.min() == 0
    assert mask.max() > 0.5


def test_the_installed_font_has_every_pictogram():
    # a sign that the font lacks is drawn as the same empty box as every other it lacks
    assert len({glyph_mask(name, 24).tobytes() for name in PICTOGRAMS}) == len(PICTOGRAMS)


def test_no_two_pictograms_of_the_shipped_world_are_alike_when_small(world):
    masks = [glyph_mask(name, world.side("small")).ravel() for name in world.config.glyphs]
    apart = [
        np.square(a - b).sum() / min(np.square(a).sum(), np.square(b).sum())
        for i, a in enumerate(masks)
        for b in masks[:i]
    ]
    assert min(apart) > 0.3


def test_a_shared_mask_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        glyph_mask("heart", 12)[0, 0] = 1
