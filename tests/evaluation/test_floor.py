"""A measured time stands beside its floor, and says how far it is from it."""

import pytest

from src.evaluation.floor import beside_floor
from src.evaluation.measurement import Measurement
from src.speed.work import Machine, Work

MACHINE = Machine(flops_per_second=1e9, bytes_per_second=1e9, bytes_each=4)


def test_every_time_has_its_floor_and_its_distance():
    measured = Measurement("seconds", 6.0, 5, 5.0, 8.0, subject="ours")
    works = {"text": [Work(10**9)], "steps": [Work(5 * 10**8), Work(0, 10**8, 25 * 10**6)]}
    seconds, floor, above = beside_floor(measured, works, MACHINE)
    assert seconds is measured
    assert floor.value == pytest.approx(1000 * (1 + 0.5 + 0.5))
    assert (above.value, above.low, above.high) == pytest.approx((3.0, 2.5, 4.0))
    assert {each.subject for each in (floor, above)} == {"ours"}
    assert floor.note.startswith("1.5 GFLOP, 0.4 GB of weights, 0.5 GB in all; measured here: 1")


def test_a_time_without_an_interval_has_none_beside_its_floor():
    _, _, above = beside_floor(Measurement("seconds", 2.0, 1), {"a": [Work(10**9)]}, MACHINE)
    assert (above.value, above.low, above.high) == (2.0, None, None)
