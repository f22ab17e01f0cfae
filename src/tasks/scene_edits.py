"""What the tasks that edit scenes of a known world share."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from src.config import RunConfig
from src.errors import UserError


def check_scenes(config: RunConfig, *of_pictures: str) -> None:
    """Refuse settings that only count for pictures of one's own; raises UserError.

    of_pictures: keys of `editing` that name files.
    """
    given = [f"editing.{key}" for key in of_pictures if getattr(config.editing, key)]
    given += [key for key in ("prompts", "negative_prompts", "seeds") if getattr(config, key)]
    if given:
        raise UserError(
            f"{given[0]} is given and no picture to edit: give 'editing.images=[PATH]' too, or "
            "leave it out to measure edits of scenes."
        )
    if config.editing.mode != "exact":
        raise UserError(
            f"editing.mode={config.editing.mode} has no effect without editing.images: scenes are "
            "edited in both modes where there are two."
        )
    if config.num_images_per_prompt != 1:
        raise UserError(
            f"num_images_per_prompt={config.num_images_per_prompt} has no effect without "
            "editing.images: every scene is edited once."
        )


def how_of(config: RunConfig) -> dict[str, Any]:
    """What every edit of a scene is drawn with, but for its seed."""
    return {"sampler": config.sampler, "record": False}


def hash_of_edits(pictures: Sequence[np.ndarray], prompts: Sequence[str]) -> str:
    """Twelve digits that tell sets of edits apart."""
    digest = hashlib.sha256(np.stack(pictures).tobytes())
    digest.update("\n".join(prompts).encode())
    return digest.hexdigest()[:12]
