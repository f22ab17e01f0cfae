"""How a picture's time is measured."""

from dataclasses import dataclass

from src.limits import whole


@dataclass
class LatencyConfig:
    """Rounds of one picture each, ours and the peer's in turns."""

    num_rounds: int = 5  # counted ones; one more before them is not
    is_beside_peer: bool = True  # diffusers' pipeline on the same weights, where it is installed


def check_latency(config: LatencyConfig) -> None:
    """Refuse what cannot be measured; raises UserError."""
    whole("latency.num_rounds", config.num_rounds, 2, 1000)
