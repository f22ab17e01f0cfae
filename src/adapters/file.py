"""An adapter as a file in diffusers' layout: tensors by published names, settings in a header.

A tensor is called `transformer.<map>.lora_A.weight` (A, rank x inputs) or `...lora_B.weight`
(B, outputs x rank); `text_encoder.` begins those of the text encoder. The header holds PEFT's
settings of each part under `lora_adapter_metadata`, alpha among them.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from src.adapters.fit import fitted
from src.adapters.layers import ADAPTER, insert, lora_layers, maps_of
from src.adapters.lora import NO_LORA, refuse_second
from src.adapters.places import PARTS, PUBLISHED_TARGETS, Adaptable, modules_of, places
from src.adapters.read import FILE_NAME, HEADER_KEY, read_file
from src.errors import UserError
from src.limits import between
from src.whole_files import write_whole

LARGEST_SCALE = 100


def save_lora(model: Adaptable, folder: str | Path) -> Path:
    """Write the adapter alone, whole or not at all, where diffusers looks for it; its path.

    A scale given to `load_lora` is not part of it: the file holds the alpha it was trained with.
    Raises UserError if there is no adapter or if the place cannot be written to.
    """
    settings: dict[str, Any] = {}
    for part, module in modules_of(model).items():
        layers = lora_layers(module)
        for layer in list(layers.values())[:1]:  # all of a part are alike
            settings[f"{part}.r"] = layer.r[ADAPTER]
            settings[f"{part}.lora_alpha"] = layer.lora_alpha[ADAPTER]
            targets = {p.target for p in places(part, module).values() if p.name in layers}
            settings[f"{part}.target_modules"] = sorted(PUBLISHED_TARGETS[part][t] for t in targets)
    if not settings:
        raise UserError(NO_LORA)
    header = {"format": "pt", HEADER_KEY: json.dumps(settings, indent=2, sort_keys=True)}
    path = Path(folder).expanduser() / FILE_NAME
    write_whole(path, save(lora_tensors(model), header))
    return path


def load_lora(model: Adaptable, path: str | Path, scale: int | float = 1.0) -> None:
    """Put the adapter of a file, or of the folder that holds it, on a model.

    scale: how much it counts, in addition to the file's alpha / rank; 1 is as trained, 0 nothing.

    Where a file does not tell its alpha, it is taken to be the rank, with a warning: so does
    diffusers. Raises UserError, and changes nothing, if the file is no LoRA, is damaged, was made
    for another model, or holds a variant of LoRA that is not read here.
    """
    between("scale", scale, -LARGEST_SCALE, LARGEST_SCALE)
    refuse_second(model)
    read = read_file(path)
    modules = modules_of(model)
    adapters = {part: fitted(part, modules[part], read) for part in PARTS if part in read.maps}
    for part, adapter in adapters.items():
        insert(modules[part], adapter, scale=scale)


def lora_tensors(model: Adaptable) -> dict[str, Tensor]:
    """The adapter's tensors under the names they have in a file; none without an adapter."""
    tensors = {}
    for part, module in modules_of(model).items():
        layers = lora_layers(module)
        for published, place in places(part, module).items() if layers else ():
            if place.name in layers:
                down, up = maps_of(layers[place.name])
                tensors[f"{part}.{published}.lora_A.weight"] = down.detach().cpu().contiguous()
                tensors[f"{part}.{published}.lora_B.weight"] = up.detach().cpu().contiguous()
    return tensors
