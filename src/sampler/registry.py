"""The samplers by name. A new one is a new file with a `decode` like confidence.py's, and a line
here and in config.KNOWN_SAMPLERS.
"""

from collections.abc import Callable, Iterator

from src.errors import UserError, nearest
from src.sampler import confidence
from src.sampler.step import Step

SAMPLERS: dict[str, Callable[..., Iterator[Step]]] = {"confidence": confidence.decode}


def find_sampler(name: str) -> Callable[..., Iterator[Step]]:
    """The `decode` of that name; raises UserError with the nearest known one."""
    if name not in SAMPLERS:
        raise UserError(f"sampler '{name}' is unknown; {nearest(name, SAMPLERS)}")
    return SAMPLERS[name]
