"""Settings of what the transformer is told besides the tokens."""

from dataclasses import dataclass


@dataclass
class ConditioningConfig:
    """Settings of prompt dropping in training.

    drop_prob: probability, in 0..1, that a caption is replaced by the empty prompt. 0.1 is what
        aMUSEd's training set out to do; the released training script keeps with that probability,
        and so drops 0.9.
    """

    drop_prob: float = 0.1
