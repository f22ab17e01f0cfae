"""Very many pictures: how many processes draw them, and what goes through a model at once."""

from dataclasses import dataclass

from src.limits import whole


@dataclass
class BulkConfig:
    """Who draws the pictures of a large folder. Workers of one thread share the model's memory."""

    num_prompts: int = 64  # of the glyph grammar, where no prompts are given
    num_workers: int | None = None  # processes here; None = one a GPU, or as many as cores allow
    num_threads: int = 1  # of each worker on a processor; another number, other last bits
    pictures_per_pass: int = 8  # through the model at once; another number, other last bits
    num_alone: int | None = None  # pictures one worker draws while others wait; None = 1 % or fewer


def check_bulk(config: BulkConfig) -> None:
    """Refuse numbers that are no crew; raises UserError."""
    whole("bulk.num_prompts", config.num_prompts, 1, 10**6)
    if config.num_workers is not None:
        whole("bulk.num_workers", config.num_workers, 1, 1024)
    whole("bulk.num_threads", config.num_threads, 1, 1024)
    whole("bulk.pictures_per_pass", config.pictures_per_pass, 1, 1024)
    if config.num_alone is not None:
        whole("bulk.num_alone", config.num_alone, 0, 10**6)
