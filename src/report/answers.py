"""What a comparison allows to say, and what not, in sentences that follow from its intervals.

A difference is told as one only where its interval leaves 0 out; elsewhere the sentence says how
large a difference remains possible.
"""

from collections.abc import Sequence
from typing import NamedTuple

from src.evaluation.measurement import Measurement
from src.evaluation.paired import PairedDifference


class Measure(NamedTuple):
    """What the pictures are compared by, one value each; higher is better."""

    column: str  # "right"
    name: str  # "whole scenes right", as it stands in a sentence
    is_share: bool
    begins: str  # how the name of the cell's own number begins

    def difference(self, value: float) -> str:
        """A difference with its sign and unit: "-7.8 points", "+0.31"."""
        return f"{100 * value:+.1f} points" if self.is_share else f"{value:+.2f}"

    def bare(self, value: float) -> str:
        """A difference without its unit: "-7.8"."""
        return self.difference(value).removesuffix(" points")

    def size(self, value: float) -> str:
        """The same without a sign."""
        return self.difference(abs(value)).lstrip("+")

    def level(self, value: float) -> str:
        return f"{100 * value:.1f} %" if self.is_share else f"{value:.2f}"


MEASURES = {
    "right": Measure("right", "whole scenes right", True, "whole scene right: all"),
    "clip_score": Measure("clip_score", "CLIP score", False, "CLIP score["),
}


class Compared(NamedTuple):
    """A cell beside the baseline."""

    label: str
    level: float  # the mean of its values
    difference: PairedDifference
    passes: float  # of the model, a picture
    seconds: float


def sentence(compared: Compared, baseline: str, measure: Measure) -> str:
    """One comparison in words: better, worse, or how much remains possible."""
    found = compared.difference
    numbers = (
        f"{measure.difference(found.mean)} ({measure.bare(found.low)} to "
        f"{measure.bare(found.high)}{_effect(found)})"
    )
    if found.is_higher:
        return f"`{compared.label}` is better than `{baseline}`: {numbers}."
    if found.is_lower:
        return f"`{compared.label}` is worse than `{baseline}`: {numbers}."
    return (
        f"`{compared.label}` cannot be told from `{baseline}`: {numbers}. It may be worse by up to "
        f"{measure.size(min(found.low, 0.0))} and better by up to "
        f"{measure.size(max(found.high, 0.0))}; larger differences are excluded."
    )


def can_be_concluded(
    compared: Sequence[Compared], baseline: Compared, measure: Measure
) -> list[str]:
    """Sentences that the intervals support."""
    said = [
        sentence(each, baseline.label, measure) for each in compared if each.difference.is_decided
    ]
    if not said:
        said.append(f"No cell was shown to differ from `{baseline.label}` in {measure.name}.")
    cheaper = [
        each for each in compared if each.passes < baseline.passes and not each.difference.is_lower
    ]
    if cheaper:
        least = min(cheaper, key=lambda each: each.passes)
        ending = (
            "and is better"
            if least.difference.is_higher
            else f"at a loss of at most {measure.size(min(least.difference.low, 0.0))}"
        )
        said.append(
            f"The cheapest cell that is not shown to be worse is `{least.label}`: {least.passes:g} "
            f"passes a picture instead of {baseline.passes:g}, {ending}."
        )
    return said


def cannot_be_concluded(
    compared: Sequence[Compared], baseline: Compared, measure: Measure, trainings: int = 1
) -> list[str]:
    """Sentences about what stays open; trainings: of every setting, one a seed."""
    said = [
        sentence(each, baseline.label, measure)
        for each in compared
        if not each.difference.is_decided
    ]
    num_pairs = compared[0].difference.num_pairs if compared else 0
    if len(compared) > 1:
        best = max([*compared, baseline], key=lambda each: each.level)
        said.append(
            f"`{best.label}` is the highest of {len(compared) + 1} values "
            f"({measure.level(best.level)}); the highest of several noisy values is flattered by "
            "having been chosen, and needs fresh prompts and seeds to be believed."
        )
        said.append(
            f"Cells other than `{baseline.label}` were not compared with each other: that one "
            "differs from it and another does not is no difference between the two."
        )
    said.append(
        f"Everything here is of one model, {num_pairs:,} prompts and one seed a prompt: nothing is "
        "said about another model, a model trained again, or other kinds of prompts."
        if trainings == 1
        else f"Everything here is of {trainings} trainings a setting, all of one architecture, one "
        f"world and one number of steps, and {num_pairs:,} prompts: nothing is said about a model "
        "that is larger, or trained for longer, or asked for other things."
    )
    said.append(
        "Seconds are this machine's: of its processor's time, all threads together, or on a GPU of "
        "the clock, with whatever else it did."
    )
    return said


def side_by_side(one: Measurement, other: Measurement, names: tuple[str, str]) -> str:
    """Two numbers of different pictures, where nothing makes pairs: only their intervals tell."""
    numbers = f"{one.name}: {one.text} of `{names[0]}`, {other.text} of `{names[1]}`"
    if one.num_reference is not None and one.samples != other.samples:
        return f"{numbers}; distances of other sample counts do not compare."
    if None in (one.low, other.low):
        return f"{numbers}; without an interval, so that nothing can be concluded."
    if one.high < other.low or other.high < one.low:
        is_first = (one.value > other.value) == one.is_higher_better
        return f"{numbers}; the intervals lie apart, and `{names[not is_first]}` is better."
    return f"{numbers}; the intervals overlap, so that neither is shown to be better."


def about_many(compared: Sequence[Compared], confidence: float, num_effects: int = 0) -> str:
    """How the many comparisons were accounted for; num_effects: those of one effect with another.

    All are one family: whoever looks at many intervals finds one that leaves 0 out by chance.
    """
    if not compared:
        return "One cell alone: nothing was compared."
    each = compared[0].difference.confidence
    if len(compared) + num_effects == 1:
        return f"One comparison, at {100 * confidence:g} %."
    effects = f" of cells and {num_effects} of effects" if num_effects else ""
    return (
        f"{len(compared)} comparisons{effects} were made. Each interval is at {100 * each:.2f} %, "
        f"so that all of them together hold at {100 * confidence:g} % (Bonferroni)."
    )


def _effect(found: PairedDifference) -> str:
    told = "" if found.effect_size is None else f"; Cohen's d {found.effect_size:+.2f}"
    if found.num_gained is not None:
        told += f"; right here alone {found.num_gained}, there alone {found.num_lost} pictures"
    return told
