"""The health monitor's place in a Lightning run: it reads what the step left, logs and warns.

A watched module leaves `step_facts` at the end of each `training_step` (step_facts.py says how) and
may have `probe_losses()` (prompt_probe.py). Nothing here changes what is trained.
"""

import warnings
from typing import Any

from lightning.pytorch.callbacks import Callback
from torch.nn.utils import get_total_norm

from src.training.health import HealthMonitor


class Health(Callback):
    """Numbers as health/NAME, and each warning once a run, also if the run comes in pieces.

    A loss that is no number ends the run before this callback sees it: FiniteLoss stands first.
    """

    def __init__(self, monitor: HealthMonitor):
        self.monitor = monitor
        self.gradient_norm: float | None = None

    def on_before_optimizer_step(self, _trainer, module, _optimizer) -> None:
        gradients = [each.grad for each in module.parameters() if each.grad is not None]
        self.gradient_norm = get_total_norm(gradients).item()

    def on_train_batch_end(self, trainer, module, *_) -> None:
        config, step = self.monitor.config, trainer.global_step
        facts = module.step_facts._replace(
            gradient_norm=self.gradient_norm, is_loss_scaled=trainer.scaler is not None
        )
        module.step_facts = self.gradient_norm = None  # the logits' memory is free for the next
        found = self.monitor.update(facts)
        if step % config.probe_every == 0 and hasattr(module, "probe_losses"):
            found += self.monitor.update_probe(*module.probe_losses())
        if step % (trainer.log_every_n_steps * config.window_logs) == 0:  # when loggers listen
            numbers, more = self.monitor.close_window()
            module.log_dict({f"health/{name}": value for name, value in numbers.items()})
            found += more
        for warning in found:
            warnings.warn(warning, stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        return self.monitor.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.monitor.load_state_dict(state)
