"""Whether the preset of a model to be trained has the sizes of the world it is trained on.

Reads presets and imports no torch, so that a mix-up is told before anything is loaded or written.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from src.data.config import DataConfig
from src.errors import UserError
from src.published.settings import read_preset
from src.training.config import TrainingConfig

SRC = Path(__file__).parents[1]


class Sizes(NamedTuple):
    """How a model's presets say what they are made for, and how a world says what it has."""

    room: str  # the presets are src/ROOM/presets/NAME.json
    of_preset: Callable[[Mapping[str, Any]], str]
    of_world: Callable[[DataConfig], str]


def _levels(preset: Mapping[str, Any]) -> int:
    return len(preset["block_out_channels"])


def _grid(side: int) -> str:
    return f"a grid of {side} x {side} tokens"


def _pictures(side: int | None) -> str:
    return "text alone" if side is None else f"pictures of {side} pixels"


SIZES = {  # by TrainingConfig.model
    "vqgan": Sizes(
        "image_tokenizer",
        lambda preset: f"{_pictures(preset['sample_size'])}, {2 ** (_levels(preset) - 1)} a token",
        lambda data: f"{_pictures(data.picture_size)}, {data.cell_size} a token",
    ),
    "clip": Sizes(
        "conditioning",
        lambda preset: _pictures(preset.get("vision_config", {}).get("image_size")),
        lambda data: _pictures(data.picture_size),
    ),
    "uvit": Sizes(
        "transformer",
        lambda preset: _grid(preset["sample_size"]),
        lambda data: _grid(data.picture_size // max(1, data.cell_size)),
    ),
}


def check_sizes(training: TrainingConfig, data: DataConfig) -> None:
    """Raise UserError if `training.preset` is unknown or made for a world of another size."""
    if training.preset is None:
        raise UserError("training.preset is null; give the name of an architecture, as glyphs.")
    room, of_preset, of_world = SIZES[training.model]
    folder, noun = SRC / room / "presets", f"{training.model} preset"
    has = of_preset(read_preset(folder, training.preset, noun))
    needs = of_world(data)
    if has == needs:
        return
    names = {path.stem for path in folder.glob("*.json")}
    if training.model == "uvit":  # there is a recipe for its image tokenizer too
        names &= {path.stem for path in (SRC / "image_tokenizer" / "presets").glob("*.json")}
    presets = {name: read_preset(folder, name, noun) for name in sorted(names)}
    fitting = [name for name, preset in presets.items() if of_preset(preset) == needs]
    remedy = f"of that size is training.preset={' or '.join(fitting)}"
    if not fitting:
        remedy = f"write one of that size into src/{room}/presets"
    raise UserError(
        f"training.preset={training.preset} is made for {has}, and the world of data= has {needs}: "
        f"{remedy}."
    )
