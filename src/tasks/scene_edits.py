"""What the tasks that edit scenes of a known world share."""

from typing import Any

from src.config import RunConfig
from src.editing.config import EditingConfig
from src.errors import UserError

OF_PICTURES = (
    *("images", "masks", "weights", "mode", "strength", "feather", "halo"),
    *("left", "right", "top", "bottom"),
)
OF_INPAINTED_SCENES = ("editing.strength", "editing.feather", "editing.halo")  # read there too


def check_scenes(config: RunConfig, needs: str) -> None:
    """Refuse settings that only count for pictures of one's own; raises UserError.

    needs: the key without which a task edits scenes.
    """
    usual = EditingConfig()
    given = [
        f"editing.{key}"
        for key in OF_PICTURES
        if f"editing.{key}" != needs and getattr(config.editing, key) != getattr(usual, key)
    ]
    given += [key for key in ("prompts", "negative_prompts", "seeds") if getattr(config, key)]
    given += ["num_images_per_prompt"] if config.num_images_per_prompt != 1 else []
    if config.task == "inpaint":
        given = [key for key in given if key not in OF_INPAINTED_SCENES]
    if given:
        raise UserError(
            f"{given[0]} has no effect without {needs}: give it too, or leave {given[0]} out to "
            "measure edits of scenes."
        )


def how_of(config: RunConfig) -> dict[str, Any]:
    """What every edit of a scene is drawn with, but for its seed."""
    return {"sampler": config.sampler, "record": False}
