"""How the same pictures are computed faster or in less memory."""

from dataclasses import dataclass


@dataclass
class SpeedConfig:
    """What is on by default changes no picture; the rest says what it costs."""

    is_compiled: bool = False  # torch.compile, and on a GPU its CUDA graphs: once for every shape


def check_speed(config: SpeedConfig) -> None:
    """Refuse what cannot be computed; raises UserError."""
