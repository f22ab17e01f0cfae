"""Prompts to pictures: a PNG per picture that knows where it came from, a manifest and a grid."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.console import Console
from rich.progress import track

from src.checkpoint.fingerprint import SHORT_LENGTH
from src.config import RunConfig
from src.errors import UserError
from src.report.grid import picture_grid
from src.report.look import save_figure
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.whole_files import writable_folder, write_whole

PROMPTS_AT_ONCE = 4  # written as they come; a seed's picture does not depend on it
MANIFEST = "manifest.json"
LARGEST_GRID = 64  # pictures; the others have their files


def run(config: RunConfig, folder: Path) -> None:
    """Generate every prompt's pictures into `output_dir`, or into the run's folder."""
    prompts = read_prompts(config)
    seeds = choose_seeds(config, len(prompts))
    target = Path(config.output_dir) if config.output_dir else folder
    if (target / MANIFEST).exists():
        raise UserError(f"{target} holds pictures of another run; choose another output_dir.")
    model = open_model(config)
    size = (config.height or model.height) * (config.width or model.width) * 3  # bytes, at most
    writable_folder(target, num_bytes=2 * size * len(seeds))

    about = settings(config, model)
    pictures, entries = [], []
    for image, entry in _generated(model, config, prompts, seeds):
        write_whole(target / entry["file"], annotated_png(image, entry | about))
        entries.append(entry)
        pictures += [image] if len(pictures) < LARGEST_GRID else []
    captions = [entry["prompt"] for entry in entries[: len(pictures)]]
    columns = min(config.num_images_per_prompt, 8) if config.num_images_per_prompt > 1 else 4
    save_figure(picture_grid(pictures, captions, columns), target / "grid.png")
    manifest = json.dumps({**about, "pictures": entries}, indent=2, ensure_ascii=False)
    write_whole(target / MANIFEST, manifest + "\n")
    Console(highlight=False).print(
        f"{len(entries)} pictures of {len(prompts)} prompts in {target} (grid.png, {MANIFEST})"
    )


def _generated(
    model, config: RunConfig, prompts: list[str], seeds: list[int]
) -> Iterator[tuple[Image.Image, dict]]:
    """Every picture as soon as it is there, with its file's name, prompt and seed."""
    negative = choose_negative_prompts(config, len(prompts))
    each = config.num_images_per_prompt
    index = 0
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
            entry = {"file": f"{index:05d}.png", "prompt": prompts[index // each]}
            if negative:
                entry["negative_prompt"] = negative[index // each]
            yield image, entry | {"seed": seeds[index]}
            index += 1


def generate_pictures(
    model,
    config: RunConfig,
    prompts: list[str],
    seeds: list[int],
    negative_prompts: list[str] | None = None,
    record: bool = False,
):
    """`Amused.generate` with everything that the configuration says; one seed an image."""
    sampler = config.sampler
    height, width = config.height or model.height, config.width or model.width
    return model.generate(
        prompts,
        negative_prompts=negative_prompts,
        num_steps=sampler.num_steps,
        guidance_scale=sampler.guidance_scale,
        choice_temperature=(sampler.choice_temperature_start, sampler.choice_temperature_end),
        num_images_per_prompt=len(seeds) // len(prompts),
        seeds=seeds,
        micro_cond=config.micro_cond.named(width, height),
        height=config.height,
        width=config.width,
        record=record,
        sampler=sampler.name,
        schedule=sampler.schedule,
        sampling_temperature=sampler.sampling_temperature,
    )


def short_hash(model) -> str:
    """The first digits of the hash over all weights, which tell models apart."""
    return model.weights_hash[:SHORT_LENGTH]


def settings(config: RunConfig, model) -> dict:
    """What a picture depends on besides prompt and seed, in plain data."""
    return {
        "model": config.model,
        "weights_hash": short_hash(model),
        "dtype": config.dtype,
        "sampler": vars(config.sampler),
        "micro_cond": vars(config.micro_cond),
        "height": config.height or model.height,
        "width": config.width or model.width,
    }


def annotated_png(image: Image.Image, about: dict) -> bytes:
    """The picture as a PNG file with `prompt`, `seed`, `weights_hash` ... as its text chunks."""
    info = PngInfo()
    for key, value in about.items():
        if key != "file" and value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            info.add_itxt(key, text)  # UTF-8, unlike a tEXt chunk
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()
