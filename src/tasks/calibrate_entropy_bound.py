"""The entropy bound that takes a wanted number of steps, found on a few prompts, in a file."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.data.scenes import World
from src.sampler.calibration import calibrate_bound
from src.sampler_file import write_sampler
from src.tasks.drawing import drawn_with, generate_pictures, short_hash
from src.tasks.inputs import open_model, read_prompts
from src.whole_files import writable_folder

FILE = "sampler.json"
TOGETHER = 16  # pictures a pass: quicker, and a mean does not ask for the same bits
WIDTH = 40  # letters of the longest bar


def run(config: RunConfig, folder: Path) -> None:
    """Bisect the bound, print how many steps the pictures take, and write the sampler's file."""
    model = open_model(config)
    model.pictures_per_pass = TOGETHER
    prompts = _prompts(config)
    seeds = list(range(config.seed, config.seed + len(prompts)))
    console = Console(highlight=False)
    taken: dict[float, list[int]] = {}

    def mean_steps(bound: float) -> float:
        settings = replace(config.sampler.entropy_bound, bound=bound)
        chosen = replace(config, sampler=replace(config.sampler, entropy_bound=settings))
        trace = generate_pictures(model, chosen, prompts, seeds, record=True).trace
        taken[bound] = (trace.num_passes > 0).sum(dim=0).tolist()
        mean = sum(taken[bound]) / len(prompts)
        console.print(f"bound {bound:.4g} nats: {mean:.2f} steps")
        return mean

    bound = calibrate_bound(mean_steps, config.calibration.mean_steps)
    settings = replace(config.sampler.entropy_bound, bound=bound)
    found = replace(config.sampler, entropy_bound=settings)
    target = writable_folder(Path(config.output_dir) if config.output_dir else folder)
    notes = {
        "found_by": "calibrate_entropy_bound",
        "model": short_hash(model),
        "pictures": len(prompts),
        "mean_steps": sum(taken[bound]) / len(prompts),
        "steps_of_pictures": dict(sorted(Counter(taken[bound]).items())),
    }
    write_sampler(target / FILE, drawn_with(found, model), notes)
    for line in histogram(taken[bound]):
        console.print(line, markup=False)
    console.print(f"sampler=from_file sampler.path={target / FILE}", soft_wrap=True, markup=False)


def histogram(steps: list[int]) -> list[str]:
    """A line a number of steps: how many pictures took it."""
    counts = Counter(steps)
    largest = max(counts.values())
    return [
        f"{number:>4} steps  {'█' * max(1, WIDTH * count // largest)} {count}"
        for number, count in sorted(counts.items())
    ]


def _prompts(config: RunConfig) -> list[str]:
    """Those given, or training captions of the glyph world: what is set here judges nothing."""
    if config.prompts or config.prompts_file is not None:
        return read_prompts(config)
    from src.evaluation.suite import TEST_KINDS
    from src.evaluation.tuning import practise_world

    count = len(TEST_KINDS) * config.evaluation.prompts_per_kind
    tuning = replace(config.tuning, num_prompts=count, finalist_prompts=0)
    return practise_world(World(config.data), tuning)[0].captions
