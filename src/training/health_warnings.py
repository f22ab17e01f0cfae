"""What is wrong with a training, in words: each judgement needs proof, and names its number.

A judgement is a pure function of counts and a false alarm's probability; it gives the sentence to
tell, or None. Shares are judged by the exact binomial law, means by Student's t. "No effect" is
told only where the interval excludes every effect worth having, so too few rows keep it silent.
"""

from scipy.stats import binom

from src.training.running_sums import Moments

MIN_ROWS = 200  # a mean of fewer rows may lie far from the normal law
MIN_ENTROPY = 0.1  # nats; below, nearly all tokens are one code and there is nothing to gain
# A scaler halves its 65,536 at every overflow: after so many in a row it multiplies by 2**-16, and
# what still overflows is not its doing.
MAX_SKIPPED = 32


class HealthWarning(UserWarning):
    """One illness, told once a run."""

    def __init__(self, name: str, text: str):
        super().__init__(text)
        self.name = name  # a key of health.py's judgements


def level_of_look(false_alarm_prob: float, look: int) -> float:
    """The share of a run's false alarms that its look number `look`, from 1 on, may use.

    1/2 + 1/6 + 1/12 + ... = 1: however often a healthy run is looked at, all looks together raise
    a false alarm with at most that probability (the union bound).
    """
    return false_alarm_prob / (look * (look + 1))


def contradicts(num: int, num_all: int, prob: float, level: float) -> bool:
    """Whether `num` of `num_all` independent events of probability `prob` are too few or many."""
    if num_all == 0:
        return False
    fewer, more = binom.cdf(num, num_all, prob), binom.sf(num - 1, num_all, prob)
    return bool(2 * min(fewer, more) < level)


def not_finite(value: float, what: str, num_in_row: int, is_loss_scaled: bool) -> str | None:
    """A loss or gradient that is no number; a loss scaler may try, and skip, some steps."""
    if num_in_row < (MAX_SKIPPED if is_loss_scaled else 1):
        return None
    times = f" for {num_in_row} steps in a row" if num_in_row > 1 else ""
    return (
        f"The {what} is {value}{times}: check the learning rate, and whether a batch holds values "
        "that are no numbers."
    )


def visible_scored(num_visible_scored: int, num_visible: int) -> str | None:
    """The loss scores tokens that the model can see."""
    if num_visible_scored == 0:
        return None
    return (
        f"The loss scores {num_visible_scored:,} of {num_visible:,} visible tokens, which the "
        "model has only to copy: check that targets are IGNORED_TARGET where nothing is hidden."
    )


def true_ids_shown(num_shown: int, num_hidden: int, chance: float, level: float) -> str | None:
    """The input shows the answer at places that count as hidden.

    chance: of the true id by a random replacement; 0 where hidden tokens show the mask id.
    """
    if num_shown <= chance * num_hidden or not contradicts(num_shown, num_hidden, chance, level):
        return None
    return (
        f"{num_shown:,} of {num_hidden:,} hidden tokens ({_percent(num_shown / num_hidden)}) show "
        "the model their true id: check that it reads the masked ids, not the original ones."
    )


def loss_near_zero(loss: Moments, bound: float, least: float, level: float) -> str | None:
    """Almost nothing is visible, and almost everything known. least: mask ratio of these rows."""
    if loss.num < MIN_ROWS or loss.interval(level)[1] >= bound:
        return None
    return (
        f"With over {_percent(least)} of a picture hidden the loss is {loss.mean:.4f} "
        f"({loss.num:,} pictures), below {bound:.4f}: check whether the answer reaches the model "
        "by another way than the visible tokens, or whether it knows these few pictures by heart."
    )


def wrong_noise(num_mask_ids: int, num_hidden: int, replaced: float, level: float) -> str | None:
    """Hidden tokens show the mask id more, or less, often than configured."""
    if not contradicts(num_mask_ids, num_hidden, 1 - replaced, level):
        return None
    return (
        f"{_percent(num_mask_ids / num_hidden)} of {num_hidden:,} hidden tokens show the mask id "
        f"and {_percent(1 - replaced)} should: check mask_token_id, and that random replacement "
        "is reached."
    )


def wrong_dropping(num_dropped: int, num_rows: int, drop_prob: float, level: float) -> str | None:
    """Prompts are dropped more, or less, often than configured."""
    if not contradicts(num_dropped, num_rows, drop_prob, level):
        return None
    is_inverted = not contradicts(num_dropped, num_rows, 1 - drop_prob, level)
    check = (
        "this is the share that should keep it, so check for an inverted keep-mask"
        if is_inverted
        else "check the dropping and the configured probability"
    )
    return (
        f"{num_dropped:,} of {num_rows:,} rows ({_percent(num_dropped / num_rows)}) lost their "
        f"prompt, and drop_prob={drop_prob} asks for {_percent(drop_prob)}: {check}."
    )


def nothing_learned(
    gain: Moments, entropy: float, min_gain: float, num_steps: int, level: float
) -> str | None:
    """The loss is no better than knowing how frequent each code is.

    gain: of each row, the frequencies' loss less the model's; entropy: the frequencies' own.
    """
    if gain.num < MIN_ROWS or entropy < MIN_ENTROPY:
        return None
    if gain.interval(level)[1] >= min_gain * entropy:
        return None
    return (
        f"After {num_steps:,} steps the loss lies {gain.mean:.3f} below what the frequencies of "
        f"the codes alone give (unigram entropy {entropy:.3f}); {min_gain * entropy:.3f} would be "
        "the least: check that visible tokens reach the model at their places, that the prompts "
        "do, and the learning rate."
    )


def prompts_ignored(gain: Moments, right: Moments, least: float, level: float) -> str | None:
    """The right prompt is worth nothing.

    gain: of each row, the loss with another's prompt less that with its own; right: the latter.
    """
    if gain.num < MIN_ROWS or gain.interval(level)[1] >= least * right.mean:
        return None
    return (
        f"The loss is {right.mean:.4f} with the right prompts and {right.mean + gain.mean:.4f} "
        f"with those of other pictures ({gain.num:,} rows): the prompts are ignored. Check that "
        "the text reaches every layer, that captions belong to their pictures, and how many "
        "prompts are dropped."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
