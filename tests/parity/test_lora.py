"""Adapters against diffusers and PEFT as people use them: written there or here, read in both."""

import copy
from typing import NamedTuple

import pytest
import torch
from peft import LoraConfig as PeftConfig
from peft import get_peft_model_state_dict

from src.adapters.config import LoraConfig
from src.adapters.file import load_lora, save_lora
from src.adapters.lora import add_lora, lora_parameters, strengths
from src.amused import Amused

CLOSE = 1e-5  # of the largest logit
PROMPTS = ["a red heart", "a blue star"]
STRENGTHS = [(16, 32), (16, 1), (4, 4)]  # rank and alpha; the first two are aMUSEd's


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class There(NamedTuple):
    """The two adaptable parts as diffusers and transformers open them."""

    transformer: torch.nn.Module
    text_encoder: torch.nn.Module


@pytest.fixture(scope="module")
def saved(tiny_settings, tmp_path_factory):
    """A checkpoint whose widths all differ, for both sides to open."""
    transformer = tiny_settings["transformer"] | {
        "num_hidden_layers": 2,
        "block_out_channels": 20,
        "encoder_hidden_size": 24,
    }
    text_encoder = tiny_settings["text_encoder"] | {"hidden_size": 24}
    folder = tmp_path_factory.mktemp("base") / "model"
    settings = tiny_settings | {"transformer": transformer, "text_encoder": text_encoder}
    Amused.from_config(settings).save_pretrained(folder)
    return folder


@pytest.fixture
def here(saved) -> Amused:
    return Amused.from_pretrained(saved)


@pytest.fixture(scope="module")
def opened_there(saved) -> There:
    from diffusers import UVit2DModel
    from transformers import CLIPTextModelWithProjection

    return There(
        UVit2DModel.from_pretrained(saved, subfolder="transformer").eval(),
        CLIPTextModelWithProjection.from_pretrained(saved, subfolder="text_encoder").eval(),
    )


@pytest.fixture
def there(opened_there) -> There:
    return copy.deepcopy(opened_there)


@pytest.fixture
def inputs():
    token_ids = torch.randint(32, (2, 6, 4), generator=generator(7))
    token_ids[:, ::2] = 39
    return token_ids, torch.tensor([[64.0, 64, 0, 0, 6], [32, 48, 0, 0, 5]])


@torch.no_grad()
def logits_here(system: Amused, inputs) -> torch.Tensor:
    text = system.encode_prompts(PROMPTS)
    return system.transformer(inputs[0], *text, inputs[1])


@torch.no_grad()
def logits_there(there: There, system: Amused, inputs) -> torch.Tensor:
    text = there.text_encoder(system.text_encoder.prompt_ids(PROMPTS), output_hidden_states=True)
    logits = there.transformer(
        input_ids=inputs[0],
        encoder_hidden_states=text.hidden_states[-2],
        pooled_text_emb=text.text_embeds,
        micro_conds=inputs[1],
    )
    return logits.flatten(2).transpose(1, 2)  # (batch, seq, codes), as ours


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return ((one - other).abs().max() / one.abs().max()).item()


def load_there(there: There, folder) -> None:
    """As the loader mixin of aMUSEd does, which the pipeline itself does not inherit."""
    from diffusers.loaders import AmusedLoraLoaderMixin as Mixin

    state, alphas, metadata = Mixin.lora_state_dict(folder, return_lora_metadata=True)
    Mixin.load_lora_into_transformer(state, alphas, there.transformer, metadata=metadata)
    if any(name.startswith("text_encoder.") for name in state):
        Mixin.load_lora_into_text_encoder(state, alphas, there.text_encoder, metadata=metadata)


def adapt_there(there: There, rank: int, alpha: int, has_text_encoder: bool) -> None:
    """Adapters as aMUSEd's training script adds them, with numbers that count."""
    shared = {"r": rank, "lora_alpha": alpha, "init_lora_weights": "gaussian"}
    transformer = PeftConfig(**shared, target_modules=["to_q", "to_k", "to_v"])
    there.transformer.add_adapter(transformer)
    if has_text_encoder:
        text_encoder = PeftConfig(**shared, target_modules=["q_proj", "k_proj", "v_proj"])
        there.text_encoder.add_adapter(text_encoder)
    rng = generator(5)
    with torch.no_grad():
        for module in there:
            for name, weight in module.named_parameters():
                if "lora_" in name:
                    weight.copy_(0.1 * torch.randn(weight.shape, generator=rng))


def test_the_bases_agree(here, there, inputs):
    assert distance(logits_here(here, inputs), logits_there(there, here, inputs)) <= CLOSE


@pytest.mark.parametrize(("rank", "alpha"), STRENGTHS)
@pytest.mark.parametrize("has_text_encoder", [False, True])
def test_an_adapter_written_here_opens_there(
    here, there, inputs, tmp_path, rank, alpha, has_text_encoder
):
    base = logits_here(here, inputs)
    config = LoraConfig(rank=rank, alpha=float(alpha), has_text_encoder=has_text_encoder)
    add_lora(here, config, generator())
    with torch.no_grad():
        for weight in lora_parameters(here):
            weight.copy_(0.1 * torch.randn(weight.shape, generator=generator(5)))
    save_lora(here, tmp_path)
    load_there(there, tmp_path)
    adapted = logits_here(here, inputs)
    assert distance(base, adapted) > 10 * CLOSE
    assert distance(adapted, logits_there(there, here, inputs)) <= CLOSE


@pytest.mark.parametrize(("rank", "alpha"), STRENGTHS)
def test_an_adapter_written_there_opens_here(here, there, inputs, tmp_path, rank, alpha):
    base = logits_here(here, inputs)
    adapt_there(there, rank, alpha, has_text_encoder=False)
    there.transformer.save_lora_adapter(tmp_path)
    load_lora(here, tmp_path)
    adapted = logits_here(here, inputs)
    assert strengths(here) == {"transformer": alpha / rank}
    assert distance(base, adapted) > 10 * CLOSE
    assert distance(adapted, logits_there(there, here, inputs)) <= CLOSE


@pytest.mark.filterwarnings("ignore:Could not find a config file")  # PEFT asks the hub
@pytest.mark.parametrize("is_old_spelling", [False, True])
def test_a_file_of_the_loader_mixin_opens_here_with_the_text_encoder(
    here, there, inputs, tmp_path, is_old_spelling
):
    """That function writes no alpha, so rank and alpha are the same here."""
    from diffusers.loaders import AmusedLoraLoaderMixin
    from diffusers.utils import convert_state_dict_to_diffusers

    base = logits_here(here, inputs)
    adapt_there(there, 4, 4, has_text_encoder=True)
    spelled = convert_state_dict_to_diffusers if is_old_spelling else dict
    AmusedLoraLoaderMixin.save_lora_weights(
        tmp_path,
        transformer_lora_layers=spelled(get_peft_model_state_dict(there.transformer)),
        text_encoder_lora_layers=spelled(get_peft_model_state_dict(there.text_encoder)),
    )
    with pytest.warns(UserWarning, match="does not tell the alpha"):
        load_lora(here, tmp_path)
    adapted = logits_here(here, inputs)
    assert distance(base, adapted) > 10 * CLOSE
    assert distance(adapted, logits_there(there, here, inputs)) <= CLOSE


def test_an_alpha_lost_there_is_given_back_by_the_scale(here, there, inputs, tmp_path):
    """aMUSEd's script trains with alpha 32 and rank 16, and its file tells neither."""
    from diffusers.loaders import AmusedLoraLoaderMixin

    adapt_there(there, 16, 32, has_text_encoder=False)
    AmusedLoraLoaderMixin.save_lora_weights(
        tmp_path, transformer_lora_layers=get_peft_model_state_dict(there.transformer)
    )
    with pytest.warns(UserWarning, match="alpha / 16"):
        load_lora(here, tmp_path, scale=32 / 16)
    assert distance(logits_here(here, inputs), logits_there(there, here, inputs)) <= CLOSE


def test_a_merged_model_opens_there(here, there, saved, inputs, tmp_path):
    from diffusers import UVit2DModel

    adapt_there(there, 4, 8, has_text_encoder=False)
    there.transformer.save_lora_adapter(tmp_path)
    here.load_lora(tmp_path)
    adapted = logits_here(here, inputs)
    here.merge_lora()
    here.save_pretrained(tmp_path / "merged")
    merged = UVit2DModel.from_pretrained(tmp_path / "merged", subfolder="transformer").eval()
    there_merged = There(merged, there.text_encoder)
    assert distance(adapted, logits_there(there_merged, here, inputs)) <= CLOSE
