"""Translate the names of a model's tensors between ours and the published layout, either way."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from src.errors import UserError

NUMBER = r"(\d+)"


class Rule(NamedTuple):
    """One module under its two names; `{}` stands for the number of a repeated module.

    Names of parameters inside a module (`weight`, `bias`) are the same on both sides, unless the
    rule is about one parameter and gives its whole name.
    """

    ours: str
    published: str
    is_parameter: bool = False
    is_pointwise: bool = False  # a linear map here, (out, in); a 1x1 convolution there


class Renaming:
    """A table of rules that can be read from either side.

    Values never change; a shape changes only where a rule says `is_pointwise`.
    """

    def __init__(self, rules: tuple[Rule, ...]):
        self._from_ours = [(_pattern(rule.ours, rule), rule.published, rule) for rule in rules]
        self._from_published = [(_pattern(rule.published, rule), rule.ours, rule) for rule in rules]

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give every tensor its published name; raises UserError for a name that is not ours."""
        return _rename(state, self._from_ours, lambda weight: weight[:, :, None, None])

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give every tensor our name; raises UserError for one this architecture does not have."""
        return _rename(state, self._from_published, lambda weight: weight[:, :, 0, 0])


def _pattern(name: str, rule: Rule) -> re.Pattern:
    leaf = "()" if rule.is_parameter else r"(\.[a-z]+)"
    return re.compile(re.escape(name).replace(re.escape("{}"), NUMBER) + leaf)


def _rename(
    state: Mapping[str, Tensor],
    table: list[tuple[re.Pattern, str, Rule]],
    reshape: Callable[[Tensor], Tensor],
) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in state.items():
        for pattern, template, rule in table:
            if match := pattern.fullmatch(name):
                *numbers, leaf = match.groups()
                is_reshaped = rule.is_pointwise and leaf == ".weight"
                new_name = template.format(*numbers) + leaf
                renamed[new_name] = reshape(tensor) if is_reshaped else tensor
                break
        else:
            raise UserError(
                f"The weights hold '{name}', which this architecture does not have: "
                "they belong to another model, or to another version of this one."
            )
    return renamed
