"""Trial after trial of a search, each kept in a file: one that was killed goes on where it was.

Optuna is asked for a point and told its value (ask and tell). What it is asked depends on the
trials so far and the trial's number alone, so that a search that was interrupted ends as one that
was not.
"""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from src.sampler.search_space import Curve
from src.whole_files import write_whole

TPE, RANDOM = "tpe", "random"  # Bergstra et al. 2011, and what it has to beat
NUM_RANDOM_FIRST = 20  # trials of TPE before it has seen enough to lean on


class Trial(NamedTuple):
    """A point that was tried."""

    number: int  # from 0
    point: dict[str, float]
    value: float  # higher is better


class Search(NamedTuple):
    """One search over a space."""

    how: str  # TPE or RANDOM
    space: Mapping[str, Curve]
    beginnings: Sequence[Mapping[str, float]]  # points that are tried before any other
    seed: int
    folder: Path  # of its trials


def search(
    what: Search, num_trials: int, value_of: Callable[[dict[str, float]], float]
) -> list[Trial]:
    """All trials in their order; those that lie in the folder are not made again.

    One of another point than this search asks for is: other finalists came out of more trials.
    """
    study = _new_study()
    trials = []
    for number in range(num_trials):
        path = what.folder / f"{what.how}_{number:04d}.json"
        trial, point = read_trial(path), _next_point(study, what, number)
        if trial is None or trial.point != point:
            trial = Trial(number, point, value_of(point))
            write_whole(path, json.dumps(trial._asdict(), allow_nan=False).encode())
        _tell(study, what, trial)
        trials.append(trial)
    return trials


def read_trial(path: Path) -> Trial | None:
    """The trial in a file, or None where there is none or a damaged one, which is made again."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Trial(int(told["number"]), dict(told["point"]), float(told["value"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def best_so_far(trials: Sequence[Trial]) -> np.ndarray:
    """The highest value up to each trial."""
    return np.maximum.accumulate([each.value for each in trials])


def finalists(trials: Sequence[Trial], count: int) -> list[Trial]:
    """The best trials, of equal ones the earliest, no point twice."""
    chosen: list[Trial] = []
    for trial in sorted(trials, key=lambda each: (-each.value, each.number)):
        if len(chosen) < count and all(trial.point != each.point for each in chosen):
            chosen.append(trial)
    return chosen


def _new_study() -> Any:
    import optuna  # a second to import

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize")


def _next_point(study: Any, what: Search, number: int) -> dict[str, float]:
    """Of the beginnings, or asked of Optuna with a seed of this trial's own."""
    if number < len(what.beginnings):
        return dict(what.beginnings[number])
    import optuna

    seed = int(np.random.SeedSequence([what.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if what.how == RANDOM
            else optuna.samplers.TPESampler(
                seed=seed, multivariate=True, n_startup_trials=NUM_RANDOM_FIRST
            )
        )
        asked = study.ask(_distributions(what))
    study.tell(asked, state=optuna.trial.TrialState.FAIL)  # its value is told by `_tell`
    return dict(asked.params)


def _tell(study: Any, what: Search, trial: Trial) -> None:
    import optuna

    told = optuna.trial.create_trial(
        params=trial.point, distributions=_distributions(what), value=trial.value
    )
    study.add_trial(told)


def _distributions(what: Search) -> dict[str, Any]:
    import optuna

    return {
        name: optuna.distributions.FloatDistribution(curve.low, curve.high)
        for name, curve in what.space.items()
    }
