"""The health monitor's place in a Lightning run: it reads what the step left, logs and warns.

A watched module leaves `step_facts` at the end of `training_step` where `is_watched` asks for them
(step_facts.py says how) and may have `probe_losses()` (prompt_probe.py). Of a step in several parts
the last one is watched; of several processes the first one speaks. Nothing here changes what is
trained.
"""

import warnings
from typing import Any

from lightning.pytorch.callbacks import Callback

from src.training.checkpoint import ends_step
from src.training.health import HealthMonitor
from src.training.health_config import PREFIX
from src.training.sharding import gradient_norm


class Health(Callback):
    """Numbers as health/NAME, and each warning once a run, also if the run comes in pieces.

    A loss that is no number ends the run before this callback sees it: FiniteLoss stands first.
    """

    def __init__(self, monitor: HealthMonitor):
        self.monitor = monitor
        self.gradient_norm: float | None = None

    def on_before_optimizer_step(self, _trainer, module, _optimizer) -> None:
        self.gradient_norm = gradient_norm(module).item()

    def on_train_batch_start(self, trainer, module, _batch, number) -> None:
        module.is_watched = ends_step(trainer, number)

    def on_train_batch_end(self, trainer, module, _outputs, _batch, number) -> None:
        if not ends_step(trainer, number):
            return
        config, step = self.monitor.config, trainer.global_step
        facts = module.step_facts._replace(
            gradient_norm=self.gradient_norm, is_loss_scaled=trainer.scaler is not None
        )
        module.step_facts = self.gradient_norm = None  # the logits' memory is free for the next
        found = self.monitor.update(facts)
        if step % config.probe_every == 0 and hasattr(module, "probe_losses"):
            found += self.monitor.update_probe(*module.probe_losses())
        is_last = step >= trainer.max_steps
        if is_last or step % (trainer.log_every_n_steps * config.window_logs) == 0:
            numbers, more = self.monitor.close_window()
            told = {PREFIX + name: value for name, value in numbers.items()}
            _log(trainer, told)
            found += more
        for warning in found if trainer.is_global_zero else ():
            warnings.warn(warning, stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        return self.monitor.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.monitor.load_state_dict(state)


def _log(trainer, numbers: dict[str, float]) -> None:
    """Once, not with every log that follows, as Lightning does with what a module logs."""
    for logger in trainer.loggers if numbers and trainer.is_global_zero else ():
        logger.log_metrics(numbers, step=trainer.global_step - 1)  # counted from 0, as its others
