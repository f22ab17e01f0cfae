"""Read one file of a checkpoint whole, or raise UserError with its name and the remedy."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from src.checkpoint.checksums import verify
from src.errors import UserError


def read_json(path: Path, folder: Path, whole: str) -> dict[str, Any]:
    """The JSON object of a settings file.

    folder: whose checksums, where it has any, the file must agree with.
    whole: what a complete folder holds, for the sentence about a file that is not there.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: {whole}; copy the checkpoint again, all of it")
    verify(folder, path)
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:  # the last: nested without end
        raise UserError(f"{path} is not JSON ({error}): copy the file again") from error
    if not isinstance(read, dict):
        raise UserError(f"{path} should hold a JSON object, and holds a {type(read).__name__}")
    return read


def read_tensors(path: Path, folder: Path) -> dict[str, Tensor]:
    """The tensors of a weight file by their names in it, checked to be whole and finite.

    path: safetensors; a name that ends in `.bin` is torch's pickle of a state dict, of which
        nothing but tensors is opened, since anything else in it could run code.
    folder: whose checksums, where it has any, the file must agree with.
    """
    verify(folder, path)
    tensors = _from_pickle(path) if path.suffix == ".bin" else _from_safetensors(path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(
                f"{path} holds numbers that are not finite in '{name}': the file is damaged "
                "or its training diverged; take another copy or an earlier checkpoint"
            )
    return tensors


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path} is truncated or damaged and cannot be read as safetensors ({error}): "
            "copy or download it again"
        ) from error


def _from_pickle(path: Path) -> dict[str, Tensor]:
    try:
        read = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes fail in many ways, and for the user all are one
        raise UserError(
            f"{path} is truncated or damaged, or holds more than tensors, which is not opened "
            f"because it could run code ({type(error).__name__}): copy or download it again, or "
            "save its tensors as safetensors with the library that wrote it"
        ) from error
    if not isinstance(read, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in read.items()
    ):
        raise UserError(
            f"{path} should hold a model's tensors by their names, and holds something else: give "
            "the file that the model's save_pretrained wrote"
        )
    return dict(read)
