"""Is this training healthy? Numbers of a window of steps, and warnings when something is wrong.

Pure counting: no Lightning, no model. `StepFacts` come in step by step; at the end of a window the
numbers come out, and each illness is told once a run, with the number that gave it away.
"""

import math
from typing import Any

from jaxtyping import Float
from torch import Tensor

from src.training import health_warnings as judge
from src.training.health_config import HealthConfig, check_health
from src.training.health_counts import RunCounts, WindowSums
from src.training.health_warnings import HealthWarning, level_of_look
from src.training.running_sums import Moments
from src.training.step_facts import StepFacts


class HealthMonitor:
    """Takes the facts of every step and tells what they mean; see HealthConfig for its patience.

    drop_prob: the configured probability of dropping a prompt.
    random_replace: the configured share of hidden tokens that show a uniformly random code in
        place of the mask id, each by its own draw; None = not judged.
    scores_visible: the loss takes visible tokens too, on purpose.
    """

    def __init__(
        self,
        num_codes: int,
        mask_token_id: int,
        drop_prob: float,
        config: HealthConfig | None = None,
        random_replace: float | None = 0.0,
        scores_visible: bool = False,
    ):
        self.config = config or HealthConfig()
        check_health(self.config)
        self.mask_token_id, self.drop_prob = mask_token_id, drop_prob
        self.random_replace, self.scores_visible = random_replace, scores_visible
        self.run = RunCounts.of(num_codes)
        self.window = self._new_window()
        self.num_bad_in_row = 0
        self.has_learned = False  # the latest window's loss lay below the frequencies' for sure
        self.prompt_gain: float | None = None  # of the latest probe, nats
        self.told: dict[str, str] = {}  # the warnings of this run, by name

    def update(self, facts: StepFacts) -> list[HealthWarning]:
        """Count one step; tells only of numbers that are none, the rest at the window's end."""
        self.run.num_steps += 1
        if bad := _not_finite(facts):
            self.run.num_bad_steps += 1
            self.num_bad_in_row += 1
            text = judge.not_finite(*bad, self.num_bad_in_row, facts.is_loss_scaled)
            return self._tell("not_finite", text)
        self.num_bad_in_row = 0
        self.run.update(facts, self.mask_token_id)
        self.window.update(facts, self.run.codes)
        return []

    def update_probe(
        self, right: Float[Tensor, " rows"], shuffled: Float[Tensor, " rows"]
    ) -> list[HealthWarning]:
        """Each row's loss with its own prompt and with another row's; see prompt_probe.py.

        Rows are judged together with those of earlier probes, until it is sure that prompts are
        worth something; then the count begins anew. Nothing is judged before the grace is over
        and the model has learned anything at all.
        """
        run, config = self.run, self.config
        gain = shuffled.double() - right.double()
        self.prompt_gain = gain.mean().item() if len(gain) else None
        if run.num_steps < config.grace_steps or not self.has_learned:
            return []
        run.prompt_gain.update(gain)
        run.right_loss.update(right)
        if run.prompt_gain.num < judge.MIN_ROWS:
            return []
        run.num_probes += 1
        level = level_of_look(config.false_alarm_prob, run.num_probes)
        least = config.min_prompt_gain
        text = judge.prompts_ignored(run.prompt_gain, run.right_loss, least, level)
        if run.prompt_gain.interval(level)[0] > 0:
            run.prompt_gain, run.right_loss = Moments(), Moments()
        return self._tell("prompts_ignored", text)

    def close_window(self) -> tuple[dict[str, float], list[HealthWarning]]:
        """The numbers of the steps since the last call, and what is newly known to be wrong."""
        if not self.window.gain.num:
            return {}, []
        self.run.num_windows += 1
        numbers, warnings = self._numbers(), self._judge()
        self.window = self._new_window()
        return numbers, warnings

    def state_dict(self) -> dict[str, Any]:
        """Everything counted, so that a run in pieces tells what a run in one would."""
        return {
            "run": self.run.state_dict(),
            "window": self.window.state_dict(),
            "num_bad_in_row": self.num_bad_in_row,
            "has_learned": self.has_learned,
            "prompt_gain": self.prompt_gain,
            "told": dict(self.told),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.run.load_state_dict(state["run"])
        self.window.load_state_dict(state["window"])
        self.num_bad_in_row = state["num_bad_in_row"]
        self.has_learned = state["has_learned"]
        self.prompt_gain = state["prompt_gain"]
        self.told = dict(state["told"])

    def _new_window(self) -> WindowSums:
        return WindowSums.of(self.config.num_buckets)

    def _numbers(self) -> dict[str, float]:
        run, window = self.run, self.window
        numbers = window.buckets.numbers() | {
            "unigram_entropy": run.codes.entropy,
            "gain_over_unigram": window.gain.mean,
            "codebook_usage": run.codes.usage,
            "codebook_perplexity": run.codes.perplexity,
        }
        if window.gradient_norm.num:
            numbers["gradient_norm"] = window.gradient_norm.mean
        if run.num_prompted:
            numbers["dropped_share"] = run.num_dropped / run.num_prompted
        if self.prompt_gain is not None:
            numbers["prompt_gain"] = self.prompt_gain
        return numbers

    def _judge(self) -> list[HealthWarning]:
        run, window, config = self.run, self.window, self.config
        level = level_of_look(config.false_alarm_prob, run.num_windows)
        entropy = run.codes.entropy
        found = self._tell("visible_ids", self._leak(level))
        if self.random_replace is not None and "visible_ids" not in self.told:  # that explains it
            share = self.random_replace
            text = judge.wrong_noise(run.num_mask_ids, run.num_hidden, share, level)
            found += self._tell("wrong_noise", text)
        text = judge.wrong_dropping(run.num_dropped, run.num_prompted, self.drop_prob, level)
        found += self._tell("wrong_dropping", text)
        self.has_learned = window.gain.interval(level)[0] > config.min_gain * entropy
        if run.num_steps >= config.grace_steps:
            text = judge.nothing_learned(
                window.gain, entropy, config.min_gain, run.num_steps, level
            )
            found += self._tell("nothing_learned", text)
        return found

    def _leak(self, level: float) -> str | None:
        run, config = self.run, self.config
        replaced = 1.0 if self.random_replace is None else self.random_replace
        chance = replaced / len(run.codes.counts)
        least = 1 - 1 / config.num_buckets
        bound = config.near_zero * run.codes.entropy
        visible = 0 if self.scores_visible else run.num_visible_scored
        return (
            judge.visible_scored(visible, run.num_visible)
            or judge.true_ids_shown(run.num_true_shown, run.num_hidden, chance, level)
            or judge.loss_near_zero(self.window.most_hidden, bound, least, level)
        )

    def _tell(self, name: str, text: str | None) -> list[HealthWarning]:
        if text is None or name in self.told:
            return []
        self.told[name] = text
        return [HealthWarning(name, text)]


def _not_finite(facts: StepFacts) -> tuple[float, str] | None:
    loss = facts.loss.item()
    if not math.isfinite(loss):
        return loss, "loss"
    if facts.gradient_norm is not None and not math.isfinite(facts.gradient_norm):
        return facts.gradient_norm, "gradient's norm"
    return None
