"""How the same pictures are computed faster or in less memory."""

from dataclasses import dataclass

from src.image_tokenizer.config import PRECISIONS
from src.limits import one_of


@dataclass
class SpeedConfig:
    """What is on by default changes no picture; the rest says what it costs."""

    is_compiled: bool = False  # torch.compile, and on a GPU its CUDA graphs: once for every shape
    decoder: str = "float32"  # one of PRECISIONS: the others move pixels by up to 3 of 255 levels


def check_speed(config: SpeedConfig) -> None:
    """Refuse what cannot be computed; raises UserError."""
    one_of("speed.decoder", config.decoder, PRECISIONS)
