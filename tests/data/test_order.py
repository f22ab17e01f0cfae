"""Every row once an epoch, in an order that is a function of seed and number alone."""

import pickle

import numpy as np
import pytest

from src.data.order import RowOrder


@pytest.mark.parametrize(
    ("num_rows", "block_rows", "shuffled_blocks"),
    [(1, 4, 2), (7, 4, 2), (64, 4, 2), (65, 4, 4), (100, 1, 1), (100, 1000, 3), (103, 10, 1)],
)
def test_every_row_stands_once_in_every_epoch(num_rows, block_rows, shuffled_blocks):
    order = RowOrder(num_rows, 3, block_rows, shuffled_blocks)
    rows = [order.row(sample) for sample in range(3 * num_rows)]
    for epoch in range(3):
        part = rows[epoch * num_rows : (epoch + 1) * num_rows]
        assert sorted(part) == list(range(num_rows))


def test_the_row_of_a_sample_depends_on_nothing_that_was_asked_before():
    forward = RowOrder(1000, 5, 16, 4)
    rows = [forward.row(sample) for sample in range(2500)]
    for sample in np.random.default_rng(0).permutation(2500)[:300]:
        assert RowOrder(1000, 5, 16, 4).row(int(sample)) == rows[sample]
        assert forward.row(int(sample)) == rows[sample]
    assert pickle.loads(pickle.dumps(forward)).row(77) == rows[77]  # as in a worker process


def test_seeds_and_epochs_differ():
    rows = {
        (seed, epoch): tuple(RowOrder(50, seed).row(epoch * 50 + i) for i in range(50))
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert len(set(rows.values())) == 4


def test_a_small_table_is_shuffled_evenly():
    first = [RowOrder(4, seed).row(0) for seed in range(4000)]
    counts = np.bincount(first, minlength=4)
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000 * 0.75)  # five standard deviations


def test_neighbours_are_read_together_and_still_mixed():
    order = RowOrder(4096, 0, block_rows=64, shuffled_blocks=4)
    rows = np.array([order.row(sample) for sample in range(256)])
    assert len(set(rows // 64)) == 4  # a quarter of a thousand samples touch four blocks only
    assert len(set(rows[:16] // 64)) > 1
    assert (np.diff(rows) == 1).mean() < 0.1
