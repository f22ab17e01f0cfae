import pytest

from src.training.batches import BatchesByStep, step_loader


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_run_sees_the_batches_that_were_left(num_workers):
    batches = BatchesByStep(lambda step: step * step, num_steps=9)
    whole = list(step_loader(batches, 0, num_workers))
    assert whole == [step * step for step in range(9)]
    assert list(step_loader(batches, 4, num_workers)) == whole[4:]


def test_a_finished_run_has_no_batches_left():
    loader = step_loader(BatchesByStep(lambda step: step, num_steps=3), 3, num_workers=0)
    assert list(loader) == []
