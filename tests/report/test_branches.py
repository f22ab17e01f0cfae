"""Both branches stand side by side; the maps are those of the difference."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from src.interpret.branches import Difference
from src.report.branches import branches_figure
from src.report.token_map import NOTHING


@pytest.fixture(scope="module")
def found():
    differs = torch.tensor([[True, False], [False, False]])
    one, other = torch.tensor([[1, 2], [3, 0]]), torch.tensor([[3, 2], [1, 0]])
    confidence = torch.tensor([[-0.5, 0.0], [0.25, 0.0]])
    return Difference(differs, one, other, confidence, 3, 2)


@pytest.fixture(scope="module")
def figure(found):
    pictures = [np.full((4, 4, 3), shade, dtype=np.uint8) for shade in (10, 20)]
    return branches_figure(pictures, found, ("as drawn", "forbidden"))


def images(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_each_branch_has_its_picture_and_when_its_tokens_were_kept(figure, found):
    first, kept_one, second, kept_other, *_ = images(figure)
    assert first[0, 0, 0] == 10
    assert second[0, 0, 0] == 20
    for shown, kept in ((kept_one, found.one_kept), (kept_other, found.other_kept)):
        assert np.ma.getmaskarray(shown).tolist() == [[False, False], [False, True]]  # given
        assert (shown[0] == kept[0].numpy()).all()


def test_the_maps_are_of_the_difference_and_signs_are_centred(figure):
    differs, confidence = images(figure)[-2:]
    assert differs.tolist() == [[1, 0], [0, 0]]
    assert confidence.tolist() == [[-0.5, 0], [0.25, 0]]
    clims = [axes.images[0].get_clim() for axes in figure.axes if axes.images]
    assert clims[-1] == (-1, 1)


def test_the_title_says_how_many_differ_and_since_when(figure, found):
    said = [text.get_text() for text in figure.texts]
    assert "25% of tokens differ; apart from step 2 on" in said
    assert {"as drawn", "forbidden", "another token at 1 positions"} <= set(said)
    same = found._replace(first_apart=None)
    again = branches_figure([np.zeros((4, 4, 3), np.uint8)] * 2, same)
    assert "Two branches that are the same" in [text.get_text() for text in again.texts]


def test_two_are_compared_and_no_other_number(found):
    with pytest.raises(ValueError, match="1 pictures and 2 names: give two of each"):
        branches_figure([np.zeros((4, 4, 3), np.uint8)], found)


def test_where_a_code_was_pinned_there_is_no_confidence_but_grey(found):
    confidence = found.confidence.clone()
    confidence[1, 1] = torch.nan
    pictures = [np.zeros((4, 4, 3), np.uint8)] * 2
    figure = branches_figure(pictures, found._replace(confidence=confidence))
    axes = [axes for axes in figure.axes if axes.images][-1]
    assert np.ma.getmaskarray(axes.images[0].get_array()).tolist() == [[0, 0], [0, 1]]
    assert to_hex(axes.get_facecolor()) == NOTHING
    said = [text.get_text() for text in figure.texts]
    assert "grey: given or pinned, so nobody's confidence" in said
