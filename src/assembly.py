"""The parts of aMUSEd opened from a checkpoint, built from settings, and written again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Generator, Tensor

from src.adapters.file import lora_tensors
from src.adapters.layers import base_state
from src.adapters.lora import has_lora, strengths
from src.checkpoint.fit import fit
from src.checkpoint.folder import (
    INDEX_FILE,
    CheckpointFolder,
    Place,
    Variant,
    check_variant,
    settings_name,
)
from src.checkpoint.read import read_json, read_tensors
from src.checkpoint.write import new_checkpoint, write_index, write_settings, write_tensors
from src.conditioning import clip
from src.conditioning.glyph_tokenizer import build_tokenizer
from src.conditioning.text import TextEncoder
from src.conditioning.text_tokenizer import stand_in_tokenizer
from src.conditioning.tokenizer_folder import load_text_tokenizer, save_text_tokenizer
from src.errors import UserError, nearest, shown
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer import weights as image_tokenizer_weights
from src.image_tokenizer.vqgan import VQGAN
from src.limits import check_seed
from src.masking.config import check_schedule
from src.published.settings import check_complete
from src.sampler.config import AMUSED_GUIDANCE, LARGEST
from src.transformer import config as transformer_config
from src.transformer import open_muse_config, open_muse_weights
from src.transformer import weights as transformer_weights
from src.transformer.uvit import UViT

PRESETS = ("amused_256", "amused_512")
PARTS = ("transformer", "vqvae", "text_encoder")
REQUIRED = {  # keys of the settings files that no checkpoint leaves out
    "transformer": transformer_config.REQUIRED,
    "vqvae": image_tokenizer_config.REQUIRED,
    "text_encoder": clip.REQUIRED,
    "scheduler": ("mask_token_id", "masking_schedule"),
}
# of model_index.json: what a checkpoint draws well at; the published ones are without it
GUIDANCE_KEY = "_guidance_scale"
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class Parts(NamedTuple):
    """What aMUSEd consists of."""

    transformer: UViT
    image_tokenizer: VQGAN
    text_encoder: TextEncoder
    mask_schedule: str  # one of masking's known schedules
    guidance_scale: float = AMUSED_GUIDANCE  # where whoever draws names none


def open_parts(folder: CheckpointFolder, dtype: torch.dtype, device: Any) -> Parts:
    """The parts of a checkpoint, in evaluation mode; every fault of its files is a UserError.

    Its transformer may be one that open-muse wrote; see `open_transformer`.
    dtype: float32, float16 or bfloat16, whatever the files hold. In float16 an image tokenizer
        whose settings say `force_upcast` stays in float32: it overflows otherwise.
    """
    _check_dtype(dtype)
    check_device(device)
    for part in (*PARTS, "tokenizer", "scheduler"):
        folder.class_of(part)
    vqgan = open_vqgan(folder, dtype, device)
    tower = clip.build_clip(*_settings(folder, "text_encoder"))
    transformer = _open_transformer(folder, dtype).to(device).eval()
    tensors, path = folder.tensors("text_encoder"), folder.weights_path("text_encoder")
    fit(tower, tensors, path, dtype, clip.to_published, clip.from_published)
    tower.to(device).eval()
    tokenizer = load_text_tokenizer(folder.files_of("tokenizer"), folder.class_of("tokenizer"))
    schedule = _schedule(*_settings(folder, "scheduler"), transformer.mask_token_id)
    return Parts(
        transformer, vqgan, TextEncoder(tower, tokenizer), schedule, _guidance_scale(folder)
    )


def open_vqgan(folder: CheckpointFolder, dtype: torch.dtype, device: str | torch.device) -> VQGAN:
    """A checkpoint's image tokenizer alone, in evaluation mode; see `open_parts`."""
    _check_dtype(dtype)
    with torch.device("meta"):  # shapes only: the numbers come from the files
        vqgan = VQGAN(image_tokenizer_config.from_published(*_settings(folder, "vqvae")))
    is_risen = dtype == torch.float16 and vqgan.config.force_upcast
    part_dtype, naming = torch.float32 if is_risen else dtype, image_tokenizer_weights
    tensors, path = folder.tensors("vqvae"), folder.weights_path("vqvae")
    fit(vqgan, tensors, path, part_dtype, naming.to_published, naming.from_published)
    return vqgan.to_draw(device).eval()


def open_transformer(
    path: str | Path,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    sample_size: int | None = None,
) -> UViT:
    """A transformer that open-muse's save_pretrained wrote, in evaluation mode.

    path: the folder with its `config.json` and weights: `pytorch_model.bin`, of which only tensors
        are opened, or the same as safetensors.
    sample_size: side of the token grid it was trained on; None is that of the published models.

    Every fault of its files, and a setting that our U-ViT cannot have, is a UserError.
    """
    _check_dtype(dtype)
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: give the one with a transformer's files")
    return _read_open_muse(folder, folder, dtype, sample_size).to(device).eval()


def build_parts(settings: Any, seed: Any, init: Literal["random", "training"]) -> Parts:
    """The parts on fresh weights, in evaluation mode; one seed gives the same ones.

    settings: "amused_256", "amused_512", or an object with the published settings of
        `transformer`, `vqvae` and `text_encoder`, and if need be of `scheduler`. `tokenizer` may
        hold the `words` of a grammar; without it, the stand-in CLIP tokenizer is made to size.
    """
    if not isinstance(settings, str | Mapping):
        raise UserError(
            f"the settings are {shown(settings)}; give one of {', '.join(PRESETS)}, or a dict"
        )
    chosen = _preset(settings) if isinstance(settings, str) else dict(settings)
    for part in PARTS:
        if part not in chosen:
            raise UserError(f"the settings lack '{part}'; needed are {', '.join(PARTS)}")
    for part in chosen.keys() & {*PARTS, "scheduler", "tokenizer"}:
        if not isinstance(chosen[part], Mapping):
            raise UserError(f"the settings have {part} = {shown(chosen[part])}; give a dict")
    check_seed("seed", seed)
    if init not in ("random", "training"):
        raise UserError(f"init is '{init}'; {nearest(init, ('random', 'training'))}")
    generator = Generator().manual_seed(seed)
    transformer = UViT(
        transformer_config.from_published(chosen["transformer"], "transformer"), init, generator
    )
    vqgan = VQGAN(image_tokenizer_config.from_published(chosen["vqvae"], "vqvae"), init, generator)
    text_encoder = _build_text_encoder(chosen, init, generator)
    schedule = _schedule(chosen.get("scheduler", {}), "scheduler", transformer.mask_token_id)
    return Parts(transformer.eval(), vqgan.eval(), text_encoder.eval(), schedule)


def save_parts(parts: Parts, path: Place, dtype: torch.dtype, variant: Variant) -> None:
    """Write a checkpoint in the published layout, weights as `dtype`, with checksums.

    Raises UserError while an adapter is in: the layout has no place for it.
    """
    if has_lora(parts):
        raise UserError(
            "the model carries an adapter, for which the published layout has no place: call "
            "merge_lora() first, or write the adapter alone with save_lora()."
        )
    check_variant(variant)
    tower = parts.text_encoder.clip
    scheduler = {"_class_name": "AmusedScheduler", "mask_token_id": parts.transformer.mask_token_id}
    with new_checkpoint(path) as draft:
        settings = {
            "transformer": transformer_config.to_published(parts.transformer.config),
            "vqvae": image_tokenizer_config.to_published(parts.image_tokenizer.config),
            "text_encoder": clip.published_settings(tower, dtype),
            "scheduler": {**scheduler, "masking_schedule": parts.mask_schedule},
        }
        for part, published in settings.items():
            write_settings(draft, part, published)
        for part, tensors in published_tensors(parts).items():
            write_tensors(draft, part, tensors, dtype, variant)
        tokenizer = parts.text_encoder.tokenizer
        is_usual = parts.guidance_scale == AMUSED_GUIDANCE
        notes = {} if is_usual else {GUIDANCE_KEY: parts.guidance_scale}
        write_index(draft, save_text_tokenizer(tokenizer, draft / "tokenizer"), notes)


def published_tensors(parts: Parts) -> dict[str, dict[str, Tensor]]:
    """The tensors of each part under their published names, without an adapter's."""
    return {
        "transformer": transformer_weights.to_published(base_state(parts.transformer)),
        "vqvae": image_tokenizer_weights.to_published(parts.image_tokenizer.state_dict()),
        "text_encoder": clip.to_published(base_state(parts.text_encoder.clip)),
    }


def all_tensors(parts: Parts) -> dict[str, Tensor]:
    """Every tensor that a picture depends on, a loaded adapter and its strength included."""
    plain = published_tensors(parts)
    named = {f"{part}.{name}": tensor for part in plain for name, tensor in plain[part].items()}
    strength = {f"{part}.lora": torch.tensor(value) for part, value in strengths(parts).items()}
    return named | lora_tensors(parts) | strength


def _open_transformer(folder: CheckpointFolder, dtype: torch.dtype) -> UViT:
    if folder.class_in_settings("transformer") in open_muse_config.CLASS_NAMES:
        return _read_open_muse(folder.folder / "transformer", folder.folder, dtype)
    with torch.device("meta"):
        transformer = UViT(transformer_config.from_published(*_settings(folder, "transformer")))
    tensors, path = folder.tensors("transformer"), folder.weights_path("transformer")
    naming = transformer_weights
    fit(transformer, tensors, path, dtype, naming.to_published, naming.from_published)
    return transformer


def _read_open_muse(
    folder: Path, checkpoint: Path, dtype: torch.dtype, sample_size: int | None = None
) -> UViT:
    """The transformer in `folder`, which is the checkpoint or a part of it."""
    place, names = folder / open_muse_config.SETTINGS_NAME, open_muse_config.WEIGHTS_NAMES
    settings = read_json(place, checkpoint, "open-muse writes it beside the weights")
    with torch.device("meta"):
        transformer = UViT(open_muse_config.from_open_muse(settings, str(place), sample_size))
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise UserError(
            f"{folder} holds no weights: beside its {place.name} should lie one of "
            f"{', '.join(names)}"
        )
    tensors, naming = read_tensors(path, checkpoint), open_muse_weights
    fit(transformer, tensors, path, dtype, naming.to_open_muse, naming.from_open_muse)
    return transformer


def check_device(device: Any) -> None:
    """Raise UserError for what torch does not know as a device, or has not got here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        raise UserError(
            f"device={shown(device)} cannot be used here; give cpu, or cuda or cuda:N where torch "
            "sees such a GPU"
        ) from error


def _check_dtype(dtype: torch.dtype) -> None:
    if dtype not in DTYPES:
        raise UserError(f"dtype is {dtype}: {', '.join(str(known) for known in DTYPES)} are known")


def _settings(folder: CheckpointFolder, part: str) -> tuple[dict[str, Any], str]:
    settings, place = folder.settings(part), str(folder.folder / part / settings_name(part))
    check_complete(settings, REQUIRED[part], place)
    return settings, place


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise UserError(f"there is no configuration '{name}'; {nearest(name, PRESETS)}")
    return {
        "transformer": transformer_config.to_published(transformer_config.preset(name)),
        "vqvae": image_tokenizer_config.to_published(image_tokenizer_config.preset("amused")),
        "text_encoder": clip.clip_l14_settings(),
    }


def _build_text_encoder(
    chosen: dict[str, Any], init: Literal["random", "training"], generator: Generator
) -> TextEncoder:
    settings = clip.clip_l14_settings() | chosen["text_encoder"]
    window = settings["max_position_embeddings"]
    try:
        if "tokenizer" in chosen:
            tokenizer = build_tokenizer(chosen["tokenizer"]["words"], window)
            settings = settings | {"vocab_size": len(tokenizer)}
        else:
            tokenizer = stand_in_tokenizer(settings["vocab_size"], window)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"the settings describe no text tokenizer: {error}") from error
    tower = clip.build_clip(settings, "text_encoder")
    clip.initialise(tower, init, generator)
    return TextEncoder(tower, tokenizer)


def _guidance_scale(folder: CheckpointFolder) -> float:
    """The guidance that a checkpoint asks for, aMUSEd's where it says nothing."""
    asked = folder.index.get(GUIDANCE_KEY, AMUSED_GUIDANCE)
    is_number = isinstance(asked, int | float) and not isinstance(asked, bool)
    if not is_number or not 0 <= asked <= LARGEST:
        raise UserError(
            f"{folder.folder / INDEX_FILE} has {GUIDANCE_KEY} = {asked!r}, which should be a "
            f"number from 0 to {LARGEST:,.0f}"
        )
    return asked


def _schedule(settings: Mapping[str, Any], place: str, mask_token_id: int) -> str:
    """The mask schedule that a scheduler's settings name."""
    if settings.get("mask_token_id", mask_token_id) != mask_token_id:
        raise UserError(
            f"{place} has mask_token_id = {settings['mask_token_id']}, and the transformer's is "
            f"{mask_token_id}, the last id of its vocabulary: the two are not of one checkpoint"
        )
    check_schedule(schedule := settings.get("masking_schedule", "cosine"))
    return schedule
