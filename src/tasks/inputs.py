"""What a configuration names, opened: the model, its device, the prompts and the seeds."""

import os
from pathlib import Path

from src.config import (
    EMBEDDED,
    PUBLISHED_MODELS,
    RunConfig,
    check_last_seed,
    check_seed_count,
)
from src.data.prompt_sets import read_prompt_set
from src.errors import UserError, nearest, shown
from src.experiments import EMBEDDED_MODEL
from src.memory import keep_freed_memory
from src.speed.config import SpeedConfig


def open_model(config: RunConfig):
    """The `Amused` that `model`, `variant`, `adapter`, `dtype`, `device` and `speed` name."""
    import torch

    from src.amused import Amused

    keep_freed_memory()
    device = choose_device(config.device, torch.cuda.device_count())
    dtype = getattr(torch, config.dtype)
    goes_in_pieces = config.speed.weights != "full" or config.speed.is_offloaded
    place = "cpu" if goes_in_pieces else device
    if config.model == EMBEDDED:
        model = Amused.embedded(dtype=dtype, device=place)
    else:
        name = _known_model(config.model)
        model = Amused.from_pretrained(name, variant=config.variant, dtype=dtype, device=place)
    if config.adapter is not None:
        model.load_lora(config.adapter, config.adapter_scale)
        model.merge_lora()  # quicker, and a plain model to whoever works with it
    return sped_up(model, config.speed, device)


def sped_up(model, speed: SpeedConfig, device: str):
    """The model on a device as the keys of `speed` say; in place."""
    model.image_tokenizer.decoder_precision = speed.decoder
    model = made_smaller(model, speed, device)
    return model.compile() if speed.is_compiled else model


def made_smaller(model, speed: SpeedConfig, device: str):
    """The model on a device as `speed.weights` and `speed.is_offloaded` say; in place."""
    if speed.is_offloaded and not device.startswith("cuda"):
        raise UserError(
            f"speed.is_offloaded=true needs a GPU to spare, and the device is {device}: give "
            "device=cuda, or leave it out."
        )
    if speed.is_offloaded:
        return model.offload(device)
    return model if speed.weights == "full" else model.quantize(speed.weights, device)


def _known_model(name: str) -> str:
    """A hub id or a folder; raises UserError for a word that is neither, with the nearest known."""
    if name not in PUBLISHED_MODELS and "/" not in name and not os.path.exists(name):
        known = nearest(name, (EMBEDDED, *PUBLISHED_MODELS))
        raise UserError(f"model={shown(name)} is no folder and no hub id OWNER/NAME; {known}")
    return PUBLISHED_MODELS.get(name, name)


def open_named_vqgan(config: RunConfig):
    """The `VQGAN` of `model` and `variant` alone, in float32 on the processor."""
    import torch

    from src.assembly import open_vqgan
    from src.checkpoint.folder import CheckpointFolder
    from src.checkpoint.locate import locate

    is_embedded = config.model == EMBEDDED
    place = EMBEDDED_MODEL if is_embedded else locate(_known_model(config.model), config.variant)
    return open_vqgan(CheckpointFolder(place, config.variant), torch.float32, "cpu")


def choose_device(device: str, num_gpus: int) -> str:
    """The device in torch's words; raises UserError for a GPU that is not there."""
    if device == "auto":
        return "cuda" if num_gpus else "cpu"
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= num_gpus:
        raise UserError(
            f"device='{device}', and torch sees {num_gpus} GPUs; give device=cpu or device=auto "
            "(+exp=doctor says what keeps torch from a GPU)."
        )
    return device


def device_name(device: str) -> str:
    """The device in words, for records."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{device}, {torch.get_num_threads()} threads"


def read_prompts(config: RunConfig) -> list[str]:
    """The prompts given, or those of `prompts_file`, in any layout that `prompt_sets` reads."""
    if config.prompts_file is None:
        if not config.prompts:
            raise UserError("""There are no prompts: give 'prompts=["a red heart"]'.""")
        return list(config.prompts)
    return [prompt.text for prompt in read_prompt_set(Path(config.prompts_file))]


def choose_seeds(config: RunConfig, num_prompts: int) -> list[int]:
    """One seed an image: those given, or `seed`, `seed` + 1, ..."""
    if config.seeds is not None:
        check_seed_count(len(config.seeds), num_prompts, config.num_images_per_prompt)
        return list(config.seeds)
    num_images = num_prompts * config.num_images_per_prompt
    check_last_seed(config.seed, num_images)
    return list(range(config.seed, config.seed + num_images))


def choose_negative_prompts(config: RunConfig, num_prompts: int) -> list[str] | None:
    """One negative prompt for each prompt, or None where none was given."""
    negative = config.negative_prompts
    if negative is None:
        return None
    if len(negative) not in (1, num_prompts):
        raise UserError(
            f"negative_prompts has {len(negative)} entries for {num_prompts} prompts; "
            "give one for each prompt, or one for all."
        )
    return list(negative) * (num_prompts if len(negative) == 1 else 1)
