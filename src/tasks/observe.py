"""Prompts to step panels: what the picture looks like on the way, how sure, and in which order."""

from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.interpret.trace_file import trace_bytes
from src.report.look import save_figure
from src.report.pictures import annotated_png, check_unused, write_manifest
from src.report.step_panel import step_panel
from src.tasks.drawing import drawn_with, generate_pictures, settings
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.whole_files import writable_folder, write_whole


def run(config: RunConfig, folder: Path) -> None:
    """For every picture a PNG, a panel of its steps, and the trace as safetensors."""
    prompts = read_prompts(config)
    seeds = choose_seeds(config, len(prompts))
    negative = choose_negative_prompts(config, len(prompts))
    target = Path(config.output_dir) if config.output_dir else folder
    check_unused(target)
    model = open_model(config)
    writable_folder(target)
    each, about, entries = config.num_images_per_prompt, settings(config, model), []
    for index, seed in enumerate(seeds):
        number = index // each
        generation = generate_pictures(
            model,
            config,
            [prompts[number]],
            [seed],
            negative[number : number + 1] if negative else None,
            record=True,
        )
        figure = panel_figure(model, config, generation, 0, prompts[number])
        stem = f"{index:05d}"
        told = {"prompt": prompts[number], "seed": seed}
        if negative:
            told["negative_prompt"] = negative[number]
        entries.append({"file": f"{stem}.png", **told})
        whole = entries[-1] | about
        write_whole(target / f"{stem}.png", annotated_png(generation.images[0], whole))
        write_whole(
            target / f"{stem}_trace.safetensors", trace_bytes(generation, model, drawn=whole)
        )
        save_figure(figure, target / f"{stem}_steps.png")
    write_manifest(about, entries, target)
    Console(highlight=False).print(f"{len(seeds)} pictures with panel and trace in {target}")


def panel_figure(model, config: RunConfig, generation, index: int, prompt: str):
    """The step panel of one picture of a recorded generation."""
    trace = generation.trace.picture(index)
    pictures = model.decode_tokens(trace.drawn_ids[:, 0])
    sampler = drawn_with(config.sampler, model)
    return step_panel(
        pictures,
        trace,
        prompt,
        note=f"seed {generation.seeds[index]}, guidance {sampler.guidance_scale:g}, "
        f"{sampler.num_steps} steps",
    )
