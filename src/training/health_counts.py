"""All that the health monitor counts: what holds for a whole run, and what for a window of steps.

Dimensions: batch, codes.
"""

from dataclasses import dataclass, field

from src.masking.corrupt import IGNORED_TARGET
from src.training.baselines import CodeCounts
from src.training.mask_buckets import MaskBuckets, bucket_of, is_scored, row_scores
from src.training.running_sums import Moments, RunningSums
from src.training.step_facts import StepFacts


@dataclass
class RunCounts(RunningSums):
    """What belongs to the whole run, because it does not depend on what was learned."""

    codes: CodeCounts
    num_steps: int = 0
    num_windows: int = 0
    num_probes: int = 0  # that were judged
    num_bad_steps: int = 0  # loss or gradient no number; their tokens are not counted
    num_hidden: int = 0
    num_visible: int = 0
    num_visible_scored: int = 0  # visible, yet in the loss
    num_true_shown: int = 0  # hidden, yet the input shows the true id
    num_mask_ids: int = 0  # hidden, and the input shows the mask id
    num_prompted: int = 0
    num_dropped: int = 0
    prompt_gain: Moments = field(default_factory=Moments)  # since prompts last proved useful
    right_loss: Moments = field(default_factory=Moments)  # of the same rows

    @classmethod
    def of(cls, num_codes: int) -> "RunCounts":
        return cls(CodeCounts.of(num_codes))

    def update(self, facts: StepFacts, mask_token_id: int) -> None:
        """Count a step's codes, hidden tokens and dropped prompts."""
        is_masked, in_loss = facts.is_masked, facts.targets != IGNORED_TARGET
        self.codes.update(facts.targets[is_scored(facts)])
        self.num_hidden += int(is_masked.sum())
        self.num_visible += int((~is_masked).sum())
        self.num_visible_scored += int((in_loss & ~is_masked).sum())
        self.num_true_shown += int((is_masked & (facts.token_ids == facts.targets)).sum())
        self.num_mask_ids += int((is_masked & (facts.token_ids == mask_token_id)).sum())
        if facts.is_dropped is not None:
            self.num_prompted += len(facts.is_dropped)
            self.num_dropped += int(facts.is_dropped.sum())


@dataclass
class WindowSums(RunningSums):
    """What is forgotten at the end of a window, because the model goes on learning."""

    buckets: MaskBuckets
    gain: Moments = field(default_factory=Moments)  # per row: unigram loss less the model's
    most_hidden: Moments = field(default_factory=Moments)  # loss of rows in the last bucket
    gradient_norm: Moments = field(default_factory=Moments)

    @classmethod
    def of(cls, num_buckets: int) -> "WindowSums":
        return cls(MaskBuckets.of(num_buckets))

    def update(self, facts: StepFacts, codes: CodeCounts) -> None:
        """Score a step; codes: the run's counts, this step's included, so none is unseen."""
        scores = row_scores(facts, codes.losses)
        num_buckets = len(self.buckets.sums)
        buckets = bucket_of(facts.is_masked, num_buckets)
        self.buckets.update(scores, buckets)
        has_tokens = scores.num_tokens > 0
        gain = (scores.unigram_loss - scores.loss) / scores.num_tokens
        self.gain.update(gain[has_tokens])
        is_last = has_tokens & (buckets == num_buckets - 1)
        self.most_hidden.update((scores.loss / scores.num_tokens)[is_last])
        if facts.gradient_norm is not None:
            self.gradient_norm.update(scores.loss.new_tensor([facts.gradient_norm]))
