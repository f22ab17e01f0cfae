"""The samplers by name: every file of rules/ is one, and its `decide` the rule it follows."""

import importlib
from types import ModuleType

from jaxtyping import Bool
from torch import Tensor

from src.errors import UserError, nearest
from src.sampler.config import KNOWN_SAMPLERS
from src.sampler.one_picture import Rule
from src.sampler.plan import StepPlan


def find_rule(name: str) -> Rule:
    """The `decide` of that name; raises UserError with the nearest known one."""
    return _module(name).decide


def has_work(
    is_masked: Bool[Tensor, "*shape"], is_given: Bool[Tensor, "*shape"], now: StepPlan
) -> bool:
    """Whether a step can change anything here: something is hidden, or may be hidden again."""
    if is_masked.any():
        return True
    remasks = getattr(_module(now.rule), "REMASKS", False)
    return remasks and not now.is_last and not bool(is_given.all())


def _module(name: str) -> ModuleType:
    if name not in KNOWN_SAMPLERS:
        raise UserError(f"sampler '{name}' is unknown; {nearest(name, KNOWN_SAMPLERS)}")
    return importlib.import_module(f"src.sampler.rules.{name}")
