"""People's own pictures edited: a file each, a page with the gallery, and what changed outside."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from src.config import RunConfig
from src.editing.config import EditingConfig
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.evaluation.preservation import num_changed_outside
from src.generation import Generation
from src.report.edits import edit_gallery
from src.report.pictures import annotated_png, check_unused, write_manifest
from src.tasks.drawing import settings, short_hash
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.tasks.outcome import Outcome, deliver
from src.whole_files import writable_folder, write_whole

# of a model, prompts and what `generate` takes besides: the edits, and every edit's input picture
Edit = Callable[[Any, list[str], dict[str, Any]], tuple[Generation, Sequence[np.ndarray]]]


def edit_own(config: RunConfig, folder: Path, edit: Edit, num_inputs: int) -> None:
    """Edit the pictures that the settings name, into `output_dir` or the run's folder."""
    if config.save_record:
        raise UserError(
            "save_record=true has no effect on pictures of your own: the committed record is of "
            "scenes, whose right answer is known; leave it out."
        )
    started = time.perf_counter()
    prompts = read_prompts(config)
    seeds = choose_seeds(config, num_inputs)
    target = Path(config.output_dir) if config.output_dir else folder
    check_unused(target)
    check_not_there(target, [*config.editing.images, *config.editing.masks])
    model = open_model(config)
    writable_folder(target)
    how = {
        "negative_prompts": choose_negative_prompts(config, len(prompts)),
        "num_images_per_prompt": config.num_images_per_prompt,
        "sampler": config.sampler,
        **seeds_or_generator(config, seeds),
    }
    generation, inputs = edit(model, prompts, how)
    about = settings(config, model) | about_edit(config, generation)
    entries = entries_of(generation, seeds)
    measurements, figure = changed_outside(generation, inputs), gallery_of(generation, inputs)
    for image, entry in zip(generation.images, entries, strict=True):
        write_whole(target / entry["file"], annotated_png(image, entry | about))
    write_manifest(about, entries, target)
    outcome = Outcome(
        measurements=measurements,
        figures={"gallery.png": figure},
        weights={"model": short_hash(model)},
        seeds={"pictures": seeds},
        device=str(model.device),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def seeds_or_generator(config: RunConfig, seeds: list[int]) -> dict[str, Any]:
    """Whose random numbers they are: in upstream's mode one generator's, from the first seed."""
    if config.editing.mode == "exact":
        return {"seeds": seeds}
    if config.seeds is not None and len(config.seeds) > 1:
        raise UserError(
            f"seeds={config.seeds} has no effect with editing.mode=upstream, which draws all "
            "pictures from one generator: give one seed=."
        )
    import torch

    return {"generator": torch.Generator().manual_seed(seeds[0])}


def entries_of(generation: Generation, seeds: list[int]) -> list[dict[str, Any]]:
    """File, prompt and seed of every picture."""
    return [
        {"file": f"{index:05d}.png", "prompt": prompt, "seed": seed}
        for index, (prompt, seed) in enumerate(zip(generation.recipe.prompts, seeds, strict=True))
    ]


def about_edit(config: RunConfig, generation: Generation) -> dict[str, Any]:
    """What these pictures were edited with, where it is not what pictures are drawn with."""
    usual, image = vars(EditingConfig()), generation.images[0]
    told = {key: value for key, value in vars(config.editing).items() if value != usual[key]}
    sampler = asdict(generation.recipe.sampler)
    return {"editing": told, "sampler": sampler, "height": image.height, "width": image.width}


def check_not_there(target: Path, given: Sequence[str]) -> None:
    """Refuse the folder in which the pictures lie; raises UserError."""
    for path in given:
        if Path(path).expanduser().resolve().parent == target.resolve():
            raise UserError(
                f"output_dir={target} holds {path}, which is to be edited: choose another folder."
            )


def changed_outside(generation: Generation, inputs: Sequence[np.ndarray]) -> list[Measurement]:
    """Pixels that differ from the input where nothing was to be painted; none where all was."""
    pairs = zip(generation.images, inputs, generation.edited.is_painted.numpy(), strict=True)
    counts = [
        num_changed_outside(np.asarray(image), given, is_painted)
        for image, given, is_painted in pairs
        if not is_painted.all() and given.shape == np.asarray(image).shape
    ]
    if not counts:
        return []
    name, subject = "pixels changed outside", "your pictures"
    total = float(sum(counts))
    return [Measurement(name, total, len(counts), subject=subject, is_higher_better=False)]


def gallery_of(generation: Generation, inputs: Sequence[np.ndarray]):
    """Every input with what is repainted, its edit, and what the edit's tokens alone show."""
    inputs = [
        _as_large_as(each, image) for each, image in zip(inputs, generation.images, strict=True)
    ]
    columns = {"edited": generation.images, "its tokens alone": generation.edited.decoded}
    masks = list(generation.edited.is_painted.numpy())
    return edit_gallery(inputs, masks, columns, generation.recipe.prompts)


def _as_large_as(given: np.ndarray, image: Image.Image) -> np.ndarray:
    """An input at the size of its edit: upstream cuts sides to whole tokens."""
    if given.shape[:2] == (image.height, image.width):
        return given
    return np.asarray(Image.fromarray(given).resize(image.size, Image.LANCZOS))
