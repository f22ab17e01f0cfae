"""How long one thing takes against another: in turns, so that a noisy machine disturbs both."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from src.evaluation.measurement import Measurement


def in_turns(
    works: Mapping[str, Callable[[], None]], num_rounds: int, warm_up: int = 1
) -> dict[str, np.ndarray]:
    """Seconds of every work in every round; the first rounds are not counted."""
    seconds = {name: [] for name in works}
    for _ in range(warm_up + num_rounds):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values[warm_up:]) for name, values in seconds.items()}


def ratio(
    name: str, above: np.ndarray, below: np.ndarray, subject: str, note: str = ""
) -> Measurement:
    """The median ratio of two works' seconds, round by round, with its interval."""
    return median(name, above / below, subject, note)


def median(name: str, values: np.ndarray, subject: str, note: str = "") -> Measurement:
    """The median over rounds, with its 95 % interval by percentile bootstrap."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, size=(2000, len(values))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return Measurement(
        name,
        float(np.median(values)),
        len(values),
        float(low),
        float(high),
        subject=subject,
        is_higher_better=False,
        note=note,
    )
