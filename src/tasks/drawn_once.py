"""Pictures of prompts on disk: each drawn once, so that a killed run goes on where it was."""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from src.config import RunConfig
from src.errors import UserError
from src.report.pictures import annotated_png
from src.tasks.drawing import drawing_progress, generate_pictures, settings
from src.whole_files import write_whole

AT_ONCE = 16  # prompts a call; changes no picture


def draw_once(
    config: RunConfig, model, prompts: Sequence[str], first_seed: int, place: Path
) -> list[Image.Image]:
    """A picture of each prompt as `place`/NUMBER.png, with seed `first_seed` + NUMBER.

    Raises UserError if the folder was begun with other prompts, seeds, settings or weights.
    """
    asked = settings(config, model) | {"prompts": list(prompts), "first_seed": first_seed}
    _claim(place / "asked.json", json.dumps(asked, indent=1) + "\n")
    paths = [place / f"{number:05d}.png" for number in range(len(prompts))]
    left = [number for number, path in enumerate(paths) if not path.is_file()]
    with drawing_progress() as progress:
        task = progress.add_task(f"Drawing {place.name}", total=len(prompts))
        progress.advance(task, len(prompts) - len(left))
        for start in range(0, len(left), AT_ONCE):
            numbers = left[start : start + AT_ONCE]
            seeds = [first_seed + number for number in numbers]
            told = [prompts[number] for number in numbers]
            images = generate_pictures(model, config, told, seeds).images
            for number, prompt, seed, image in zip(numbers, told, seeds, images, strict=True):
                about = {"prompt": prompt, "seed": seed}
                write_whole(paths[number], annotated_png(image, about))
            progress.advance(task, len(numbers))
    return [_opened(path) for path in paths]


def _claim(path: Path, asked: str) -> None:
    if not path.is_file():
        write_whole(path, asked)
    elif path.read_text(encoding="utf-8") != asked:
        raise UserError(
            f"{path.parent} holds pictures of other prompts, seeds, settings or weights: move it "
            "away to draw these."
        )


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
