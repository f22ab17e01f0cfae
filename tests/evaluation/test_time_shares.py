"""All of a generation's seconds are somewhere: each in one part, of one kind."""

import time

import pytest
import torch

from src.amused import Amused
from src.evaluation.time_shares import BETWEEN, ELEMENTWISE, PARTS, REST, time_shares
from src.part_names import DECODER, SAMPLER, TEXT, UVIT, as_part
from tests.tasks.conftest import SETTINGS


def by(shares, **wanted) -> float:
    return sum(
        each.seconds
        for each in shares
        if all(getattr(each, key) == value for key, value in wanted.items())
    )


def test_the_shares_of_a_generation_add_up_to_the_whole():
    model = Amused.from_config(SETTINGS, seed=0)
    model.generate("a red star", seeds=0, record=False)
    spent = []

    def work() -> None:
        started = time.perf_counter()
        model.generate("a red star", seeds=0, record=False)
        spent.append(time.perf_counter() - started)

    shares = time_shares(work)
    assert by(shares) == pytest.approx(spent[0], rel=0.05)
    assert {each.part for each in shares} == set(PARTS)
    for part, kind in [
        (TEXT, "matrix products"),
        (UVIT, "attention"),
        (UVIT, "convolutions"),
        (SAMPLER, ELEMENTWISE),
        (DECODER, "convolutions"),
    ]:
        assert by(shares, part=part, kind=kind) > 0, (part, kind)


def test_each_second_is_where_it_was_spent():
    left, right = torch.randn(2, 700, 700)

    def work() -> None:
        with as_part(UVIT):
            for _ in range(8):
                left @ right
        with as_part(DECODER):
            time.sleep(0.05)

    shares = time_shares(work)
    assert by(shares, part=UVIT, kind="matrix products") > 0.9 * by(shares, part=UVIT)
    assert by(shares, part=DECODER, kind=BETWEEN) == pytest.approx(0.05, rel=0.3)
    assert by(shares, part=REST) < 0.02
