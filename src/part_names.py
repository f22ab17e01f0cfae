"""The parts of a generation by name, so that a profiler can tell them apart.

Torch's profiler sees a named part as a range; without a profiler a name costs microseconds.
"""

from torch.profiler import record_function

PREFIX = "aMUSEd: "
TEXT, UVIT, SAMPLER, DECODER = "text encoder", "U-ViT", "sampler", "decoder"


def as_part(name: str) -> record_function:
    """A context that is that part."""
    return record_function(PREFIX + name)
