"""The U-ViT's tensors carry the published names, without loss in either direction."""

import pytest
import torch

from src.errors import UserError
from src.transformer.config import preset
from src.transformer.uvit import UViT
from src.transformer.weights import from_published, to_published


@pytest.mark.parametrize("is_512", [False, True])
@pytest.mark.parametrize("use_bias", [False, True])
def test_there_and_back_gives_the_same_tensors(tiny_config, rng, is_512, use_bias):
    config = tiny_config(downsample=is_512, upsample=is_512, use_bias=use_bias)
    ours = UViT(config, "random", rng).state_dict()
    published = to_published(ours)
    assert len(published) == len(ours)
    back = from_published(published)
    assert list(back) == list(ours)
    assert all(torch.equal(back[name], ours[name]) for name in ours)


def test_published_names_and_shapes_of_amused_512_are_as_documented():
    with torch.device("meta"):
        published = to_published(UViT(preset("amused_512")).state_dict())
    shapes = {name: tuple(tensor.shape) for name, tensor in published.items()}
    assert shapes["embed.embeddings.weight"] == (8256, 768)
    assert shapes["mlm_layer.conv2.weight"] == (8192, 768, 1, 1)
    assert shapes["down_block.downsample.conv.weight"] == (768, 768, 2, 2)
    assert shapes["down_block.res_blocks.2.channelwise_norm.gamma"] == (1, 1, 1, 3072)
    assert shapes["transformer_layers.21.attn2.to_out.0.weight"] == (1024, 1024)
    assert shapes["transformer_layers.0.ff.net.0.proj.weight"] == (5632, 1024)


def test_a_tensor_of_another_model_is_refused_by_name():
    with pytest.raises(UserError, match=r"'decoder\.conv_in\.weight', which this architecture"):
        from_published({"decoder.conv_in.weight": torch.zeros(1)})
