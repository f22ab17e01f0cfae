"""Read an adapter's file: which tensors stand beside which map, and what its header says."""

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from src.adapters.places import PARTS
from src.errors import UserError

FILE_NAME = "pytorch_lora_weights.safetensors"
HEADER_KEY = "lora_adapter_metadata"
# A and B of the paper, as PEFT and as diffusers before and after it have called them
DOWN_NAMES = ("lora_A", "lora.down", "lora_linear_layer.down")
UP_NAMES = ("lora_B", "lora.up", "lora_linear_layer.up")
# Settings of PEFT that make another thing of the same tensors, or add tensors of other kinds.
VARIANTS = (
    *("use_dora", "use_rslora", "lora_bias", "use_qalora", "use_bdlora", "alora_invocation_tokens"),
    *("rank_pattern", "alpha_pattern", "layer_replication", "modules_to_save", "target_parameters"),
    *("trainable_token_indices", "arrow_config", "kasa_config", "velora_config"),
    *("monteclora_config", "megatron_config"),
)


class ReadLora(NamedTuple):
    """A file as it was read, not yet compared with a model."""

    path: Path
    maps: dict[str, dict[str, dict[str, Tensor]]]  # part -> published name -> "down", "up"
    settings: dict[str, dict[str, Any]]  # part -> PEFT's settings; empty if the header is silent


def read_file(path: str | Path) -> ReadLora:
    """Read the file, or the one in a folder; every fault is a UserError that names it."""
    path = _locate(Path(path).expanduser())
    tensors, header = _open(path)
    maps: dict[str, dict[str, dict[str, Tensor]]] = {}
    for name, tensor in tensors.items():
        part, published, kind = _take_apart(name, path)
        beside = maps.setdefault(part, {}).setdefault(published, {})
        if kind in beside:
            raise UserError(f"{path} holds '{part}.{published}' twice, under two spellings.")
        beside[kind] = tensor
    if not maps:
        raise UserError(f"{path} is empty: give an adapter's file ({FILE_NAME}).")
    settings = {part: _settings_of(part, header) for part in maps}
    for part in maps:
        _check_settings(settings[part], part, path)
    return ReadLora(path, maps, settings)


def _locate(path: Path) -> Path:
    file = path / FILE_NAME if path.is_dir() else path
    if file.suffix in (".bin", ".pt", ".pth", ".ckpt"):
        raise UserError(
            f"{file} is a pickle, which can run code when it is opened, and is not read: save the "
            "adapter as safetensors with the library that wrote it."
        )
    if not file.is_file():
        raise UserError(
            f"{file} is not there: give an adapter's file, or the folder that holds {FILE_NAME}."
        )
    return file


def _open(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors, checked to be finite, and the settings of the header."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            text = (file.metadata() or {}).get(HEADER_KEY)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path} is truncated, damaged or no safetensors file ({error}): copy or download it "
            "again."
        ) from error
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise UserError(
                f"{path} holds numbers that are not finite in '{name}': the file is damaged or "
                "its training diverged; take another copy or an earlier one."
            )
    try:
        header = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} has a damaged {HEADER_KEY} ({error}): copy it again.") from error
    if not isinstance(header, dict):
        raise UserError(f"{path} has a {HEADER_KEY} that is no JSON object: copy it again.")
    return tensors, header


def _take_apart(name: str, path: Path) -> tuple[str, str, str]:
    """Part, published name of the map, and "down" or "up", from a tensor's name in the file."""
    for kind, spellings in (("down", DOWN_NAMES), ("up", UP_NAMES)):
        for spelling in spellings:
            owner = name.removesuffix(f".{spelling}.weight")
            if owner != name:
                prefixed = re.fullmatch(rf"({'|'.join(PARTS)})\.(.+)", owner)
                # without a prefix, all of it is the transformer's (diffusers' save_lora_adapter)
                return (*prefixed.groups(), kind) if prefixed else (PARTS[0], owner, kind)
    raise UserError(
        f"{path} holds '{name}', which is no part of a LoRA in diffusers' layout "
        f"({DOWN_NAMES[0]}.weight and {UP_NAMES[0]}.weight): give a file of its save_lora_weights "
        "or save_lora_adapter."
    )


def _settings_of(part: str, header: dict[str, Any]) -> dict[str, Any]:
    is_prefixed = any(key.startswith(tuple(f"{known}." for known in PARTS)) for key in header)
    if not is_prefixed:
        return header if part == PARTS[0] else {}
    start = f"{part}."
    return {key.removeprefix(start): header[key] for key in header if key.startswith(start)}


def _check_settings(settings: dict[str, Any], part: str, path: Path) -> None:
    """Refuse a variant of LoRA, and an alpha or a rank that is none."""
    for key in VARIANTS:
        if settings.get(key):
            raise UserError(
                f"{path} says {key} = {settings[key]!r} of the {part}: only plain LoRA of one rank "
                "and one alpha is read; merge this adapter with the library that wrote it."
            )
    if settings.get("bias", "none") != "none":
        raise UserError(f"{path} adapts biases of the {part} too, which is not read here.")
    for key, kinds in (("lora_alpha", int | float), ("r", int)) if settings else ():
        value = settings.get(key)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not (is_number and math.isfinite(value) and value > 0):
            raise UserError(
                f"{path} says {key} = {value!r} of the {part}, which should be a number above 0: "
                "its header is damaged; save the adapter again."
            )
