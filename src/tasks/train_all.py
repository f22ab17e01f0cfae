"""Train all embedded models, each on what the one before it has left, and hand over the weights."""

import shutil
from pathlib import Path

from rich.console import Console

from src.compose import composed
from src.config import RunConfig
from src.experiments import RECORDS
from src.tasks import train

CHAIN = ("glyphs_vqgan", "glyphs_clip", "glyphs_uvit")


def run(config: RunConfig, folder: Path) -> None:
    """Go through the chain; a model whose steps are not all done ends this piece.

    With `save_record` the finished weights replace those that are shipped.
    """
    earlier = {name: RECORDS / name / "runs" / "train" for name in CHAIN}
    for name in CHAIN:
        overrides = [f"+exp={name}", f"seed={config.seed}"]
        if name == "glyphs_uvit":
            overrides += [
                f"training.image_tokenizer={earlier['glyphs_vqgan']}",
                f"training.text_encoder={earlier['glyphs_clip']}",
            ]
        if not train.run(composed(overrides).config, folder):
            return
    if config.save_record:
        for name in ("glyphs_clip", "glyphs_uvit"):
            ship(earlier[name] / "model", RECORDS / name / "model")


def ship(finished: Path, place: Path) -> None:
    """Put a finished model where `Amused.embedded` and the evaluation look for it."""
    draft = place.with_name(place.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(finished, draft)
    shutil.rmtree(place, ignore_errors=True)
    draft.rename(place)
    Console(highlight=False).print(f"shipped: {place}")
