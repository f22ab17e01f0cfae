"""Measured seconds beside the least that arithmetic and memory allow."""

from dataclasses import replace

from src.evaluation.measurement import Measurement
from src.speed.work import Machine, Works, floor_of, together

FLOOR, ABOVE = "floor, ms", "times the floor"


def beside_floor(seconds: Measurement, works: Works, machine: Machine) -> list[Measurement]:
    """The seconds, their floor, and how many times the floor they are; the same subject."""
    floor = sum(floor_of(works, machine).values())
    total = together(work for each in works.values() for work in each)
    moved = machine.bytes_each * (total.weights + total.states)
    note = (
        f"{total.flops / 1e9:,.4g} GFLOP, {machine.bytes_each * total.weights / 1e9:,.3g} GB of "
        f"weights, {moved / 1e9:,.3g} GB in all; {machine.text}"
    )
    bounds = {key: getattr(seconds, key) for key in ("value", "low", "high")}
    shares = {key: None if value is None else value / floor for key, value in bounds.items()}
    return [
        seconds,
        replace(
            seconds, name=FLOOR, value=1000 * floor, low=None, high=None, num_samples=1, note=note
        ),
        replace(seconds, name=ABOVE, note="", **shares),
    ]
