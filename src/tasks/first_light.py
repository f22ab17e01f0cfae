"""The main job: prompts to pictures, one picture's steps, and every metric, in one go."""

import time
from pathlib import Path

from src.config import RunConfig
from src.report.grid import picture_grid
from src.tasks.drawing import generate_pictures, short_hash
from src.tasks.evaluate import evaluate_model, evaluation_seeds, judged_figure
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.tasks.observe import panel_figure
from src.tasks.outcome import Outcome, deliver, targets


def run(config: RunConfig, folder: Path) -> None:
    """Grid of the prompts, step panel of the first, and the evaluation of the test prompts."""
    started = time.perf_counter()
    prompts = read_prompts(config)
    seeds = choose_seeds(config, len(prompts))
    negative = choose_negative_prompts(config, len(prompts))
    targets(config, folder)  # one that cannot be written to is refused before the work
    model = open_model(config)
    generation = generate_pictures(model, config, prompts, seeds, negative, record=True)
    captions = [prompt for prompt in prompts for _ in range(config.num_images_per_prompt)]
    evaluated = evaluate_model(model, config)
    outcome = Outcome(
        measurements=evaluated.measurements,
        figures={
            "pictures.png": picture_grid(generation.images, captions),
            "steps.png": panel_figure(model, config, generation, 0, prompts[0]),
            "test_prompts.png": judged_figure(evaluated),
        },
        weights={"model": short_hash(model), evaluated.clip.name: evaluated.clip.weights_hash},
        seeds={"pictures": seeds, **evaluation_seeds(config)},
        device=str(model.device),
        data_hash=evaluated.data_hash,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)
