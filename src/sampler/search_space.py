"""What a search over samplers may choose: counts, temperatures and guidance of every step.

A point of the space is a number for each knot of four curves over the steps; between knots a curve
is a straight line, bent as the untuned sampler's own is. So that sampler is a point of the space,
whatever its laws. With as many knots as steps, each step is chosen by itself (as AutoNAT does, Ni
et al. 2024); with fewer, the space is small enough for a few hundred trials.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from src.masking.config import BY_HAND
from src.sampler.config import SamplerConfig
from src.sampler.plan import make_plan


class Curve(NamedTuple):
    """What a search may choose over the steps, and between which numbers."""

    low: float
    high: float


CURVES = {
    "pace": Curve(-3.0, 3.0),  # the softmax over the steps gives each its share of the tokens
    "guidance_scale": Curve(1.0, 6.0),
    "choice_temperature": Curve(0.0, 4.0),
    "sampling_temperature": Curve(0.3, 1.5),
}
ROOM = 1.5  # the search reaches beyond the untuned sampler's largest number by this factor
LEAST = 1e-6  # share of the tokens that a step is taken to reveal where it reveals none
DECIMALS = 4  # of every chosen number in the settings, so that a file says exactly what was tried


def curves_around(base: SamplerConfig) -> dict[str, Curve]:
    """`CURVES`, wide enough for the untuned sampler and some way beyond."""
    untuned = _untuned(base)
    wide = {"pace": CURVES["pace"]}  # e^-3 to e^3 times the mean, whatever the schedule
    for name, curve in list(CURVES.items())[1:]:
        low, high = untuned[name].min(), ROOM * untuned[name].max()
        wide[name] = Curve(min(curve.low, float(low)), max(curve.high, float(high)))
    return wide


def ranges(base: SamplerConfig, num_knots: int) -> dict[str, Curve]:
    """Every number of a point by name: {"pace_0": Curve(-3, 3), ...}."""
    around = curves_around(base)
    return {f"{name}_{knot}": curve for name, curve in around.items() for knot in range(num_knots)}


def settings_at(point: Mapping[str, float], base: SamplerConfig, num_knots: int) -> SamplerConfig:
    """The sampler that a point of the space stands for; `base` says the rest."""
    untuned, own = _untuned(base), point_of(base, num_knots)
    steps, moved, values = base.num_steps, {}, {}
    for name, curve in curves_around(base).items():
        line, usual = (_over_steps(each, name, steps, num_knots) for each in (point, own))
        moved[name] = line - usual
        bent = (untuned[name] + moved[name]).clip(curve.low, curve.high).round(DECIMALS)
        values[name] = np.where(moved[name] == 0, untuned[name], bent).tolist()
    is_own_pace = not moved["pace"].any()
    shares = _ratios(base) if is_own_pace else _shares(untuned["pace"] + moved["pace"])
    return replace(
        base,
        schedule=f"{BY_HAND}:{'/'.join(map(str, shares))}",
        guidance_scales=values["guidance_scale"],
        choice_temperatures=values["choice_temperature"],
        sampling_temperatures=values["sampling_temperature"],
    )


def point_of(base: SamplerConfig, num_knots: int) -> dict[str, float]:
    """The point that stands for the untuned sampler, which names its guidance and schedule."""
    untuned, point = _untuned(base), {}
    for name, curve in curves_around(base).items():
        knots = np.interp(_places(num_knots), _places(base.num_steps), untuned[name])
        for knot, number in enumerate(np.clip(knots, curve.low, curve.high)):
            point[f"{name}_{knot}"] = float(number)
    return point


def _untuned(base: SamplerConfig) -> dict[str, np.ndarray]:
    """What every step of the sampler follows, by the curve that would choose it."""
    plan = make_plan(base)
    ratios = [1.0, *_ratios(base)]
    revealed = [max(before - after, LEAST) for before, after in pairwise(ratios)]
    pace = np.log(revealed)
    return {
        "pace": pace - pace.mean(),
        "guidance_scale": np.array([step.guidance_scale for step in plan]),
        "choice_temperature": np.array([step.choice_temperature for step in plan]),
        "sampling_temperature": np.array([step.sampling_temperature for step in plan]),
    }


def _ratios(base: SamplerConfig) -> list[float]:
    """The hidden share after each step."""
    return [step.ratio_after for step in make_plan(base)]


def _places(count: int) -> np.ndarray:
    """Of so many knots or steps, evenly from 0 to 1."""
    return np.linspace(0.0, 1.0, count)


def _over_steps(
    point: Mapping[str, float], name: str, num_steps: int, num_knots: int
) -> np.ndarray:
    knots = [point[f"{name}_{knot}"] for knot in range(num_knots)]
    return np.interp(_places(num_steps), _places(num_knots), knots)


def _shares(pace: np.ndarray) -> list[float]:
    """The hidden share after each step: 1 minus all that was revealed; 0 after the last."""
    weights = np.exp(pace - pace.max())
    left = 1.0 - np.cumsum(weights) / math.fsum(weights)
    return [*(round(max(0.0, float(share)), DECIMALS) for share in left[:-1]), 0.0]
