"""What is counted without memory is what a real pass keeps and computes."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from src.transformer import config as transformer_config
from src.transformer.cost import matrix_rate, uvit_cost
from src.transformer.uvit import UViT


@pytest.fixture(scope="module")
def settings():
    return transformer_config.preset("glyphs")


def test_the_bytes_kept_are_those_of_a_real_forward_pass(settings):
    uvit = UViT(settings)
    weights = {parameter.untyped_storage().data_ptr() for parameter in uvit.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (
                storage.nbytes(),
                tensor,
            )  # held, so that no place is reused
        return tensor

    side, words = settings.sample_size, 16
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            logits = uvit(
                torch.zeros(2, side, side, dtype=torch.long),
                torch.zeros(2, words, settings.encoder_hidden_size),
                torch.zeros(2, settings.cond_embed_dim),
                torch.zeros(2, 5),
            )
        cross_entropy(logits.flatten(0, 1), torch.zeros(2 * side**2, dtype=torch.long))
    real = sum(size for size, _ in kept.values()) / 2  # a picture
    assert uvit_cost(settings, words).picture_bytes == pytest.approx(real, rel=0.03)


def test_the_parameters_of_the_published_models_are_all_counted():
    cost = uvit_cost(transformer_config.preset("amused_256"), 77)
    assert cost.num_parameters == 603_537_664  # report, parameter counts
    # forward and backward are 3 passes of 2 operations a weight and token; some weights are used
    # once a word (77) or once a picture instead of once a token (256)
    assert 0.5 < cost.picture_flops / (3 * 2 * 256 * cost.num_parameters) < 1


def test_memory_counts_every_copy_of_the_weights(settings):
    cost = uvit_cost(settings, 16)
    weights = 4 * cost.num_parameters
    assert cost.memory(3, "adamw") == 5 * weights + 3 * cost.picture_bytes
    assert cost.memory(3, "muon", has_average=False) == 3 * weights + 3 * cost.picture_bytes


def test_time_is_operations_by_rate(settings):
    cost = uvit_cost(settings, 16)
    assert cost.seconds(10, float(cost.picture_flops)) == 10
    assert matrix_rate("cpu", torch.float32, size=64) > 1e6
