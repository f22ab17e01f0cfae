"""What a style is asked for: prompts of the second round's candidates, how picked, how judged.

Imports no torch, so that composing a configuration stays quick.
"""

from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import check_seed, one_of, whole

PICKERS = ("score", "hand")


@dataclass
class StyleConfig:
    """StyleDrop's second round (Sohn et al. 2023, section 3.3); every prompt ends as `descriptor`.

    Test prompts should be others than the candidates', or at least their seeds are.
    """

    descriptor: str = "in [V] style"
    prompts: list[str] = field(default_factory=list)  # of the candidates, without descriptor
    num_per_prompt: int = 4
    num_picked: int = 10
    picked_by: str = "score"  # one of PICKERS; hand = the names of files in picked.txt
    second_max_steps: int | None = None  # of the second round; None = training.max_steps
    first_candidate_seed: int = 40_000
    test_prompts: list[str] = field(default_factory=list)  # both rounds draw them, to be judged
    num_per_test_prompt: int = 4
    first_test_seed: int = 50_000
    color: str | None = None  # of drawn scenes: what the style is, so that the oracle can judge
    background: str | None = None


def check_style(style: StyleConfig) -> None:
    """Refuse a second round that could not be held; raises UserError."""
    one_of("style.picked_by", style.picked_by, PICKERS)
    for key in ("num_per_prompt", "num_per_test_prompt", "num_picked"):
        whole(f"style.{key}", getattr(style, key), 1, 10**5)
    if style.second_max_steps is not None:
        whole("style.second_max_steps", style.second_max_steps, 1, 10**8)
    for key in ("first_candidate_seed", "first_test_seed"):
        check_seed(f"style.{key}", getattr(style, key))
    num_candidates = style.num_per_prompt * len(style.prompts)
    if style.prompts and style.num_picked > num_candidates:
        raise UserError(
            f"style.num_picked={style.num_picked} of {num_candidates} candidates "
            f"({len(style.prompts)} prompts x style.num_per_prompt={style.num_per_prompt}): give "
            "fewer, or more prompts."
        )
    if (style.color is None) != (style.background is None):
        raise UserError(
            f"style.color={style.color} and style.background={style.background}: give both, or "
            "neither where the style is no drawn one."
        )
