"""The samplers by name: every file of rules/ is one, and its `decide` the rule it follows."""

import importlib
from types import ModuleType

from src.errors import UserError, nearest
from src.sampler.choices import Counts
from src.sampler.config import KNOWN_SAMPLERS
from src.sampler.one_picture import Rule
from src.sampler.plan import StepPlan


def find_rule(name: str) -> Rule:
    """The `decide` of that name; raises UserError with the nearest known one."""
    return _module(name).decide


def has_work(counts: Counts, now: StepPlan) -> list[bool]:
    """Whether a step can change a picture: something is hidden in it, or may be hidden again.

    With `stop_entropy`, a picture with nothing hidden has ended, under every sampler.
    """
    ends_early = now.config.stop_entropy is not None
    remasks = getattr(_module(now.rule), "REMASKS", False) and not ends_early
    open_ones = counts.free if remasks and not now.is_last else counts.hidden
    return [count > 0 for count in open_ones]


def _module(name: str) -> ModuleType:
    if name not in KNOWN_SAMPLERS:
        raise UserError(f"sampler '{name}' is unknown; {nearest(name, KNOWN_SAMPLERS)}")
    return importlib.import_module(f"src.sampler.rules.{name}")
