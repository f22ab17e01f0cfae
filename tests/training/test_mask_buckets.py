import math

import pytest
import torch

from src.masking.corrupt import IGNORED_TARGET as NONE
from src.training.baselines import CodeCounts
from src.training.health_counts import RunCounts, WindowSums
from src.training.mask_buckets import MaskBuckets, RowScores, bucket_of, row_scores
from src.training.step_facts import StepFacts

MASK = 4


def facts_of(rows):
    """Pictures of 2 x 2 tokens out of four codes, from (what is shown, targets, probabilities)."""
    shown, targets, probabilities = zip(*rows, strict=True)
    token_ids = torch.tensor(shown).view(-1, 2, 2)
    return StepFacts(
        logits=torch.tensor(probabilities).log() + 7.0,  # softmax takes no notice of a constant
        token_ids=token_ids,
        targets=torch.tensor(targets).view(-1, 2, 2),
        is_masked=token_ids == MASK,
        loss=torch.tensor(0.0),
    )


HALF = [0.5, 0.25, 0.125, 0.125]  # entropy 1.75 bits
EVEN = [0.25] * 4
FACTS = facts_of(
    [
        ([0, MASK, 1, MASK], [NONE, 0, NONE, 2], [HALF] * 4),  # bucket 40-60 %
        ([MASK] * 4, [1, 0, 3, 0], [HALF, HALF, EVEN, EVEN]),  # 80-100 %
        ([1, 1, MASK, 1], [NONE, NONE, 1, NONE], [HALF] * 4),  # 20-40 %
    ]
)
BIT = math.log(2)


def test_sums_of_rows_and_buckets_by_hand():
    unigram = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    scores = row_scores(FACTS, unigram)
    assert scores.num_tokens.tolist() == [2, 4, 1]
    assert scores.loss.tolist() == pytest.approx([4 * BIT, 7 * BIT, 2 * BIT])
    assert scores.entropy.tolist() == pytest.approx([3.5 * BIT, 7.5 * BIT, 1.75 * BIT])
    assert scores.num_correct.tolist() == [1, 2, 0]  # even logits: the first code is the answer
    assert scores.num_copied.tolist() == [1, 0, 1]
    assert scores.unigram_loss.tolist() == [4.0, 8.0, 2.0]
    buckets = MaskBuckets.of(5)
    buckets.update(scores, bucket_of(FACTS.is_masked, 5))
    buckets.update(scores, bucket_of(FACTS.is_masked, 5))
    numbers = buckets.numbers()
    assert {name.split("_", maxsplit=1)[1] for name in numbers if name[:4] == "loss"} == {
        "20_40",
        "40_60",
        "80_100",
    }
    assert numbers["loss_40_60"] == pytest.approx(2 * BIT)
    assert numbers["loss_80_100"] == pytest.approx(7 / 4 * BIT)
    assert numbers["token_accuracy_80_100"] == 0.5
    assert numbers["copy_accuracy_20_40"] == 1.0
    assert numbers["predicted_entropy_20_40"] == pytest.approx(1.75 * BIT)
    assert numbers["num_tokens_80_100"] == 8


def test_a_code_that_can_never_come_adds_nothing_to_the_entropy():
    never = facts_of([([0, MASK, 0, 0], [NONE, 0, NONE, NONE], [[0.5, 0.5, 0.0, 0.0]] * 4)])
    assert row_scores(never, torch.zeros(4).double()).entropy.tolist() == pytest.approx([BIT])


@pytest.mark.parametrize(
    ("num_masked", "bucket"), [(0, 0), (1, 0), (4, 0), (5, 1), (8, 1), (16, 3), (17, 4), (20, 4)]
)
def test_a_mask_ratio_on_an_edge_belongs_to_the_bucket_that_it_ends(num_masked, bucket):
    is_masked = (torch.arange(20) < num_masked).view(1, 4, 5)
    assert bucket_of(is_masked, 5).tolist() == [bucket]


def test_two_halves_of_a_batch_merged_are_the_whole():
    def counted(facts):
        run, window = RunCounts.of(4), WindowSums.of(5)
        run.update(facts, MASK)
        window.update(facts, CodeCounts(torch.tensor([3, 2, 1, 1])))
        return run, window

    def rows(part):
        cut = FACTS._asdict()
        return StepFacts(**cut | {name: cut[name][part] for name in StepFacts._fields[:4]})

    for whole, first, second in zip(
        counted(FACTS), counted(rows(slice(2))), counted(rows(slice(2, 3))), strict=True
    ):
        first.merge(second)
        assert str(first.state_dict()) == str(whole.state_dict())


def test_every_score_has_its_column():
    assert MaskBuckets.of(3).sums.shape == (3, len(RowScores._fields))
