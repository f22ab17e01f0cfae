"""Say in words when the loss jumps, as after a learning rate that was too high for a few steps."""

import warnings
from statistics import fmean, pstdev
from typing import Any

from lightning.pytorch.callbacks import Callback

from src.training.checkpoint import ends_step

WINDOW = 100  # steps that a loss is held against
LEAST = 20  # of them before anything is said
NUM_SIGMAS = 6.0
LEAST_SIGMA = 0.01  # of the mean: a curve that hardly moves is no reason for an alarm


class SpikeDetector:
    """Holds a loss against the mean and the spread of those before it."""

    def __init__(self):
        self.losses: list[float] = []

    def update(self, loss: float) -> str | None:
        """Take a step's loss; what is wrong with it, or None.

        After an alarm the window begins anew: what stays high is not told again in every step.
        """
        found = self._found(loss) if len(self.losses) >= LEAST else None
        self.losses = [] if found else [*self.losses, loss][-WINDOW:]
        return found

    def _found(self, loss: float) -> str | None:
        mean, spread = fmean(self.losses), pstdev(self.losses)
        bound = mean + NUM_SIGMAS * max(spread, LEAST_SIGMA * abs(mean))
        if loss <= bound:
            return None
        return (
            f"the loss jumped to {loss:.4g}; over the {len(self.losses)} steps before it was "
            f"{mean:.4g} (spread {spread:.2g})"
        )


class LossSpikes(Callback):
    """Warn of a jump; its window is kept in checkpoints, so that a run in pieces says the same."""

    def __init__(self):
        self.detector = SpikeDetector()

    def on_train_batch_end(self, trainer, module, _outputs, _batch, number) -> None:
        if not ends_step(trainer, number) or "loss" not in trainer.callback_metrics:
            return
        found = self.detector.update(trainer.callback_metrics["loss"].item())
        if found and trainer.is_global_zero:
            warnings.warn(
                f"Step {trainer.global_step}: {found}. If it does not come down again, begin anew "
                f"with a lower training.learning_rate={module.config.learning_rate} or a longer "
                f"training.warmup_steps={module.config.warmup_steps}.",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        return {"losses": list(self.detector.losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.detector.losses = list(state["losses"])
