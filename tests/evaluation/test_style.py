"""Scores of style: known cases, and which pictures are picked."""

import numpy as np
import pytest
import torch
from torch import Generator

from src.evaluation.style import best, gram_distances, gram_matrices, style_scores, text_margins
from src.image_tokenizer.config import ImageTokenizerConfig
from src.image_tokenizer.vqgan import VQGAN

SIZES = {
    "block_out_channels": [8, 8, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "num_vq_embeddings": 20,
    "sample_size": 32,
}


@pytest.fixture(scope="module")
def vqgan():
    return VQGAN(ImageTokenizerConfig(**SIZES), generator=Generator().manual_seed(0)).eval()


def test_a_style_score_is_a_hundred_cosines_whatever_the_lengths():
    features = np.array([[3.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    assert style_scores(features, np.array([[2.0, 0.0]])) == pytest.approx([100, 0, -100])
    both = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert style_scores(features, both) == pytest.approx([50, 50, -50])


def test_a_picked_one_is_good_at_both():
    text = np.array([9.0, 8.0, 1.0, 5.0])
    style = np.array([1.0, 8.0, 9.0, 5.0])
    assert best(text, style, 2) == [1, 3]  # ranks (1, 1) and (2, 2)
    assert best(text, style, 4) == [1, 3, 0, 2]  # then (0, 3) before (3, 0)


def test_a_margin_asks_which_prompt_a_picture_is_told_by():
    features = np.array([[4.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    prompts = np.array([[1.0, 0.0], [0.0, 2.0]])
    margins = text_margins(features, prompts, np.array([0, 1, 0]))
    assert margins == pytest.approx([100, 20, -20])
    assert text_margins(features, prompts[:1], np.array([0, 0, 0])) == pytest.approx([100, 60, 60])


def test_moved_pictures_have_one_texture_and_recoloured_ones_another(vqgan):
    dots = torch.rand(1, 3, 32, 32, generator=Generator().manual_seed(1))
    moved = dots.roll((8, 8), (2, 3))
    grams = [gram_matrices(vqgan, each) for each in (dots, moved, 1 - dots, dots * 0)]
    same, shifted, inverted, blank = (gram_distances(each, grams[0])[0] for each in grams)
    assert same == pytest.approx(0, abs=1e-3)
    assert same < shifted < 0.5 * min(inverted, blank)


def test_the_nearest_of_several_style_pictures_counts(vqgan):
    pictures = torch.rand(3, 3, 32, 32, generator=Generator().manual_seed(2))
    pictures[1] *= 0.2
    grams = gram_matrices(vqgan, pictures)
    distances = gram_distances(grams, grams[:2])
    assert distances[:2] == pytest.approx([0, 0], abs=1e-3)
    assert distances[2] == pytest.approx(torch.dist(grams[2], grams[0]).item(), rel=1e-4)
