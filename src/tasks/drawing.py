"""Pictures as the configuration asks for them, and in plain data what they depend on."""

from dataclasses import asdict, replace

from rich.console import Console
from rich.progress import Progress

from src.checkpoint.fingerprint import SHORT_LENGTH
from src.config import RunConfig
from src.sampler.config import SamplerConfig


def generate_pictures(
    model,
    config: RunConfig,
    prompts: list[str],
    seeds: list[int],
    negative_prompts: list[str] | None = None,
    record: bool = False,
    progress=None,
):
    """`Amused.generate` with everything that the configuration says; one seed an image.

    progress: called after every step; see `Amused.generate`.
    """
    told = _told(model, config, prompts, seeds, negative_prompts)
    size = {"height": config.height, "width": config.width}
    return model.generate(prompts, **size, **told, record=record, progress=progress)


def draw_tokens(
    model,
    config: RunConfig,
    prompts: list[str],
    seeds: list[int],
    negative_prompts: list[str] | None = None,
):
    """The token ids, batch x height x width, whose pictures `generate_pictures` gives."""
    import torch

    from src.filling import How, all_hidden, ask, fill, whole_size

    told = _told(model, config, prompts, seeds, negative_prompts)
    with torch.no_grad():
        size = whole_size(model, config.width, config.height)
        asked = ask(model, prompts, size, How(**told, record=False))
        return fill(model, asked, all_hidden(model, asked)).token_ids[-1]


def _told(
    model,
    config: RunConfig,
    prompts: list[str],
    seeds: list[int],
    negative_prompts: list[str] | None,
) -> dict:
    """What the configuration says of how pictures are drawn, by the names of `filling.How`."""
    height, width = config.height or model.height, config.width or model.width
    against = config.guidance_against
    return {
        "negative_prompts": prompts if against == "micro_cond" else negative_prompts,
        "num_images_per_prompt": len(seeds) // len(prompts),
        "seeds": seeds,
        "micro_cond": config.micro_cond.named(width, height),
        "negative_micro_cond": (
            None if against == "prompt" else config.negative_micro_cond.named(width, height)
        ),
        "sampler": config.sampler,
    }


def drawing_progress() -> Progress:
    """A progress bar that leaves nothing behind.

    In a file or a pipe there is none: rich would end it with an empty line there.
    """
    console = Console()
    return Progress(console=console, transient=True, disable=not console.is_interactive)


def short_hash(model) -> str:
    """The first digits of the hash over all weights, which tell models apart."""
    return model.weights_hash[:SHORT_LENGTH]


def drawn_with(sampler: SamplerConfig, model) -> SamplerConfig:
    """The sampler's settings with the checkpoint's own in place of what was not given."""
    guidance = sampler.guidance_scale
    return replace(
        sampler,
        schedule=sampler.schedule or model.mask_schedule,
        guidance_scale=model.guidance_scale if guidance is None else guidance,
    )


def settings(config: RunConfig, model) -> dict:
    """What a picture depends on besides prompt and seed, in plain data."""
    sampler = drawn_with(config.sampler, model)
    against = {"guidance_against": config.guidance_against}
    if config.guidance_against != "prompt":
        against["negative_micro_cond"] = vars(config.negative_micro_cond)
    speed = {key: value for key, value in asdict(config.speed).items() if key != "is_offloaded"}
    return against | {
        "model": config.model,
        "weights_hash": short_hash(model),
        "dtype": config.dtype,
        "speed": speed,  # without who waits where, which no picture depends on
        "sampler": asdict(sampler),
        "micro_cond": vars(config.micro_cond),
        "height": config.height or model.height,
        "width": config.width or model.width,
    }
