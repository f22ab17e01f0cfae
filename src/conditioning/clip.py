"""CLIP's text tower from its published settings, on empty, trained-to-be or random weights.

The model itself is transformers' `CLIPTextModelWithProjection`; this module reads and writes its
configuration file and fills it when there is no checkpoint.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection
from transformers.initialization import no_init_weights

from src.errors import UserError, nearest
from src.memory import check_free

CLIP_L14 = Path(__file__).parent / "presets" / "clip_l14.json"
DTYPE_KEYS = ("dtype", "torch_dtype")  # the new and the old spelling of the stored precision
LEFT_OUT = (*DTYPE_KEYS, "architectures", "model_type", "transformers_version", "_name_or_path")
# Old configuration files carry generation settings of a model that does not generate.
REQUIRED = (  # in every file
    *("hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers"),
    *("num_attention_heads", "max_position_embeddings", "vocab_size", "hidden_act"),
)
MOST_LAYERS = 1000
BYTES_PER_NUMBER = 4  # the tower is made in float32
IGNORED = ("dropout", "return_dict", "output_hidden_states", "output_attentions")


def clip_l14_settings() -> dict[str, Any]:
    """The published settings of aMUSEd's text encoder (report section 3)."""
    return json.loads(CLIP_L14.read_text())


def build_clip(settings: dict[str, Any], place: str) -> CLIPTextModelWithProjection:
    """The tower that the settings describe, its parameters not yet filled.

    settings: the object of a published `text_encoder/config.json`; `dtype` and `torch_dtype` may
        both stand in it and say how the file was stored, not how it is opened.
    place: where the settings come from, for errors (UserError).
    """
    known = {field.name for field in fields(CLIPTextConfig)}
    given = {key: value for key, value in settings.items() if key not in LEFT_OUT + IGNORED}
    for key in given:
        if key not in known:
            raise UserError(f"{place} has the unknown setting '{key}': {nearest(key, known)}")
    try:
        config = CLIPTextConfig(**given)
    except Exception as error:  # transformers checks some values with errors of its own kinds
        raise _no_tower(error, place) from error
    _check_size(config, place)
    try:
        with no_init_weights():
            return CLIPTextModelWithProjection(config).eval()
    except Exception as error:
        raise _no_tower(error, place) from error


def _no_tower(error: Exception, place: str) -> UserError:
    reason = str(error).strip().splitlines()[-1].strip() if str(error).strip() else "no reason"
    return UserError(f"{place} describes no CLIP text tower: {reason}")


def _check_size(config: CLIPTextConfig, place: str) -> None:
    """Refuse a tower whose building could only end with the process being killed; UserError."""
    dim, layers = config.hidden_size, config.num_hidden_layers
    if layers > MOST_LAYERS:
        raise UserError(
            f"{place} has num_hidden_layers = {layers}, which should be {MOST_LAYERS:,} or less."
        )
    in_layers = layers * dim * (4 * dim + 2 * config.intermediate_size)
    words = (config.vocab_size + config.max_position_embeddings + config.projection_dim) * dim
    needed, what = (in_layers + words) * BYTES_PER_NUMBER, f"the sizes in {place}"
    check_free(needed, "cpu", what, "copy the file again, or give a smaller model")


def published_settings(clip: CLIPTextModelWithProjection, dtype: torch.dtype) -> dict[str, Any]:
    """The tower's configuration file; the precision under the key that every version reads."""
    settings = {key: getattr(clip.config, key) for key in clip_l14_settings()}
    return {
        **settings,
        "architectures": [type(clip).__name__],
        "torch_dtype": str(dtype).removeprefix("torch."),
    }


def to_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tower's tensors under the published names, which transformers' own are."""
    return dict(state_dict)


def from_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back."""
    return dict(state_dict)


@torch.no_grad()
def initialise(
    clip: CLIPTextModelWithProjection, init: Literal["random", "training"], generator: Generator
) -> None:
    """Fill every parameter; one seed gives one tower.

    "training": CLIP's own start, where norms are ones and biases zeros. "random": all of them
    perturbed, and large enough for different prompts to have clearly different states.
    """
    if init == "training":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            clip.init_weights()
        return
    norms = {id(p) for m in clip.modules() if isinstance(m, nn.LayerNorm) for p in [m.weight]}
    for parameter in clip.parameters():
        draws = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            parameter.copy_(0.1 * draws + (1.0 if id(parameter) in norms else 0.0))
        else:
            parameter.copy_(draws / parameter.shape[1] ** 0.5)
