import pytest

from src.training.batches import BatchesByNumber, Dealt, batch_loader


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_run_sees_the_batches_that_were_left(num_workers):
    batches = BatchesByNumber(lambda step, _: step * step, 9, Dealt(1))
    whole = list(batch_loader(batches, 0, num_workers))
    assert whole == [step * step for step in range(9)]
    assert list(batch_loader(batches, 4, num_workers)) == whole[4:]


def test_a_finished_run_has_no_batches_left():
    loader = batch_loader(BatchesByNumber(lambda step, _: step, 3, Dealt(1)), 3, num_workers=0)
    assert list(loader) == []


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "num_ranks"), [(12, 1, 1), (3, 4, 1), (6, 1, 2), (2, 3, 2)]
)
def test_however_a_step_is_dealt_out_every_sample_of_it_comes_once(
    batch_size, accumulation, num_ranks
):
    seen = {step: [] for step in range(3)}
    for rank in range(num_ranks):
        dealt = Dealt(batch_size, accumulation, num_ranks)
        assert dealt.global_batch == 12
        for number in range(3 * accumulation):
            step, part = dealt.part(number, rank)
            seen[step] += range(12)[part]
    assert all(sorted(samples) == list(range(12)) for samples in seen.values())
