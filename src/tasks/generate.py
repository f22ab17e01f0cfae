"""Prompts to pictures: a PNG per picture that knows where it came from, a manifest and a grid."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from rich.console import Console

from src.config import RunConfig
from src.report.grid import picture_grid
from src.report.look import save_figure
from src.report.pictures import MANIFEST, annotated_png, check_unused, write_manifest
from src.tasks.drawing import drawing_progress, generate_pictures, settings
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.whole_files import writable_folder, write_whole

PROMPTS_AT_ONCE = 4  # written as they come; a seed's picture does not depend on it
LARGEST_GRID = 64  # pictures; the others have their files


def run(config: RunConfig, folder: Path) -> None:
    """Generate every prompt's pictures into `output_dir`, or into the run's folder."""
    prompts = read_prompts(config)
    seeds = choose_seeds(config, len(prompts))
    negative = choose_negative_prompts(config, len(prompts))
    target = Path(config.output_dir) if config.output_dir else folder
    check_unused(target)
    model = open_model(config)
    size = (config.height or model.height) * (config.width or model.width) * 3  # bytes, at most
    writable_folder(target, num_bytes=2 * size * len(seeds))

    about = settings(config, model)
    pictures, entries = [], []
    for image, entry in _generated(model, config, prompts, seeds, negative):
        write_whole(target / entry["file"], annotated_png(image, entry | about))
        entries.append(entry)
        pictures += [image] if len(pictures) < LARGEST_GRID else []
    captions = [entry["prompt"] for entry in entries[: len(pictures)]]
    columns = min(config.num_images_per_prompt, 8) if config.num_images_per_prompt > 1 else 4
    save_figure(picture_grid(pictures, captions, columns), target / "grid.png")
    write_manifest(about, entries, target)
    Console(highlight=False).print(
        f"{len(entries)} pictures of {len(prompts)} prompts in {target} (grid.png, {MANIFEST})"
    )


def _generated(
    model, config: RunConfig, prompts: list[str], seeds: list[int], negative: list[str] | None
) -> Iterator[tuple[Image.Image, dict]]:
    """Every picture as soon as it is there, with its file's name, prompt and seed."""
    each = config.num_images_per_prompt
    index = 0
    with drawing_progress() as progress:
        starts = range(0, len(prompts), PROMPTS_AT_ONCE)
        for start in progress.track(starts, description="Generating"):
            part = slice(start, start + PROMPTS_AT_ONCE)
            images = generate_pictures(
                model,
                config,
                prompts[part],
                seeds[start * each : (start + PROMPTS_AT_ONCE) * each],
                negative[part] if negative else None,
            ).images
            for image in images:
                entry = {"file": f"{index:05d}.png", "prompt": prompts[index // each]}
                if negative:
                    entry["negative_prompt"] = negative[index // each]
                yield image, entry | {"seed": seeds[index]}
                index += 1
