"""Run a Lightning module for one piece of its training, continuing where the last piece ended."""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from lightning.pytorch.loggers import Logger
from torch import Tensor

from src.errors import UserError
from src.training.batches import BatchesByNumber, batch_loader
from src.training.checkpoint import EverySteps, WholeFiles, ends_step, newest_checkpoint, prune
from src.training.config import TrainingConfig
from src.training.interruptions import told_in_words
from src.training.loggers import loggers, quieten_lightning
from src.training.loss_spikes import LossSpikes
from src.training.ranks import dealt_by, this_rank
from src.training.sharding import gradient_norm, strategy_of
from src.training.stop_signals import StopSignals


class StepsLeft(TQDMProgressBar):
    """Lightning's progress bar, which knows also after a resume how many steps are left."""

    def on_train_start(self, trainer, module) -> None:
        super().on_train_start(trainer, module)
        self._count_all(trainer)

    def on_train_epoch_start(self, trainer, module) -> None:
        """Lightning calls this as well, but not where a piece goes on within an epoch."""
        super().on_train_epoch_start(trainer, module)
        self._count_all(trainer)

    def _count_all(self, trainer) -> None:
        self.train_progress_bar.set_description("Training")  # epochs mean nothing to a run of steps
        self.train_progress_bar.initial = trainer.global_step
        self.train_progress_bar.reset(trainer.max_steps)


class Refusals(Callback):
    """Raise the sentence that a batch turned out to be, before anyone takes it for one."""

    def on_train_batch_start(self, _trainer, _module, batch, _number) -> None:
        if isinstance(batch, UserError):
            raise batch


class FiniteLoss(Callback):
    """Stop at the first loss or gradient that is not a number, before any weight is moved by it."""

    def on_before_backward(self, trainer, module, loss) -> None:
        self._check("loss", loss.detach(), trainer, module)

    def on_before_optimizer_step(self, trainer, module, _) -> None:
        if trainer.scaler is None:  # with one, such steps are left out
            self._check("gradient's norm", gradient_norm(module), trainer, module)

    def _check(self, what: str, value: Tensor, trainer, module) -> None:
        if not torch.isfinite(value):
            raise FloatingPointError(
                f"the {what} is {value.item()} at step {trainer.global_step + 1}: move the run's "
                "folder away and begin anew with a lower "
                f"training.learning_rate={module.config.learning_rate}"
            )


class PieceTime(Callback):
    """End a piece when its minutes are over; remember the seconds of all pieces in checkpoints.

    Lightning's `max_time` counts all pieces together, and would end every piece after the first.
    """

    def __init__(self, max_minutes: float):
        self.max_seconds = 60 * max_minutes
        self.before = self.started = 0.0  # seconds of earlier pieces; clock at this one's start

    def on_train_start(self, *_) -> None:
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer, _module, _outputs, _batch, number) -> None:
        is_over = time.monotonic() - self.started >= self.max_seconds
        if trainer.world_size > 1:  # all processes stop at one step: the first one's clock counts
            is_over = trainer.strategy.broadcast(is_over)
        if is_over and ends_step(trainer, number):
            trainer.should_stop = True

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.before + time.monotonic() - self.started}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.before = state["seconds"]


def placed_on(device: str, num_devices: int = 1) -> dict[str, Any]:
    """A device in torch's words as Lightning's two arguments; of several, the first ones."""
    kind, _, index = device.partition(":")
    if kind == "cuda":
        return {
            "accelerator": "gpu",
            "devices": num_devices if num_devices > 1 else [int(index or 0)],
        }
    return {"accelerator": kind, "devices": num_devices}


def fit(
    module: lightning.LightningModule,
    draw_part: Callable[[int, slice], Any],
    config: TrainingConfig,
    folder: Path,
    callbacks: list[Callback] | None = None,
    device: str = "auto",
) -> int:
    """Train until `max_steps` or for `max_minutes`; returns the number of steps done in all.

    draw_part: what lies at these places of a step's global batch.
    folder: checkpoints, TensorBoard and CSV logs of all pieces of this run.
    callbacks: what else happens on the way, such as sample pictures.
    device: cpu, cuda, cuda:1, or auto for Lightning's choice.
    Raises KeyboardInterrupt or SystemExit after a signal (stop_signals.py), the step saved.
    """
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    checkpoints = folder / "checkpoints"
    if this_rank() == 0:
        prune(checkpoints)
    resume = newest_checkpoint(checkpoints)
    first_step = int(resume.stem.removeprefix("step_")) if resume else 0
    if first_step > config.max_steps:
        raise UserError(
            f"{folder} has {first_step} steps behind it and training.max_steps={config.max_steps} "
            f"asks for fewer: give at least {first_step}, or move the folder away to begin anew."
        )
    if first_step == config.max_steps:
        return first_step
    signals = StopSignals()
    told = [EverySteps(checkpoints, config.checkpoint_every), signals, *(callbacks or [])]
    logs = loggers(folder, first_step, config.logger)
    trainer = _trainer(config, logs, told, device)
    dealt = dealt_by(config)
    batches = BatchesByNumber(draw_part, config.max_steps, dealt, trainer.global_rank)
    # the sampler resumes exactly; the modules in evaluation mode are the frozen averages
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
    first = first_step * config.accumulation
    loader = batch_loader(batches, first, config.num_workers, config.worker_timeout)
    with signals, told_in_words(config, lambda: trainer.global_step):
        try:
            trainer.fit(module, loader, ckpt_path=resume, weights_only=True)
        except SystemExit as error:
            if error.code != 1:  # a signal that came before the first step
                raise
            raise KeyboardInterrupt from error  # Lightning's answer to Ctrl-C
        signals.leave(trainer.global_step, config.max_steps)
    return trainer.global_step


def _trainer(
    config: TrainingConfig, logs: list[Logger], callbacks: list[Callback], device: str
) -> lightning.Trainer:
    quieten_lightning()
    return lightning.Trainer(
        **placed_on(device, config.num_devices),
        num_nodes=config.num_nodes,
        strategy=strategy_of(config, dealt_by(config).num_ranks),
        use_distributed_sampler=False,  # ours deals the samples out
        precision=config.precision,
        max_steps=config.max_steps,
        accumulate_grad_batches=config.accumulation,
        gradient_clip_val=config.max_grad_norm,
        log_every_n_steps=config.log_every,
        logger=logs,
        callbacks=[
            Refusals(),
            FiniteLoss(),
            LossSpikes(),
            PieceTime(config.max_minutes),
            StepsLeft(refresh_rate=config.log_every),
            *callbacks,
        ],
        plugins=[WholeFiles()],
        enable_model_summary=False,
    )
