"""The machine's rates: what a product and a copy reach, at least as fast as a plain one."""

import time

import pytest
import torch

from src.speed.machine import measured_machine


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_both_rates_are_measured(dtype, size):
    machine = measured_machine("cpu", dtype, is_small=True)
    assert machine.flops_per_second > 1e6
    assert machine.bytes_per_second > 1e6
    assert machine.bytes_each == size
    assert "GFLOP/s" in machine.text


def test_no_plain_product_is_far_above_the_rate():
    left, right = torch.randn(2, 512, 512)
    rate = measured_machine("cpu", torch.float32).flops_per_second
    started = time.perf_counter()
    left @ right
    assert 2 * 512**3 / (time.perf_counter() - started) < 1.5 * rate
