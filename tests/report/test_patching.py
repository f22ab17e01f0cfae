"""Effects are drawn from 0 = nothing in both directions, each in its field."""

import numpy as np
import pytest
import torch

from src.interpret.patched_pictures import PatchedPictures
from src.interpret.patching import KINDS, Effects
from src.report.patching import effects_figure, patched_pictures_figure

WORDS = ["<start>", "a", "red", "star", "<end>"]


def effects(direction):
    words = torch.tensor([0.0, 0.0, 0.25, 0.5, 0.125, 0.5, 0.25])
    layers = torch.arange(8.0).reshape(2, 4) / 8
    return Effects(direction, words, 0.75, 0.0, 0.5, layers, 6)


def fields(figure):
    layers, _, words = (axes for axes in figure.axes if axes.images or axes.collections)
    return layers, words


def test_denoising_is_what_is_restored():
    layers, words = fields(effects_figure(effects("denoising"), WORDS))
    shown = layers.images[0].get_array()
    assert shown[0, 0] == 0.5
    assert np.ma.getmaskarray(shown)[0].tolist() == [False, True, True, True]
    np.testing.assert_allclose(shown[1:], np.arange(8).reshape(2, 4) / 8)
    np.testing.assert_allclose(
        words.images[0].get_array()[0], [0, 0, 0.25, 0.5, 0.125, 0.375, 0.75, 0]
    )
    names = [tick.get_text() for tick in words.get_xticklabels()]
    assert names == [*WORDS, "padding, mean", "all places", "pooled"]
    assert [tick.get_text() for tick in layers.get_yticklabels()] == ["input", "layer 0", "layer 1"]
    kinds = [tick.get_text() for tick in layers.get_xticklabels()]
    assert kinds == [kind.replace("_", " ") for kind in KINDS]


def test_noising_is_what_is_lost_and_both_are_centred_at_0():
    for direction in ("denoising", "noising"):
        figure = effects_figure(effects(direction), WORDS)
        for axes in fields(figure):
            low, high = axes.images[0].get_clim()
            assert low == -high == -1
        assert any(direction in text.get_text() for text in figure.texts)
    layers, words = fields(figure)
    np.testing.assert_allclose(layers.images[0].get_array()[1:], 1 - np.arange(8).reshape(2, 4) / 8)
    assert words.images[0].get_array()[0, -1] == 1


def test_the_scale_holds_what_is_beyond_1():
    strong = effects("denoising")._replace(pooled=1.73)
    _, words = fields(effects_figure(strong, WORDS))
    assert words.images[0].get_clim() == pytest.approx((-1.8, 1.8))


def test_without_padding_there_is_no_field_for_it():
    _, words = fields(effects_figure(effects("denoising"), [str(place) for place in range(7)]))
    assert "padding, mean" not in [tick.get_text() for tick in words.get_xticklabels()]
    with pytest.raises(ValueError, match="give 1 to 7 words, not 8"):
        effects_figure(effects("denoising"), ["a"] * 8)


def test_patched_pictures_say_how_far_they_are_from_clean():
    clean, corrupt = torch.zeros(2, 2, dtype=torch.long), torch.ones(2, 2, dtype=torch.long)
    halfway = torch.tensor([[[0, 1], [0, 1]]])
    found = PatchedPictures(("pooled",), clean, corrupt, halfway)
    figure = patched_pictures_figure([np.zeros((4, 4, 3), np.uint8)] * 3, found)
    said = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert "corrupt: 100% of tokens differ from clean" in said
    assert "corrupt with pooled of clean: 50% differ" in said
