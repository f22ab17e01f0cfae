"""The task keeps each map's scores apart, and says them with scenes and interval."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from src.amused import Amused
from src.compose import composed
from src.errors import UserError
from src.interpret.object_words import maps_of
from src.tasks import inspect_words
from src.tasks.inspect_words import HALF, look_at, measured, scenes, scores_of


@pytest.fixture(scope="module")
def config():
    return composed(["+exp=inspect_words", "inspection.num_pictures=4"]).config


@pytest.fixture(scope="module")
def model(tiny_settings):
    return Amused.from_config(tiny_settings, seed=5)


@pytest.fixture(scope="module")
def looked(model, config):
    return look_at(model, config, scenes(model, config))


def test_scores_are_means_over_a_scenes_objects(looked):
    assert [len(each.names) for each in looked] == [2] * 4
    assert len({tuple(each.is_hidden.flatten().tolist()) for each in looked}) == 4
    scores = scores_of(looked)
    name = "name dropped, log-probability"
    expected = np.mean([looked[2].score(maps_of(looked[2], o)[name], o) for o in range(2)])
    assert scores[name, 0.1][2] == pytest.approx(expected)
    rows = {(row.name, row.subject): row for row in measured(scores)}
    row = rows[f"AUROC, {name}", "covered above 10 %"]
    assert row.value == pytest.approx(scores[name, 0.1].mean())
    assert row.num_samples == 4
    assert row.low < row.value < row.high
    assert len(rows) == len(scores)


def test_scenes_without_a_cell_of_the_object_do_not_count(looked):
    thin = looked[0]._replace(coverage=torch.full_like(looked[0].coverage, 0.2))
    scores = scores_of([thin, looked[1]])
    assert len(scores["name dropped, divergence", HALF]) == 1


def test_too_few_hidden_tokens_are_refused_before_any_is_looked_at(looked, model, config):
    flat = [looked[0]._replace(coverage=torch.zeros_like(looked[0].coverage))]
    with pytest.raises(
        UserError, match=r"in none of the 1 scenes .* a larger inspection.mask_ratio"
    ):
        scores_of(flat)
    few = replace(config, inspection=replace(config.inspection, mask_ratio=0.001))
    with pytest.raises(UserError, match=r"mask_ratio=0.001 hides fewer than two of a scene's 64"):
        inspect_words.check_hides_enough(model, few)
    inspect_words.check_hides_enough(model, config)


def test_a_model_of_other_pictures_is_refused(model, config):
    config.data.picture_size, size = 64, config.data.picture_size
    with pytest.raises(UserError, match="draws 32x32 pixels, and the scenes have 64"):
        scenes(model, config)
    config.data.picture_size = size
