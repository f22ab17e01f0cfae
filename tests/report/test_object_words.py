"""Scenes are drawn with their own maps, scores where they are."""

import pytest
import torch

from src.amused import Amused
from src.data.examples import example
from src.interpret.object_words import look
from src.report.look import png_bytes
from src.report.object_words import found_figure, scores_figure


@pytest.fixture(scope="module")
def scene(world):
    return example(world, 1, 0, "test", num_objects=2)


def test_a_row_is_a_picture_and_two_maps_of_each_name(tiny_settings, scene):
    tiny = Amused.from_config(tiny_settings, seed=5)
    looked = look(tiny, scene, 0.5, torch.Generator().manual_seed(0))
    figure = found_figure([scene.picture], [looked])
    assert len(figure.axes) == 5 + 2  # and two scales
    first = figure.axes[1].images[0].get_array()
    at = looked.is_hidden.numpy()
    assert (first.mask == ~at).all()
    assert (first.data[at] == looked.drop.change[0, 0].numpy()[at]).all()
    assert {f"{each.glyph} dropped" for each in scene.scene.objects} <= {
        text.get_text() for text in figure.texts
    }
    assert png_bytes(figure)
    end, most = figure.axes[1].images[0].norm.vmax, looked.drop.change[0, :2].abs().max()
    says = any("beyond the scale" in text.get_text() for text in figure.texts)
    assert says == bool(most > end)
    far = looked.drop.change.clone()
    far[0, 0, *looked.is_hidden.nonzero()[0]] = 100.0
    clipped = found_figure(
        [scene.picture], [looked._replace(drop=looked.drop._replace(change=far))]
    )
    assert any("beyond the scale" in text.get_text() for text in clipped.texts)
    with pytest.raises(ValueError, match="0 pictures for 1 scenes"):
        found_figure([], [looked])


def test_scores_are_drawn_with_their_intervals_from_top_to_bottom():
    some = {"one": (0.9, 0.85, 0.95), "two": (0.3, 0.2, 0.4)}
    half = {"one": (0.8, 0.75, 0.85), "two": (0.4, 0.3, 0.5)}
    figure = scores_figure({"above 10 %": some, "above 50 %": half}, 12, goal=0.9)
    (axes,) = figure.axes
    ranges = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [0.85, 0.95] in [list(each) for each in ranges]
    assert [text.get_text() for text in axes.texts] == ["0.900  0.800", "0.300  0.400"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert png_bytes(figure)
