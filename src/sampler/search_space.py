"""What a search over samplers may choose: counts, temperatures and guidance of every step.

A point of the space is a number for each knot of four curves over the steps; between knots a curve
is a straight line. With as many knots as steps, each step is chosen by itself (as AutoNAT does, Ni
et al. 2024); with fewer, the space is small enough for a few hundred trials.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
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
DECIMALS = 4  # of every number in the settings, so that a file says exactly what was tried


def ranges(num_knots: int) -> dict[str, Curve]:
    """Every number of a point by name: {"pace_0": Curve(-3, 3), ...}."""
    return {f"{name}_{knot}": curve for name, curve in CURVES.items() for knot in range(num_knots)}


def settings_at(point: Mapping[str, float], base: SamplerConfig, num_knots: int) -> SamplerConfig:
    """The sampler that a point of the space stands for; `base` says the rest."""
    steps = base.num_steps
    curve = {name: _over_steps(point, name, steps, num_knots) for name in CURVES}
    return replace(
        base,
        schedule=f"{BY_HAND}:{'/'.join(f'{share:g}' for share in _shares(curve['pace']))}",
        guidance_scales=_rounded(curve["guidance_scale"]),
        choice_temperatures=_rounded(curve["choice_temperature"]),
        sampling_temperatures=_rounded(curve["sampling_temperature"]),
    )


def point_near(config: SamplerConfig, num_knots: int) -> dict[str, float]:
    """The point whose settings come nearest to these, which name their guidance and schedule."""
    plan = make_plan(config)
    revealed = [max(step.ratio_before - step.ratio_after, 1e-6) for step in plan]
    pace = np.log(revealed)
    values = {
        "pace": pace - pace.mean(),
        "guidance_scale": [step.guidance_scale for step in plan],
        "choice_temperature": [step.choice_temperature for step in plan],
        "sampling_temperature": [step.sampling_temperature for step in plan],
    }
    point = {}
    for name, curve in CURVES.items():
        knots = np.interp(_places(num_knots), _places(len(plan)), values[name])
        for knot, number in enumerate(np.clip(knots, curve.low, curve.high)):
            point[f"{name}_{knot}"] = float(number)
    return point


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


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]
