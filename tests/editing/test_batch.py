"""Which picture, mask and prompt belong together."""

import pytest
import torch

from src.conditioning.text import Text
from src.editing.batch import num_inputs, repeated, side_by_side
from tests.editing.conftest import PROMPTS, check_refused


def test_pictures_of_one_input_stand_side_by_side():
    assert side_by_side(PROMPTS, 3, 2) == (PROMPTS, [0, 0, 1, 1, 2, 2])


def test_one_prompt_serves_all_inputs():
    assert side_by_side("sun", 3, 1) == (["sun"] * 3, [0, 1, 2])
    text = Text(torch.arange(6.0).view(1, 2, 3), torch.ones(1, 4))
    prompts, order = side_by_side(text, 3, 1)
    assert torch.equal(prompts.text_states, text.text_states.expand(3, 2, 3))
    assert order == [0, 1, 2]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [({"a": 1, "b": 1}, 1), ({"a": 3, "b": 1}, 3), ({"a": 1, "b": 2, "c": 2}, 2)],
)
def test_one_of_a_kind_serves_all(counts, wanted):
    assert num_inputs(**counts) == wanted
    assert repeated(["x"], wanted) == ["x"] * wanted
    assert repeated(["x", "y"], 2) == ["x", "y"]


@pytest.mark.parametrize("counts", [{"images": 3, "masks": 2}, {"images": 2, "prompts": 0}])
def test_other_counts_are_refused_with_all_of_them(counts):
    words = [f"{count} {name}" for name, count in counts.items()]
    check_refused(words, lambda: num_inputs(**counts))


@pytest.mark.parametrize("count", [2, 4])
def test_other_counts_of_prompts_are_refused(count):
    check_refused([f"3 prompts for {count} pictures"], side_by_side, PROMPTS, count, 1)
