"""Whether someone looks inside a module: then nothing may stand in for what it computes."""

from torch import nn
from torch.nn.modules.module import _has_any_global_hook


def is_hooked(module: nn.Module) -> bool:
    """Whether the module, a part of it, or every module there is has a hook around its pass."""
    inside = any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())
    return inside or bool(_has_any_global_hook())
