"""A toy system whose parts differ in width, and adapters that have something to say."""

import pytest
import torch

from src.adapters.config import LoraConfig
from src.adapters.lora import add_lora, lora_parameters
from src.amused import Amused

PROMPTS = ["a red heart", "a blue star"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def settings(tiny_settings) -> dict:
    """Two layers; the U-ViT, its convolution stages and the text encoder differ in width."""
    transformer = tiny_settings["transformer"] | {
        "num_hidden_layers": 2,
        "block_out_channels": 20,
        "encoder_hidden_size": 24,
    }
    text_encoder = tiny_settings["text_encoder"] | {"hidden_size": 24}
    return tiny_settings | {"transformer": transformer, "text_encoder": text_encoder}


@pytest.fixture
def build(settings):
    """Makes the same system every time, unless some of the transformer's settings are changed."""

    def build(**changes) -> Amused:
        return Amused.from_config(settings | {"transformer": settings["transformer"] | changes})

    return build


@pytest.fixture
def system(build) -> Amused:
    return build()


@pytest.fixture
def outputs():
    """Logits for a half hidden grid under two prompts: all that an adapter can change."""
    token_ids = torch.randint(32, (2, 4, 6), generator=generator(7))
    token_ids[:, ::2] = 39
    micro_cond = torch.tensor([[64.0, 64, 0, 0, 6], [32, 48, 0, 0, 5]])

    @torch.no_grad()
    def outputs(system: Amused) -> torch.Tensor:
        text = system.encode_prompts(PROMPTS)
        return system.transformer(token_ids, *text, micro_cond.to(system.dtype))

    return outputs


@pytest.fixture
def distance():
    """The largest difference of two tensors, as a share of the largest number in the first."""
    return lambda one, other: ((one - other).abs().max() / one.abs().max()).item()


@pytest.fixture
def adapt():
    """Adds an adapter that counts: none of its numbers is zero. Made from the seed alone."""

    def adapt(system: Amused, seed: int = 0, **changes) -> LoraConfig:
        config = LoraConfig(**({"rank": 4, "alpha": 8.0} | changes))
        add_lora(system, config, generator(seed))
        with torch.no_grad():
            for weight in lora_parameters(system):
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator(seed)))
        return config

    return adapt
