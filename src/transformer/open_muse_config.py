"""Settings of the U-ViT as open-muse wrote them, before diffusers had this model.

aMUSEd was trained with the class `MaskGiTUViT_v2` of huggingface/open-muse. One setting stands for
both resamplings, and many of its choices are no choice for a U-ViT as published: they are refused.
A dropout above zero is kept, but open-muse applies it to the attention's probabilities, and
diffusers and we to its output; without training there is no difference.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from src.errors import UserError, nearest
from src.transformer.config import TransformerConfig, from_published

CLASS_NAME = "MaskGiTUViT_v2"
OLDER_CLASS_NAME = "MaskGiTUViT"  # its settings had other defaults and far more choices
CLASS_NAMES = (CLASS_NAME, OLDER_CLASS_NAME)
SETTINGS_NAME = "config.json"
WEIGHTS_NAMES = (  # `save_pretrained` wrote the last; the others are what people convert it to
    "pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "pytorch_model.bin",
)

# What a U-ViT is, where open-muse left a choice. The second group are choices of the older class,
# whose settings a file of the newer one may still carry.
ONLY = {
    "norm_type": "rmsnorm",
    "layer_norm_eps": 1e-6,  # the text blocks' norms have no other, here and in diffusers,
    "ln_elementwise_affine": True,  # and always have weights
    "use_fused_mlp": False,  # a feed-forward without a gate
    "use_adapter": False,
    "add_cond_embeds": True,
    "add_micro_cond_embeds": True,
    # of the older class
    "add_cross_attention": True,
    "block_has_attention": True,
    "project_encoder_hidden_states": True,
    "use_encoder_layernorm": False,
    "use_normformer": False,
    "ffn_type": "glu",
    "res_ffn_factor": 4,
    "use_vannilla_resblock": False,
    "patch_size": 1,
    "use_position_embeddings": False,
    "layer_norm_embedddings": False,
    "layer_norm_before_mlm": False,
    "use_codebook_size_for_output": True,
    "use_quant_embeds": False,
    "num_classes": None,
    "learn_uncond_embeds": False,
    "use_empty_embeds_for_uncond": True,
}
WITHOUT_EFFECT = (  # how it was made, started or computed; nothing that a trained model depends on
    "adapter_proj_dim",
    "initializer_range",
    "is_adapter_shared",
    "max_position_embeddings",
    "num_vq_tokens",
    "quant_embed_dim",
    "use_fused_residual_norm",
    "xavier_init_embed",
)
IN_A_LIST = ("block_out_channels", "block_num_heads", "block_has_attention")  # one entry a stage
RENAMED = ("downsample", "upsample", "sample_size")  # not open-muse's words
SAME = tuple(field.name for field in fields(TransformerConfig) if field.name not in RENAMED)
KNOWN = {*SAME, *ONLY, *WITHOUT_EFFECT, "force_down_up_sample", "mask_token_id"}


def from_open_muse(
    settings: Mapping[str, Any], place: str, sample_size: int | None = None
) -> TransformerConfig:
    """Read and check the JSON object of `config.json`; `place` names it in errors (UserError).

    sample_size: side of the token grid it was trained on, which open-muse did not write down; None
        is that of the published models, 32 with resampling and 16 without.
    """
    _check_class(settings.get("_class_name"), place)
    given = {
        name: _single(name, value, place) if name in IN_A_LIST else value
        for name, value in settings.items()
        if not name.startswith("_")
    }
    for name, value in given.items():
        _check_setting(name, value, place)
    is_resampled = given.get("force_down_up_sample", False)
    published = {name: given[name] for name in SAME if name in given}
    published |= {"downsample": is_resampled, "upsample": is_resampled}
    published["sample_size"] = (32 if is_resampled else 16) if sample_size is None else sample_size
    config = from_published(published, place)
    if given.get("mask_token_id", config.vocab_size - 1) != config.vocab_size - 1:
        raise UserError(
            f"{place} has mask_token_id = {given['mask_token_id']}, which should be "
            f"{config.vocab_size - 1}, the last id of its vocabulary."
        )
    return config


def _check_class(name: Any, place: str) -> None:
    if name == OLDER_CLASS_NAME:
        raise UserError(
            f"{place} describes a {name}, the class before {CLASS_NAME}: open it with open-muse's "
            f"last version, which reads it as the newer class, and save it again."
        )
    if name != CLASS_NAME:
        raise UserError(
            f"{place} describes a {name}, and open-muse's U-ViT is a {CLASS_NAME}: give the folder "
            "of such a transformer, or open a whole checkpoint of diffusers with "
            "Amused.from_pretrained."
        )


def _check_setting(name: str, value: Any, place: str) -> None:
    if name not in KNOWN:
        raise UserError(f"{place} has the unknown setting '{name}': {nearest(name, KNOWN)}")
    if name in ONLY and value != ONLY[name]:
        raise UserError(
            f"{place} has {name} = {value!r}, and a U-ViT as published can only have "
            f"{ONLY[name]!r}: this checkpoint is of another architecture, which is not read here."
        )
    if name == "force_down_up_sample" and not isinstance(value, bool):
        raise UserError(f"{place} has {name} = {value!r}, which should be true or false.")


def _single(name: str, value: Any, place: str) -> Any:
    """The one entry of a setting that has one for each stage before the transformer."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise UserError(
            f"{place} has {name} = {value}, and a U-ViT as published has one stage on either side "
            "of the transformer: it should be a list with one entry."
        )
    return value[0]
