"""Tensors change their names and nothing else, in both directions."""

import pytest
import torch

from src.errors import UserError
from src.published.renaming import Renaming, Rule

TOY = Renaming(
    (
        Rule("table", "embed.weight", is_parameter=True),
        Rule("layers.{}.parts.{}.out", "blocks.{}.mix.{}.to_out.0"),
        Rule("head", "conv", is_pointwise=True),
    )
)
OURS = {
    "table": torch.rand(4, 3),
    "layers.10.parts.2.out.weight": torch.rand(3, 5),
    "layers.10.parts.2.out.bias": torch.rand(3),
    "head.weight": torch.rand(2, 3),
    "head.bias": torch.rand(2),
}
PUBLISHED_SHAPES = {
    "embed.weight": (4, 3),
    "blocks.10.mix.2.to_out.0.weight": (3, 5),
    "blocks.10.mix.2.to_out.0.bias": (3,),
    "conv.weight": (2, 3, 1, 1),
    "conv.bias": (2,),
}


def test_numbers_are_kept_and_only_pointwise_weights_change_shape():
    published = TOY.to_published(OURS)
    assert {name: tuple(tensor.shape) for name, tensor in published.items()} == PUBLISHED_SHAPES


def test_there_and_back_gives_the_same_tensors():
    back = TOY.from_published(TOY.to_published(OURS))
    assert list(back) == list(OURS)
    assert all(torch.equal(back[name], OURS[name]) for name in OURS)


@pytest.mark.parametrize("name", ["tables", "table.weight", "layers.x.parts.2.out.bias", "head"])
def test_a_name_without_a_rule_is_refused(name):
    with pytest.raises(UserError, match=f"'{name}', which this architecture does not have"):
        TOY.to_published({name: torch.zeros(1, 1)})


def test_our_names_are_not_taken_for_published_ones():
    with pytest.raises(UserError, match=r"'head\.weight'"):
        TOY.from_published({"head.weight": OURS["head.weight"]})
