"""Prompts to pictures: a PNG per picture that knows where it came from, a manifest and a grid."""

import io
import json
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.console import Console
from rich.progress import track

from src.config import RunConfig
from src.errors import UserError
from src.report.pictures import picture_grid
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.whole_files import writable_folder, write_whole

PROMPTS_AT_ONCE = 4  # written as they come; a seed's picture does not depend on it
MANIFEST = "manifest.json"
LARGEST_GRID = 64  # pictures


def run(config: RunConfig, folder: Path) -> None:
    """Generate every prompt's pictures into `output_dir`, or into the run's folder."""
    prompts = read_prompts(config)
    seeds = choose_seeds(config, len(prompts))
    negative = choose_negative_prompts(config, len(prompts))
    target = Path(config.output_dir) if config.output_dir else folder
    if (target / MANIFEST).exists():
        raise UserError(f"{target} holds pictures of another run; choose another output_dir.")
    model = open_model(config)
    size = (config.height or model.height) * (config.width or model.width) * 3
    writable_folder(target, num_bytes=2 * size * len(seeds))

    pictures, entries = [], []
    each = config.num_images_per_prompt
    for start in track(range(0, len(prompts), PROMPTS_AT_ONCE), "Generating", transient=True):
        part = slice(start, start + PROMPTS_AT_ONCE)
        images = generate_pictures(
            model,
            config,
            prompts[part],
            seeds[start * each : (start + PROMPTS_AT_ONCE) * each],
            negative[part] if negative else None,
        ).images
        for image in images:
            index = len(entries)
            entry = {
                "file": f"{index:05d}.png",
                "prompt": prompts[index // each],
                "negative_prompt": negative[index // each] if negative else None,
                "seed": seeds[index],
            }
            write_whole(target / entry["file"], png_bytes(image, entry, settings(config, model)))
            entries.append(entry)
            pictures += [image] if index < LARGEST_GRID else []
    manifest = {**settings(config, model), "pictures": entries}
    write_whole(target / "grid.png", png_bytes(picture_grid(pictures, columns=each)))
    write_whole(target / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    Console(highlight=False).print(
        f"{len(entries)} pictures of {len(prompts)} prompts in {target} (grid.png, {MANIFEST})"
    )


def generate_pictures(model, config: RunConfig, prompts, seeds, negative_prompts=None, record=False):
    """`Amused.generate` with everything that the configuration says."""
    sampler = config.sampler
    height, width = config.height or model.height, config.width or model.width
    return model.generate(
        prompts,
        negative_prompts=negative_prompts,
        num_steps=sampler.num_steps,
        guidance_scale=sampler.guidance_scale,
        choice_temperature=(sampler.choice_temperature_start, sampler.choice_temperature_end),
        num_images_per_prompt=config.num_images_per_prompt,
        seeds=seeds,
        micro_cond=config.micro_cond.named(width, height),
        height=config.height,
        width=config.width,
        record=record,
    )


def settings(config: RunConfig, model) -> dict:
    """What a picture depends on besides prompt and seed, in plain data."""
    return {
        "model": config.model,
        "weights_hash": model.weights_hash,
        "dtype": config.dtype,
        "sampler": vars(config.sampler),
        "micro_cond": vars(config.micro_cond),
        "height": config.height or model.height,
        "width": config.width or model.width,
    }


def png_bytes(image: Image.Image, entry: dict | None = None, settings: dict | None = None) -> bytes:
    """The picture as a PNG file with `prompt`, `seed`, `weights_hash` ... as its text chunks."""
    info = PngInfo()
    for key, value in {**(entry or {}), **(settings or {})}.items():
        if key != "file" and value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            info.add_itxt(key, text)  # UTF-8, unlike a tEXt chunk
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()
