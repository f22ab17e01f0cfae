"""What can break a training from outside, told in a sentence: the workers' end, and the memory."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from src.errors import UserError
from src.memory import is_out_of_memory
from src.training.config import TrainingConfig


@contextmanager
def told_in_words(config: TrainingConfig, steps_done: Callable[[], int]) -> Iterator[None]:
    """Turn a lost or hanging worker and exhausted memory inside the block into a UserError.

    Checkpoints are written whole, so that the last one stands and the same command continues. The
    batch is not split here: the advice keeps the step as it is (its samples, its loss), and a run
    whose memory is short by chance, beside another one, would otherwise stay slow for good.
    """
    before = set(multiprocessing.active_children())
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        sentence = _sentence(error, config, steps_done() + 1)
        if sentence is None:
            raise
        raise UserError(sentence) from error
    finally:  # a worker that hangs ignores Lightning's SIGTERM too, and Python would wait for it
        for worker in set(multiprocessing.active_children()) - before:
            worker.kill()
            worker.join()


def _sentence(error: Exception, config: TrainingConfig, step: int) -> str | None:
    text = str(error)
    if "DataLoader timed out" in text:
        return (
            f"No batch came for step {step} within training.worker_timeout={config.worker_timeout} "
            f"seconds from the {config.num_workers} processes that draw them (training.num_workers)"
            ": look whether the data's disk answers. The same command continues."
        )
    if "DataLoader worker" in text:
        return (
            f"A process that draws batches was killed at step {step}: {text.strip()} The same "
            f"command continues; less than training.num_workers={config.num_workers} need less "
            "memory."
        )
    if is_out_of_memory(error):
        return f"Memory ran out in step {step}: {smaller_batch(config)}"
    return None


def smaller_batch(config: TrainingConfig) -> str:
    """Advice that needs less memory, and for a U-ViT leaves the step and the run as they are."""
    size = config.batch_size
    if config.model != "uvit":
        return (
            f"begin anew in another folder with less than training.batch_size={size}, or free some."
        )
    if size == 1:
        return "give training.gradient_checkpointing=true; the same command then continues."
    factor = next(number for number in range(2, size + 1) if size % number == 0)
    return (
        f"give training.batch_size={size // factor} and "
        f"training.accumulation={factor * config.accumulation}; the command then continues with "
        "the same steps."
    )
