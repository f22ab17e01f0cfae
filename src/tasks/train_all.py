"""Train all embedded models, each on what the one before it has left, and hand over the weights."""

import shutil
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from src.compose import composed
from src.config import RunConfig, check
from src.experiments import RECORDS
from src.tasks import train
from src.training.config import SHARED_KEYS

CHAIN = ("glyphs_vqgan", "glyphs_clip", "glyphs_uvit")


def run(config: RunConfig, folder: Path) -> None:
    """Go through the chain; a model whose steps are not all done ends this piece.

    With `save_record` the finished weights replace those that are shipped, and each model's record
    the committed one.
    """
    for stage in [stage_of(config, name) for name in CHAIN]:  # all are checked before the first
        if not train.run(stage, folder):
            return
    if config.save_record:
        for name in ("glyphs_clip", "glyphs_uvit"):
            ship(place_of(name) / "model", RECORDS / name / "model")


def stage_of(config: RunConfig, name: str) -> RunConfig:
    """The run of one model: its experiment's file, and what holds for the whole chain."""
    stage = composed([f"+exp={name}"]).config
    shared = {key: getattr(config.training, key) for key in SHARED_KEYS}
    if name == "glyphs_uvit":
        shared["image_tokenizer"] = str(place_of("glyphs_vqgan"))
        shared["text_encoder"] = str(place_of("glyphs_clip"))
        data = config.data
    else:  # the parts see objects on every cell
        data = replace(config.data, positions=stage.data.positions)
    stage = replace(
        stage,
        seed=config.seed,
        device=config.device,
        save_record=config.save_record,
        data=data,
        training=replace(stage.training, **shared),
    )
    check(stage)
    return stage


def place_of(name: str) -> Path:
    """Where `train` leaves what an experiment has trained."""
    return RECORDS / name / "runs" / "train"


def ship(finished: Path, place: Path) -> None:
    """Put a finished model where `Amused.embedded` and the evaluation look for it."""
    draft, old = place.with_name(place.name + ".part"), place.with_name(place.name + ".old")
    for left_over in (draft, old):
        shutil.rmtree(left_over, ignore_errors=True)
    shutil.copytree(finished, draft)
    if place.exists():
        place.rename(old)
    draft.rename(place)
    shutil.rmtree(old, ignore_errors=True)
    Console(highlight=False).print(f"shipped: {place}")
