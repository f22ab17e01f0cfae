"""Names and their objects: the score, the cells, and that a name's drop map finds its object."""

import numpy as np
import pytest
import torch

from src.amused import Amused
from src.data.examples import example
from src.errors import UserError
from src.interpret.object_words import auroc, coverage, look, maps_of, object_names
from src.interpret.words import words_of


def test_auroc_of_hand_made_scores():
    scores = torch.tensor([4.0, 3.0, 2.0, 1.0])
    assert auroc(scores, torch.tensor([True, True, False, False])) == 1
    assert auroc(scores, torch.tensor([False, False, True, True])) == 0
    assert auroc(scores, torch.tensor([True, False, True, False])) == 0.75
    assert auroc(torch.zeros(4), torch.tensor([True, False, True, False])) == 0.5
    assert np.isnan(auroc(scores, torch.zeros(4, dtype=torch.bool)))


def test_coverage_is_the_share_of_a_cells_pixels():
    masks = np.zeros((1, 4, 6), dtype=np.float32)
    masks[0, :2, 2:4] = 1
    masks[0, 3, 5] = 0.5
    assert coverage(masks, (2, 3)).tolist() == [[[0, 1, 0], [0, 0, 0.125]]]


def test_objects_are_named_in_the_captions_order(tiny, world):
    def places(caption, glyphs):
        return object_names(words_of(tiny.text_encoder, caption), glyphs)

    assert places("a small red sun above a large red sun on a white", ["sun", "sun"]) == (3, 8)
    for index in range(5):
        drawn = example(world, 1, index, "test", num_objects=2)
        found = places(drawn.caption, [each.glyph for each in drawn.scene.objects])
        colors = [drawn.caption.replace(",", " ,").split()[at - 1] for at in found]
        assert colors == [each.color for each in drawn.scene.objects]
    with pytest.raises(UserError, match="does not name heart, sun in this order"):
        places("a sun above a heart", ["heart", "sun"])


@pytest.fixture(scope="module")
def looked(tiny, world):
    drawn = example(world, 1, 0, "test", num_objects=2)
    return look(tiny, drawn, 0.5, torch.Generator().manual_seed(0))


def test_a_scene_is_half_hidden_and_its_names_dropped_alone_and_with_their_colours(looked):
    assert looked.is_hidden.sum() == 32
    texts = looked.drop.words.texts
    names = [texts[at] for at in looked.names]
    assert looked.drop.names == names + [f"{texts[at - 1]} {texts[at]}" for at in looked.names]
    assert looked.left_out.names == names


def test_only_hidden_cells_are_scored(looked):
    perfect = looked.coverage[1].clone()
    assert looked.score(perfect, 1) == 1
    perfect[~looked.is_hidden] = torch.rand(32) * 100
    assert looked.score(perfect, 1) == 1
    assert looked.score(-looked.coverage[1], 1) == 0


def test_a_map_is_of_its_own_object(looked):
    first, second = maps_of(looked, 0), maps_of(looked, 1)
    name = "name dropped, log-probability"
    assert torch.equal(first[name], looked.drop.change[0, 0])
    assert torch.equal(second[name], looked.drop.change[0, 1])
    other = "the other object's name dropped, log-probability"
    assert torch.equal(first[other], second[name])
    assert torch.equal(second[other], first[name])


@pytest.mark.slow  # half a minute: the shipped model asked about 40 scenes
def test_dropping_a_name_changes_the_tokens_of_its_object(world, record_property):
    model = Amused.embedded()
    scores = {}
    for index in range(40):
        drawn = example(world, 0, index, "test", num_objects=2)
        found = look(model, drawn, 0.5, torch.Generator().manual_seed(index))
        for which in range(2):
            for name, values in maps_of(found, which).items():
                scores.setdefault(name, []).append(found.score(values, which))
    means = {name: float(np.nanmean(each)) for name, each in scores.items()}
    for name, mean in means.items():
        record_property(name, round(mean, 3))
    assert means["name dropped, log-probability"] >= 0.9
    assert means["name dropped, divergence"] >= 0.9
    assert means["the other object's name dropped, log-probability"] < 0.5
    attention = means["name read, all attentions"]
    assert 0.5 < attention < 1
