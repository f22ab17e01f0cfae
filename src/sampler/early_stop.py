"""An early stop: a picture ends as soon as the model is sure of all that is still hidden.

The tokens that are left are then drawn at once, each by itself. What that loses is their total
correlation, which is at most the sum of their entropies: where these are small, so is the loss. It
is an approximation all the same: the tokens kept at once never see each other.

Dimensions: hidden (positions of one picture), codes.
"""

from src.sampler.choices import Counts
from src.sampler.entropies import entropy
from src.sampler.model_pass import Guided
from src.sampler.plan import StepPlan


def is_sure(guided: Guided, counts: Counts, now: StepPlan) -> list[bool]:
    """Whether the mean entropy over a picture's hidden positions is at most `stop_entropy`.

    Of the guided distribution before temperature, as the trace's opinions say it, so that a bound
    can be read there. Each picture by itself, whatever its company; one with nothing hidden is not.
    """
    return [
        count > 0 and _mean_entropy(guided, picture, count) <= now.config.stop_entropy
        for picture, count in enumerate(counts.hidden)
    ]


def _mean_entropy(guided: Guided, picture: int, num_hidden: int) -> float:
    rows, _ = guided.hidden_of(picture, num_hidden)  # (hidden, codes)
    return float(entropy(rows.float().log_softmax(dim=-1)).mean())
