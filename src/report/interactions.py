"""Whether the effect of one factor depends on another: differences of paired differences.

That a change matters in one model and is not shown to matter in another is no difference between
the two; the difference of the two effects, picture by picture, is. Dimensions: pictures.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from src.evaluation.paired import PairedDifference, paired_difference
from src.report.answers import Measure
from src.report.sweep_table import Row, label_of

RESAMPLES = 0  # seed of the intervals


class Interaction(NamedTuple):
    """The same change under two conditions."""

    change: str  # "aesthetic_score=6 to aesthetic_score=2"
    condition: str  # "model=shuffled"
    baseline: str  # "model=embedded"
    effect: float  # of the change, under the condition
    effect_at_baseline: float
    difference: PairedDifference  # the one effect less the other


def changes(rows: Sequence[Row], chosen: Row) -> list[tuple[str, str]]:
    """Every value of the first factor with every one of the second, but the baseline's.

    Empty unless the rows are the whole grid of two factors.
    """
    if len(chosen.factors) != 2:
        return []
    cells = {tuple(row.factors.values()) for row in rows}
    one, other = (list(dict.fromkeys(row.factors[name] for row in rows)) for name in chosen.factors)
    if len(cells) != len(one) * len(other):
        return []
    here, there = chosen.factors.values()
    return [(a, b) for a, b in product(one, other) if a != here and b != there]


def interactions(
    rows: Sequence[Row], chosen: Row, measure: Measure, confidence: float
) -> list[Interaction]:
    """Every change of the second factor, under every value of the first, against the baseline's.

    confidence: of each interval; whoever makes other comparisons as well counts all in one family.
    """
    pairs = changes(rows, chosen)
    if not pairs:
        return []
    here, there = chosen.factors.values()
    cells = {tuple(row.factors.values()): row for row in rows}
    columns = {key: row.cell.columns()[measure.column].astype(float) for key, row in cells.items()}
    names = list(chosen.factors)
    found = []
    for a, b in pairs:
        effect = columns[a, b] - columns[a, there]
        usual = columns[here, b] - columns[here, there]
        rng = np.random.default_rng(RESAMPLES)
        found.append(
            Interaction(
                f"{label_of({names[1]: there})} to {label_of({names[1]: b})}",
                label_of({names[0]: a}),
                label_of({names[0]: here}),
                float(effect.mean()),
                float(usual.mean()),
                paired_difference(effect, usual, rng, confidence),
            )
        )
    return found


def in_words(found: Interaction, measure: Measure) -> str:
    """One comparison of two effects: different, or how different they may be."""
    effects = (
        f"from `{found.change}` it changes by {measure.difference(found.effect)} under "
        f"`{found.condition}` and by {measure.difference(found.effect_at_baseline)} under "
        f"`{found.baseline}`"
    )
    about = found.difference
    numbers = (
        f"{measure.difference(about.mean)} ({measure.bare(about.low)} to "
        f"{measure.bare(about.high)}, at {100 * about.confidence:.2f} %, n = {about.num_pairs:,} "
        "pictures)"
    )
    if about.is_decided:
        return f"The two effects differ: {effects}, a difference of {numbers}."
    return f"The two effects cannot be told apart: {effects}, a difference of {numbers}."
