"""How a picture's time is measured."""

from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import whole


@dataclass
class LatencyConfig:
    """Rounds of one picture each, ours and the peer's in turns."""

    num_rounds: int = 5  # counted ones; one more before them is not
    is_beside_peer: bool = True  # diffusers' pipeline on the same weights, where it is installed
    is_peer_compiled: bool = False  # besides, its transformer by torch.compile
    batch_sizes: list[int] = field(default_factory=lambda: [1, 4])  # pictures of one prompt
    pictures_per_pass: int = 1  # of ours with seeds; above 1 quicker on a GPU, see Amused


def check_latency(config: LatencyConfig) -> None:
    """Refuse what cannot be measured; raises UserError."""
    whole("latency.num_rounds", config.num_rounds, 2, 1000)
    whole("latency.pictures_per_pass", config.pictures_per_pass, 1, 4096)
    if not config.batch_sizes:
        raise UserError("latency.batch_sizes is empty; give at least one number, as in [1,4].")
    for place, size in enumerate(config.batch_sizes):
        whole(f"latency.batch_sizes[{place}]", size, 1, 4096)
