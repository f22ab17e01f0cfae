"""Settings of the micro-conditions, and of what guidance pushes away from.

Imports no torch, so that composing a configuration stays quick.
"""

from dataclasses import dataclass

from src.data.micro_cond import MicroCond, check_micro_cond
from src.errors import UserError
from src.limits import one_of

GUIDANCE_AGAINST = ("prompt", "micro_cond", "both")


@dataclass
class MicroCondConfig:
    """The five micro-conditions asked for; a size left out is the picture's own."""

    original_width: float | None = None  # pixels
    original_height: float | None = None  # pixels
    crop_top: float = 0.0  # pixels
    crop_left: float = 0.0  # pixels
    aesthetic_score: float = 6.0  # aMUSEd draws with 6

    def named(self, width: int, height: int) -> MicroCond:
        """The micro-conditions of a picture of `width` x `height` pixels."""
        return MicroCond(
            width if self.original_width is None else self.original_width,
            height if self.original_height is None else self.original_height,
            self.crop_top,
            self.crop_left,
            self.aesthetic_score,
        )


def badly_rated() -> MicroCondConfig:
    """What guidance by micro-conditions pushes away from, unless told otherwise: a score of 2."""
    return MicroCondConfig(aesthetic_score=2.0)


def check_conditions(
    micro_cond: MicroCondConfig,
    guidance_against: str,
    negative_micro_cond: MicroCondConfig,
    has_negative_prompts: bool,
) -> None:
    """Refuse impossible numbers, and two answers to what guidance pushes away from; UserError.

    guidance_against: "prompt": the empty or negative prompt, same micro-conditions. "micro_cond":
        the same prompt under `negative_micro_cond`. "both": empty or negative prompt, and that.
    """
    one_of("guidance_against", guidance_against, GUIDANCE_AGAINST)
    for told in (micro_cond, negative_micro_cond):
        for name, value in vars(told).items():
            if value is not None:
                check_micro_cond(name, value)
    if guidance_against == "micro_cond" and has_negative_prompts:
        raise UserError(
            "negative_prompts have no effect with guidance_against=micro_cond, where both sides "
            "hear the prompt; give guidance_against=both, or leave them out."
        )
    if guidance_against == "prompt" and negative_micro_cond != badly_rated():
        raise UserError(
            "negative_micro_cond has no effect with guidance_against=prompt; give "
            "guidance_against=micro_cond or both."
        )
