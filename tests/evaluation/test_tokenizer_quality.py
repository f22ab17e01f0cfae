"""The numbers of a round trip: torchmetrics' own, and known where the tokenizer is."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from src.errors import UserError
from src.evaluation.frechet import frechet_distance
from src.evaluation.psnr import psnr
from src.evaluation.tokenizer_quality import psnr_of_each, ssim_of_each, tokenizer_quality
from src.image_tokenizer.config import ImageTokenizerConfig
from src.image_tokenizer.vqgan import VQGAN


class Levels(VQGAN):
    """Loses the low bits of each value: its tokens are the pictures in steps of `size`."""

    codebook_size = 256

    def __init__(self, size):
        torch.nn.Module.__init__(self)
        self.size = size
        self.quantizer = torch.nn.Module()
        self.quantizer.codebook = torch.nn.Parameter(torch.zeros(256, 1))

    def encode(self, pixels):
        return (pixels[:, 0] * 255).round().long() // self.size

    def decode(self, token_ids):
        return (token_ids * self.size / 255)[:, None].expand(-1, 3, -1, -1)


@pytest.fixture
def vqgan(rng):
    settings = {"block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4}
    sizes = {"latent_channels": 4, "num_vq_embeddings": 20}
    return VQGAN(ImageTokenizerConfig(**settings, **sizes), init="random", generator=rng).eval()


@pytest.fixture
def grey():
    """Seventy grey pictures of 16 pixels: more than one part, more than the clip's features."""
    values = np.random.default_rng(1).integers(0, 256, (70, 16, 16, 1), dtype=np.uint8)
    return values.repeat(3, axis=3)


def measured(*args, **kwargs):
    rng = np.random.default_rng(0)
    return {each.name: each for each in tokenizer_quality(*args, rng=rng, **kwargs)}


def test_psnr_and_ssim_are_torchmetrics_values_of_the_saved_pictures(vqgan, pictures):
    found = measured(vqgan, pictures)
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        back = (vqgan.decode(vqgan.encode(pixels)) * 255).round() / 255
    decibels = [
        peak_signal_noise_ratio(one, other, data_range=1.0).item()
        for one, other in zip(back, pixels, strict=True)
    ]
    alike = structural_similarity_index_measure(back, pixels, data_range=1.0).item()
    assert found["PSNR, dB"].value == pytest.approx(np.mean(decibels), rel=1e-5)
    assert found["SSIM"].value == pytest.approx(alike, rel=1e-4)
    assert np.std(decibels) > 0
    for name in ("PSNR, dB", "SSIM"):
        each = found[name]
        assert each.num_samples == 11
        assert each.low < each.value < each.high


def test_known_pictures_have_known_numbers():
    """All values off by 0.1: 20 dB. Flat pictures: SSIM is its term of means, equation 6."""
    dark, light = torch.full((2, 3, 16, 16), 0.5), torch.full((2, 3, 16, 16), 0.6)
    assert psnr_of_each(dark, light).tolist() == pytest.approx([20.0, 20.0], rel=1e-4)
    expected = (2 * 0.5 * 0.6 + 1e-4) / (0.5**2 + 0.6**2 + 1e-4)
    assert ssim_of_each(dark, light).tolist() == pytest.approx([expected] * 2, rel=1e-4)
    assert psnr_of_each(dark, dark).tolist() == psnr(dark, dark).tolist() == [100, 100]
    assert ssim_of_each(dark, dark).tolist() == pytest.approx([1, 1])


def test_what_loses_more_scores_worse_and_what_loses_nothing_best(grey, clip):
    exact, fine, coarse = (measured(Levels(size), grey, features=clip) for size in (1, 8, 64))
    assert exact["PSNR, dB"].value == 100
    assert exact["SSIM"].value == pytest.approx(1)
    assert exact["FD[tiny-clip]"].value == pytest.approx(0, abs=1e-6)
    for name in ("PSNR, dB", "SSIM", "codes used", "codebook perplexity"):
        assert exact[name].value > fine[name].value > coarse[name].value, name
    assert (
        exact["FD[tiny-clip]"].value < fine["FD[tiny-clip]"].value < coarse["FD[tiny-clip]"].value
    )


def test_codes_in_use_are_counted_over_all_pictures(grey):
    found = measured(Levels(64), grey)
    assert found["codes used"].value == pytest.approx(4 / 256)  # 0, 64, 128, 192
    shares = np.bincount(grey[..., 0].ravel() // 64) / grey[..., 0].size
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert found["codebook perplexity"].value == pytest.approx(expected, rel=1e-5)
    assert found["codes used"].note == "17,920 tokens, 256 codes"


def test_the_distance_is_the_frechet_distance_of_what_comes_back(grey, clip):
    found = measured(Levels(64), grey, features=clip)["FD[tiny-clip]"]
    back = grey // 64 * 64
    expected = frechet_distance(clip.picture_features(back), clip.picture_features(grey), "x")
    assert found.value == pytest.approx(expected.value, rel=1e-6)
    assert (found.num_samples, found.num_reference) == (70, 70)
    assert found.low < found.value - found.bias < found.high
    assert (found.resizer, found.weights_hash) == (clip.resizer, clip.weights_hash)


def test_without_features_there_is_no_distance_and_no_name_that_claims_one(grey):
    assert not [name for name in measured(Levels(8), grey) if "F" in name.replace("PSNR", "")]


def test_pictures_smaller_than_ssims_window_are_refused(vqgan):
    with pytest.raises(UserError, match="windows of 11 pixels, and the pictures measure 8x16"):
        measured(vqgan, np.zeros((2, 16, 8, 3), dtype=np.uint8))
