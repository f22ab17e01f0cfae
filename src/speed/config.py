"""How the same pictures are computed faster or in less memory."""

from dataclasses import dataclass

from src.errors import UserError
from src.image_tokenizer.config import PRECISIONS
from src.limits import one_of

FEW_BITS = ("int8", "int4")
WEIGHTS = ("full", *FEW_BITS)
# tasks that change the weights or write them
NEED_FULL = (
    *("train_uvit", "styledrop", "teach_glyph", "memorise", "ablate_training"),
    *("bench_training_step", "publish"),
)


@dataclass
class SpeedConfig:
    """What is on by default changes no picture; the rest says what it costs."""

    # torch.compile, and on a GPU its CUDA graphs: once for every shape; there the decoder, too, but
    # in float32 alone
    is_compiled: bool = False
    decoder: str = "float32"  # one of PRECISIONS: the others move pixels by up to 3 of 255 levels
    weights: str = "full"  # one of WEIGHTS: bits of large linear maps; other pictures
    is_offloaded: bool = False  # parts wait in the processor's memory: less of a GPU's, and slower


def check_speed(config: SpeedConfig, full_step_every: int) -> None:
    """Refuse what cannot be computed, in these steps of a sampler; raises UserError."""
    one_of("speed.decoder", config.decoder, PRECISIONS)
    one_of("speed.weights", config.weights, WEIGHTS)
    if config.is_offloaded and config.weights != "full":
        raise UserError(
            f"speed.is_offloaded and speed.weights={config.weights} are both given: a quantized "
            "model stays where it is; give one of them."
        )
    if config.is_compiled and (config.is_offloaded or config.weights != "full"):
        raise UserError(
            "speed.is_compiled is given with weights of few bits or parts that come and go: only "
            "a whole model that stays is compiled; give one of them."
        )
    if config.is_compiled and full_step_every > 1:
        raise UserError(
            f"speed.is_compiled and sampler.full_step_every={full_step_every} are both given: only "
            "whole steps are compiled; give one of them."
        )


def check_weights_of(config: SpeedConfig, task: str) -> None:
    """Refuse graphs, few bits and parts that come and go where weights change; UserError."""
    if task not in NEED_FULL:
        return
    for key, is_plain, plain in (
        ("weights", config.weights == "full", "full"),
        ("is_offloaded", not config.is_offloaded, "false"),
        ("is_compiled", not config.is_compiled, "false"),
    ):
        if not is_plain:
            raise UserError(
                f"speed.{key}={str(getattr(config, key)).lower()} has no place in {task}, which "
                f"trains or writes the model: give speed.{key}={plain}."
            )
