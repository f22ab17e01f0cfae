"""What teaches a model of drawn scenes a new pictogram: one picture, and how it is examined.

Imports no torch, so that composing a configuration stays quick.
"""

from dataclasses import dataclass

from src.data.config import WorldConfig
from src.errors import UserError
from src.limits import between, check_seed, whole


@dataclass
class LessonConfig:
    """The new object is large in its picture, and so in everything made of it."""

    glyph: str = "club"  # a key of src.data.glyphs.PICTOGRAMS that the world does not have
    color: str = "red"  # in the one picture
    background: str = "white"
    num_pasted: int = 800  # scenes that the new object is pasted into
    prior_share: float = 0.8  # of what is learned from: old scenes, against forgetting
    num_prompts: int = 300  # about the new object alone; drawn before and after
    num_old_prompts: int = 1000  # half about one old object, half about two
    first_prompt_seed: int = 60_000


def check_lesson(lesson: LessonConfig, world: WorldConfig) -> None:
    """Refuse lessons that could not be given in this world; raises UserError."""
    for key in ("num_pasted", "num_prompts", "num_old_prompts"):
        whole(f"lesson.{key}", getattr(lesson, key), 1, 10**6)
    between("lesson.prior_share", lesson.prior_share, 0, 0.99)
    check_seed("lesson.first_prompt_seed", lesson.first_prompt_seed)
    if lesson.glyph in world.glyphs:
        raise UserError(
            f"lesson.glyph={lesson.glyph} is one of data.glyphs already: give one that is new."
        )
    for key, known in (("color", world.colors), ("background", world.backgrounds)):
        if getattr(lesson, key) not in known:
            raise UserError(
                f"lesson.{key}={getattr(lesson, key)} is not in this world; give one of "
                f"{', '.join(known)}."
            )
