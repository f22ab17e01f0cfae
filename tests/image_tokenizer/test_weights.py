"""The VQGAN's tensors carry the published names, without loss in either direction."""

import pytest
import torch

from src.errors import UserError
from src.image_tokenizer.config import preset
from src.image_tokenizer.vqgan import VQGAN
from src.image_tokenizer.weights import from_published, to_published


@pytest.mark.parametrize("widths", [[8], [8, 16], [8, 16, 16, 24]])
def test_there_and_back_gives_the_same_tensors(tiny_config, rng, widths):
    ours = VQGAN(tiny_config(block_out_channels=widths), "random", rng).state_dict()
    published = to_published(ours)
    assert len(published) == len(ours)
    back = from_published(published)
    assert list(back) == list(ours)
    assert all(torch.equal(back[name], ours[name]) for name in ours)


def test_published_names_and_shapes_are_as_documented():
    with torch.device("meta"):
        published = to_published(VQGAN(preset("amused")).state_dict())
    shapes = {name: tuple(tensor.shape) for name, tensor in published.items()}
    assert shapes["quantize.embedding.weight"] == (8192, 64)
    assert shapes["quant_conv.weight"] == (64, 64, 1, 1)
    assert shapes["encoder.down_blocks.3.downsamplers.0.conv.weight"] == (512, 512, 3, 3)
    assert shapes["decoder.up_blocks.1.resnets.0.conv_shortcut.weight"] == (512, 768, 1, 1)
    assert shapes["decoder.up_blocks.4.resnets.2.conv2.bias"] == (128,)


def test_a_tensor_of_another_model_is_refused_by_name():
    with pytest.raises(UserError, match=r"'encoder\.mid_block\.attentions\.0\.to_q\.weight'"):
        from_published({"encoder.mid_block.attentions.0.to_q.weight": torch.zeros(1)})
