"""The processes that share a training: who is who, before Lightning has started."""

from lightning.fabric.utilities.rank_zero import rank_zero_only

from src.training.batches import Dealt
from src.training.config import TrainingConfig


def this_rank() -> int:
    """This process's number: of Lightning's own children, of torchrun or of Slurm; 0 if alone."""
    return getattr(rank_zero_only, "rank", None) or 0


def dealt_by(config: TrainingConfig) -> Dealt:
    """How a run's steps are dealt out to its passes and processes."""
    return Dealt(config.batch_size, config.accumulation, config.num_devices * config.num_nodes)
