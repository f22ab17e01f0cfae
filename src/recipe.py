"""What pictures were drawn from: all that it takes, besides the weights, to draw them again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from src.conditioning.prompts import Prompts, checked_prompts, picture_order
from src.conditioning.rows import Rows
from src.conditioning.text import EMPTY_PROMPT, Text
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.sampler.config import (
    CorrectorConfig,
    EntropyBoundConfig,
    MomentConfig,
    RemaskConfig,
    SamplerConfig,
    check_sampler,
)

PARTS = {
    "moment": MomentConfig,
    "entropy_bound": EntropyBoundConfig,
    "remask": RemaskConfig,
    "corrector": CorrectorConfig,
}


@dataclass(frozen=True)
class RegionTold:
    """A prompt that holds in some places, in plain data; see `conditioning.regions`."""

    prompt: str
    shares: list[list[float]]  # height x width, in tokens
    erased: list[list[int]]


A_PICTURE_EACH = ("prompts", "negative_prompts", "micro_cond", "negative_micro_cond", "seeds")


@dataclass(frozen=True)
class Recipe:
    """Of every picture of a generation, in order; None where it cannot be said in plain data."""

    prompts: list[str] | None  # None: handed in as encoded text
    negative_prompts: list[str] | None
    micro_cond: list[MicroCond]
    negative_micro_cond: list[MicroCond]
    seeds: list[int] | None  # None: a generator made the choices
    sampler: SamplerConfig
    height: int  # pixels
    width: int
    regions: list[RegionTold] | None = None  # of all pictures; prompts only name them then

    def of_picture(self, index: int) -> "Recipe":
        """The recipe of one picture, as of a generation of one."""
        told = {key: getattr(self, key) for key in A_PICTURE_EACH}
        return replace(self, **{key: each and [each[index]] for key, each in told.items()})

    def as_plain(self) -> dict[str, Any]:
        """As nested dictionaries and lists, for JSON."""
        return asdict(self) | {
            key: [part._asdict() for part in getattr(self, key)]
            for key in ("micro_cond", "negative_micro_cond")
        }


def recipe_of(
    prompts: Prompts,
    negative_prompts: Prompts,
    rows: Rows,
    seeds: Sequence[int] | None,
    sampler: SamplerConfig,
    size: tuple[int, int],
) -> Recipe:
    """The recipe of pictures whose rows were made from these prompts; size is width, height."""
    width, height = size
    return Recipe(
        prompts=_each(prompts, rows.num_pictures),
        negative_prompts=_each(negative_prompts, rows.num_pictures),
        micro_cond=[MicroCond(*row) for row in rows.micro_cond.tolist()],
        negative_micro_cond=[MicroCond(*row) for row in rows.negative_micro_cond.tolist()],
        seeds=None if seeds is None else list(seeds),
        sampler=sampler,
        height=height,
        width=width,
    )


def together(recipes: Sequence[Recipe]) -> Recipe:
    """The recipe of several pictures, each of a recipe of one; sampler and size are the first's."""
    return replace(
        recipes[0], **{key: [getattr(each, key)[0] for each in recipes] for key in A_PICTURE_EACH}
    )


def recipe_from(told: dict[str, Any]) -> Recipe:
    """The recipe that `as_plain` has written; raises UserError for anything else."""
    try:
        sampler = dict(told["sampler"])
        parts = {key: kind(**sampler.pop(key)) for key, kind in PARTS.items()}
        config = SamplerConfig(**sampler, **parts)
        micros = {
            key: [MicroCond(**each) for each in told[key]]
            for key in ("micro_cond", "negative_micro_cond")
        }
        _check_each({**told, **micros})
        regions = told.get("regions")
        regions = None if regions is None else [RegionTold(**each) for each in regions]
        recipe = Recipe(**{**told, **micros, "sampler": config, "regions": regions})
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UserError(f"this is no recipe of pictures of this version ({error})") from error
    check_sampler(config)
    return recipe


def _check_each(told: dict[str, Any]) -> None:
    """One of everything a picture, of its kind; raises UserError, or KeyError for what is not told.

    Before the recipe is made: where annotations are enforced, as in the tests, making it from
    something else would be refused first, in another's words.
    """
    num_pictures = len(told["micro_cond"])
    kinds = {
        "prompts": str,
        "negative_prompts": str,
        "seeds": int,
        "negative_micro_cond": MicroCond,
    }
    for key, kind in kinds.items():
        listed = told[key]
        fits = isinstance(listed, list) and len(listed) == num_pictures > 0
        if listed is not None and not (fits and all(isinstance(each, kind) for each in listed)):
            raise UserError(f"its recipe's {key} are not one {kind.__name__} a picture")


def _each(prompts: Prompts, num_pictures: int) -> list[str] | None:
    """One text a picture; pictures of one prompt stand together, and one prompt serves all."""
    if isinstance(prompts, Text):
        return None
    texts = [EMPTY_PROMPT] if prompts is None else checked_prompts(prompts)
    return [texts[place] for place in picture_order(len(texts), num_pictures // len(texts))]
