"""What a training can be told and what not: refused in a sentence before anything is opened.

Imports no torch, so that composing a configuration stays quick.
"""

from dataclasses import fields

from src.data.config import PicturesConfig
from src.errors import UserError
from src.limits import between, one_of, whole
from src.training.config import (
    BEGINNINGS,
    DTYPES,
    FSDP_PRECISIONS,
    LOSS_MEANS,
    METHODS,
    MICRO_CONDS,
    MODELS,
    OPTIMIZERS,
    OWN_KEYS,
    PRECISIONS,
    SERVICES,
    STRATEGIES,
    TOKENIZER_KEYS,
    TrainingConfig,
)
from src.training.health_config import check_health

DRAWING_TASKS = ("train", "train_all", "evaluate", "first_light", "bench_training_step")
# keys of `data` that mean nothing to drawn scenes; path and tokens have sentences of their own
OF_PICTURES = {entry.name for entry in fields(PicturesConfig)} - {"path", "tokens"}
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


SHARED_TASKS = ("train_uvit",)  # several processes can share the work of
UVIT_TASKS = ("train_uvit", "styledrop", "teach_glyph", "memorise", "ablate_training")


def check_training(training: TrainingConfig) -> None:
    """Refuse settings that no training could have; raises UserError."""
    one_of("training.model", training.model, MODELS)
    one_of("training.optimizer", training.optimizer, OPTIMIZERS)
    one_of("training.begin", training.begin, BEGINNINGS)
    one_of("training.saved_dtype", training.saved_dtype, DTYPES)
    one_of("training.method", training.method, METHODS)
    one_of("training.loss_mean", training.loss_mean, LOSS_MEANS)
    one_of("training.micro_cond", training.micro_cond, MICRO_CONDS)
    one_of("training.precision", training.precision, PRECISIONS)
    for key, ends in WHOLE_RANGES.items():
        whole(f"training.{key}", getattr(training, key), *ends)
    for key, ends in RANGES.items():
        between(f"training.{key}", getattr(training, key), *ends)
    check_health(training.health)
    if training.logger.service is not None:
        one_of("training.logger.service", training.logger.service, SERVICES)
    one_of("training.strategy.name", training.strategy.name, STRATEGIES)
    if training.strategy.name == "fsdp":
        _check_fsdp(training)


def _check_fsdp(training: TrainingConfig) -> None:
    """Shared weights: what needs a weight whole, or what nobody has tried, is refused."""
    if training.num_devices * training.num_nodes == 1:
        raise UserError(
            "training/strategy=fsdp shares the weights out to processes and there is one: give "
            "training.num_devices or training.num_nodes of 2 or more, or training/strategy=ddp."
        )
    for key, possible in (
        ("optimizer", ("adamw",)),
        ("method", ("full",)),
        ("precision", FSDP_PRECISIONS),
        ("compile", (False,)),
    ):
        value = getattr(training, key)
        if value not in possible:
            told = " or ".join(str(each).lower() for each in possible)
            raise UserError(
                f"training.{key}={str(value).lower()} does not go with training/strategy=fsdp: "
                f"give {told}, or training/strategy=ddp."
            )


def check_key_read(key: str, typed: str, task: str, model: str) -> None:
    """Refuse a typed key that this task, or this model's training, never looks at; UserError.

    key: dotted, or a group of files. typed: the whole of what was given. model: one of MODELS.
    """
    stage, _, name = key.partition(".")
    refusal = None
    if stage == "training":
        owners = [owner for owner, keys in OWN_KEYS.items() if name in keys]
        if task == "train" and owners and model not in owners:
            refusal = f"it is for a {' or '.join(owners)}, and training.model={model}"
    elif stage == "masking" and task == "train" and model != "uvit":
        refusal = f"tokens are hidden from a uvit, and training.model={model}"
    elif stage == "data" and name in OF_PICTURES and task in DRAWING_TASKS:
        refusal = f"the task {task} draws its scenes"
    if refusal is not None:
        raise UserError(f"'{typed}' has no effect: {refusal}.")


def check_run_of(training: TrainingConfig, task: str, dtype: str) -> None:
    """Refuse what the task that trains does not know, or could not do; raises UserError.

    task: `train` trains a part of the embedded model, `train_uvit` the U-ViT of any model,
        `train_vqgan` a VQGAN on people's pictures.
    dtype: what the model is opened in.
    """
    for key in ("num_devices", "num_nodes"):
        if getattr(training, key) > 1 and task not in (*SHARED_TASKS, "train_vqgan"):
            raise UserError(
                f"training.{key}={getattr(training, key)}: the task {task} runs in one process; "
                f"several share the work of {', '.join(SHARED_TASKS)}."
            )
    if task in UVIT_TASKS:
        _check_uvit_run(training, task, dtype)
        return
    if task == "train_vqgan":
        _check_vqgan_run(training)
        return
    for key, usual, why in (
        ("begin", "anew", "begins on random weights"),
        ("method", "full", "trains all weights"),
    ):
        value = getattr(training, key)
        if value != usual:
            raise UserError(f"training.{key}={value} has no effect: the task {task} {why}.")
    if task == "train" and training.accumulation > 1 and training.model != "uvit":
        raise UserError(f"training.accumulation={training.accumulation} is for the U-ViT alone.")


def _check_uvit_run(training: TrainingConfig, task: str, dtype: str) -> None:
    if training.model != "uvit":
        raise UserError(f"training.model={training.model}: the task {task} trains a uvit.")
    if training.method == "lora" and (training.begin != "model" or training.ema_decay):
        raise UserError(
            "training.method=lora adapts a model and keeps no average: give training.begin=model "
            "and training.ema_decay=0."
        )
    if training.method == "lora" and training.image_tokenizer is not None:
        raise UserError(
            f"training.image_tokenizer={training.image_tokenizer} with training.method=lora: an "
            "adapter has no place for an image tokenizer; give training.method=full."
        )
    if dtype != "float32":
        raise UserError(
            f"dtype={dtype}: weights are trained in float32; training.precision says what the "
            "products are computed in."
        )


def _check_vqgan_run(training: TrainingConfig) -> None:
    if training.model != "vqgan":
        raise UserError(f"training.model={training.model}: the task train_vqgan trains a vqgan.")
    for key in ("accumulation", "num_devices", "num_nodes"):
        value = getattr(training, key)
        if value > 1:
            raise UserError(
                f"training.{key}={value}: a VQGAN and its discriminator learn from one pass of one "
                f"process a step; give training.{key}=1 and a training.batch_size that fits."
            )
    for key, usual in vars(TrainingConfig()).items():
        value = getattr(training, key)
        if key not in TOKENIZER_KEYS and value != usual:
            raise UserError(
                f"training.{key}={value} has no effect: the task train_vqgan has no use for it; "
                f"leave it at {usual}, as training=tokenizer does."
            )
    if training.begin == "anew" and training.image_tokenizer is not None:
        raise UserError(
            f"training.image_tokenizer={training.image_tokenizer} has no effect with "
            "training.begin=anew, which draws random weights; give training.begin=model to train "
            "that VQGAN further."
        )
