"""Pictures of prompts on disk: each drawn once, so that a killed run goes on where it was.

Several processes may draw into one folder, on one machine or on several: each has its share.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from src.config import RunConfig
from src.errors import UserError
from src.evaluation.protocol_config import ShardConfig
from src.memory import is_out_of_memory
from src.report.pictures import annotated_png
from src.tasks.begun_folder import claim
from src.tasks.drawing import drawing_progress, generate_pictures, settings
from src.whole_files import write_whole

AT_ONCE = 16  # prompts a call; changes no picture


def draw_once(
    config: RunConfig, model, prompts: Sequence[str], first_seed: int, place: Path
) -> list[Image.Image]:
    """A picture of each prompt as `place`/NUMBER.png, with seed `first_seed` + NUMBER.

    Raises UserError if the folder was begun with other prompts, seeds, settings or weights.
    """
    with drawing_progress() as progress:
        task = progress.add_task(f"Drawing {place.name}", total=len(prompts))
        left = num_missing(place, range(len(prompts)))
        progress.advance(task, len(prompts) - left)
        for num_drawn in draw_share(config, model, prompts, first_seed, place):
            progress.advance(task, num_drawn)
    return [_opened(picture_path(place, number)) for number in range(len(prompts))]


def draw_share(
    config: RunConfig,
    model,
    prompts: Sequence[str],
    first_seed: int,
    place: Path,
    shard: ShardConfig | None = None,
    locks: Path | None = None,
) -> Iterator[int]:
    """Draw what is missing of a process's share, a few at a time; yields how many those were.

    A pass through the model always holds the same pictures, those that are there already too, so
    that none depends on where a run was killed or who draws the others.

    locks: where the shares are taken; see `claim`.

    Raises UserError if the folder was begun with other prompts, seeds, settings or weights, or on
    another kind of device; or where there is no memory for a single pass.
    """
    each = model.pictures_per_pass
    asked = settings(config, model) | {"prompts": list(prompts), "first_seed": first_seed}
    asked |= {"pictures_per_pass": each} if each > 1 else {}
    claim(place, asked, str(model.device), locks)
    passes = [
        numbers for numbers in passes_of(len(prompts), each, shard) if num_missing(place, numbers)
    ]
    at_once = max(1, AT_ONCE // each)
    while passes:
        numbers = [number for one in passes[:at_once] for number in one]
        new = [number for number in numbers if not picture_path(place, number).is_file()]
        told = [prompts[number] for number in numbers]
        seeds = [first_seed + number for number in numbers]
        try:
            images = generate_pictures(model, config, told, seeds).images
        except (RuntimeError, MemoryError) as error:
            at_once = _fewer_at_once(error, at_once, each, config)
            continue
        for number, prompt, seed, image in zip(numbers, told, seeds, images, strict=True):
            about = {"prompt": prompt, "seed": seed}
            if number in new:
                write_whole(picture_path(place, number), annotated_png(image, about))
        passes = passes[at_once:]
        yield len(new)


def _fewer_at_once(
    error: RuntimeError | MemoryError, at_once: int, each: int, config: RunConfig
) -> int:
    """Half as many passes a call, which changes no picture; a pass is never made smaller.

    Raises UserError where it was a single one, and whatever is no want of memory.
    """
    if not is_out_of_memory(error):
        raise error
    if at_once > 1:
        warnings.warn(f"Memory ran out: {at_once // 2 * each} pictures a call now.", stacklevel=3)
        return at_once // 2
    remedy = "free some, or give another device="
    if each > 1 and config.task == "report_quality":
        remedy = (
            f"give protocol.pictures_per_pass={each // 2} and another output_dir (its pictures may "
            "differ from those drawn so far in a token), or another device="
        )
    raise UserError(
        f"There is not enough memory for {each} picture{'s' * (each > 1)} of {config.model} in one "
        f"pass through the model: {remedy}."
    ) from error


def passes_of(num_pictures: int, each: int, shard: ShardConfig | None = None) -> list[range]:
    """The numbers that a process draws, pass by pass: every `count`-th pass from `index` on."""
    starts = range(0, num_pictures, each)
    mine = starts[shard.index :: shard.count] if shard else starts
    return [range(start, min(start + each, num_pictures)) for start in mine]


def num_missing(place: Path, numbers: Sequence[int]) -> int:
    """How many of these pictures are not drawn yet."""
    return sum(not picture_path(place, number).is_file() for number in numbers)


def picture_path(place: Path, number: int) -> Path:
    return place / f"{number:05d}.png"


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
