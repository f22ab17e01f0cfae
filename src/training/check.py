"""What a training can be told and what not: refused in a sentence before anything is opened.

Imports no torch, so that composing a configuration stays quick.
"""

from src.errors import UserError
from src.limits import between, one_of, whole
from src.training.config import (
    BEGINNINGS,
    DTYPES,
    LOSS_MEANS,
    METHODS,
    MODELS,
    OPTIMIZERS,
    PRECISIONS,
    SERVICES,
    TrainingConfig,
)
from src.training.health_config import check_health

STEPS = ("max_steps", "checkpoint_every", "sample_every", "log_every", "move_every")
FROM_ZERO = ("learning_rate", "weight_decay", "max_grad_norm", "commitment_weight")
FROM_ZERO += ("useless_below", "merge_within", "locality_weight")
SHARES = ("decay_ratio", "drop_prob", "label_smoothing", "narrow_prob", "visible_weight")
AVERAGES = ("beta2", "ema_decay", "codebook_decay")  # at 1 one would never move
WHOLE_RANGES = {  # of TrainingConfig: the smallest and the largest
    **dict.fromkeys((*STEPS, "num_cached"), (1, 10**9)),
    **dict.fromkeys(("warmup_steps", "continuous_steps", "num_moved"), (0, 10**9)),
    **dict.fromkeys(("num_workers", "num_threads"), (0, 1024)),
    "batch_size": (1, 10**5),
    **dict.fromkeys(("accumulation", "num_devices", "num_nodes"), (1, 10**5)),
}
RANGES = {
    **dict.fromkeys(FROM_ZERO, (0, 10**6)),
    **dict.fromkeys(SHARES, (0, 1)),
    **dict.fromkeys(AVERAGES, (0, 0.999999)),
    "max_minutes": (0, 60),
    "worker_timeout": (0, 10**6),
}


UVIT_TASKS = ("train_uvit", "styledrop", "teach_glyph")


def check_training(training: TrainingConfig) -> None:
    """Refuse settings that no training could have; raises UserError."""
    one_of("training.model", training.model, MODELS)
    one_of("training.optimizer", training.optimizer, OPTIMIZERS)
    one_of("training.begin", training.begin, BEGINNINGS)
    one_of("training.saved_dtype", training.saved_dtype, DTYPES)
    one_of("training.method", training.method, METHODS)
    one_of("training.loss_mean", training.loss_mean, LOSS_MEANS)
    one_of("training.precision", training.precision, PRECISIONS)
    for key, ends in WHOLE_RANGES.items():
        whole(f"training.{key}", getattr(training, key), *ends)
    for key, ends in RANGES.items():
        between(f"training.{key}", getattr(training, key), *ends)
    check_health(training.health)
    if training.logger.service is not None:
        one_of("training.logger.service", training.logger.service, SERVICES)


def check_run_of(training: TrainingConfig, task: str, dtype: str) -> None:
    """Refuse what the task that trains does not know, or could not do; raises UserError.

    task: `train` trains a part of the embedded model, `train_uvit` the U-ViT of any model.
    dtype: what the model is opened in.
    """
    if task in UVIT_TASKS:
        _check_uvit_run(training, task, dtype)
        return
    for key, usual, why in (
        ("begin", "anew", "begins on random weights"),
        ("method", "full", "trains all weights"),
    ):
        value = getattr(training, key)
        if value != usual:
            raise UserError(f"training.{key}={value} has no effect: the task {task} {why}.")
    for key in ("accumulation", "num_devices", "num_nodes"):
        if task == "train" and getattr(training, key) > 1 and training.model != "uvit":
            raise UserError(f"training.{key}={getattr(training, key)} is for the U-ViT alone.")


def _check_uvit_run(training: TrainingConfig, task: str, dtype: str) -> None:
    if training.model != "uvit":
        raise UserError(f"training.model={training.model}: the task {task} trains a uvit.")
    if training.method == "lora" and (training.begin != "model" or training.ema_decay):
        raise UserError(
            "training.method=lora adapts a model and keeps no average: give training.begin=model "
            "and training.ema_decay=0."
        )
    if dtype != "float32":
        raise UserError(
            f"dtype={dtype}: weights are trained in float32; training.precision says what the "
            "products are computed in."
        )
