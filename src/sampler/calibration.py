"""Find the entropy bound that takes a wanted number of steps, on the mean over pictures."""

from collections.abc import Callable

from src.errors import UserError

TOLERANCE = 0.02  # share of the wanted steps
MOST_TRIES = 40
LARGEST_BOUND = 1e6  # nats


def calibrate_bound(mean_steps: Callable[[float], float], wanted: float) -> float:
    """The bound, in nats, whose mean number of steps is `wanted`, by bisection.

    mean_steps: the mean number of steps that a bound takes; falls as the bound grows.
    Ends within 2 % of the wanted number or, where the pictures are too few for that, as near as
    bisection comes. Raises UserError where no bound gives so few or so many steps.
    """
    most = mean_steps(0.0)
    if wanted > most:
        raise UserError(
            f"calibration.mean_steps={wanted:g} is impossible: at bound 0, one token a step, these "
            f"pictures take {most:g} steps on the mean; give fewer, or a larger sampler.num_steps."
        )
    low, high = 0.0, 1.0
    while (least := mean_steps(high)) > wanted:
        low, high = high, 2 * high
        if high > LARGEST_BOUND:
            raise UserError(
                f"calibration.mean_steps={wanted:g} is impossible: these pictures take more steps "
                f"whatever the bound; give {least:g} or more."
            )
    best = (abs(most - wanted), 0.0)
    for _ in range(MOST_TRIES):
        bound = (low + high) / 2
        steps = mean_steps(bound)
        best = min(best, (abs(steps - wanted), bound))
        if best[0] <= TOLERANCE * wanted or high - low < 1e-6 * high:
            break
        low, high = (bound, high) if steps > wanted else (low, bound)
    return best[1]
