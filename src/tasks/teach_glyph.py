"""Teach a model of drawn scenes a new pictogram from one picture, and see what it forgot."""

from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from src.checkpoint.fingerprint import SHORT_LENGTH
from src.config import RunConfig
from src.data.oracle import Oracle
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.intervals import bootstrap_interval, wilson_interval
from src.evaluation.measurement import Measurement
from src.experiments import RECORDS
from src.tasks.drawn_once import draw_once
from src.tasks.inputs import choose_device, open_model
from src.whole_files import alone_in

SHOWN = 24  # pictures of a figure
BOOTSTRAP_SEED = 0


def run(config: RunConfig, folder: Path) -> bool:
    """Draw, train, draw again, compare, in `output_dir` or experiments/NAME/runs/train.

    The same command continues where it was. Returns whether all is done.
    """
    import torch

    from src.training.beginning import begun
    from src.training.lesson import Lesson
    from src.training.samples import SCENES_GUIDANCE_SCALE, Shown
    from src.training.uvit_recipe import Run, train_on_rows

    place = Path(config.output_dir or RECORDS / config.name / "runs" / "train")
    world = World(config.data)
    lesson = Lesson(world, config.lesson)
    device = choose_device(config.device, torch.cuda.device_count())
    amused = begun(open_model(config), config.training, config.seed)
    if amused.height != world.picture_size:
        raise UserError(
            f"The model draws {amused.height} pixels and the scenes of data= have "
            f"{world.picture_size}: give a model and a world of one size."
        )
    captions = [each.caption for each in lesson.prompts()]
    shown = Shown(captions[:8], SCENES_GUIDANCE_SCALE)
    how = Run(config.training, config.masking, config.lora, config.seed, place / "training", device)
    told = {f"lesson.{key}": value for key, value in vars(config.lesson).items()}
    with alone_in(place):
        before = _draw(config, amused, lesson, place / "before")
        rows = lesson.rows(amused, config.seed)
        try:
            taught = train_on_rows(amused, rows, shown, world.config, how, told)
        except FloatingPointError as error:
            raise UserError(f"{error} ({place}).") from error
        if taught is None:
            sentence = f"Steps are left; the same command continues.\n  {place}"
            Console(highlight=False).print(sentence)
            return False
        after = _draw(config, taught.to(device), lesson, place / "after")
        _deliver(config, lesson, before, after, taught.weights_hash, place)
    return True


def _draw(config: RunConfig, model, lesson, place: Path) -> dict[str, list[Image.Image]]:
    """A picture of every prompt, about the new object and about old ones."""
    first_seed = config.lesson.first_prompt_seed
    asked = {"new": lesson.prompts(), "old": lesson.old_prompts()}
    return {
        kind: draw_once(config, model, [each.caption for each in scenes], first_seed, place / kind)
        for kind, scenes in asked.items()
    }


def _deliver(config: RunConfig, lesson, before, after, weights_hash: str, place: Path) -> None:
    from src.report.grid import picture_grid
    from src.tasks.outcome import Outcome, deliver
    from src.tasks.training_figures import training_figures
    from src.training.checkpoint import seconds_trained

    oracle, glyph = Oracle(lesson.world), config.lesson.glyph
    seen = [_sees(glyph, oracle, drawn["new"]) for drawn in (before, after)]
    kept = [
        _whole(lesson.old_prompts(), Oracle(lesson.old), drawn["old"]) for drawn in (before, after)
    ]
    prompts = [each.caption for each in lesson.prompts()[:SHOWN]]
    drawn, right = after["new"][:SHOWN], seen[1][:SHOWN].astype(bool).tolist()
    made = lesson.pasted(config.seed)[: SHOWN - 1]
    given = [lesson.picture, *(each.picture for each in made)]
    told = ["the one picture", *(each.caption for each in made)]
    outcome = Outcome(
        measurements=_measured(config, glyph, seen, kept),
        figures={
            "lesson.png": picture_grid(given, told, 8),
            "drawn.png": picture_grid(
                drawn, prompts, 8, right, "After the lesson", f"show a {glyph}"
            ),
            **training_figures(place / "training", config.name),
        },
        weights={"adapted": weights_hash[:SHORT_LENGTH]},
        seeds={"training": config.seed, "prompts from": config.lesson.first_prompt_seed},
        device=config.device,
    )
    deliver(outcome, config, place, seconds_trained(place / "training"))


def _sees(glyph: str, oracle: Oracle, pictures: list[Image.Image]) -> np.ndarray:
    """1 where the oracle, which knows the new pictogram as one of all, finds it."""
    readings = [oracle.read(np.asarray(each)) for each in pictures]
    return np.array([any(x.glyph == glyph for x in each.objects) for each in readings], float)


def _whole(asked, oracle: Oracle, pictures: list[Image.Image]) -> np.ndarray:
    """1 where all of the scene is right."""
    pairs = zip(asked, pictures, strict=True)
    return np.array(
        [oracle.judge(each.scene, np.asarray(picture)).whole_scene for each, picture in pairs],
        float,
    )


def _measured(config: RunConfig, glyph: str, seen, kept) -> list[Measurement]:
    told, level = [], config.evaluation.confidence
    for name, both in (
        (f"{glyph} seen, prompts of {glyph}", seen),
        ("whole scene right, old prompts", kept),
    ):
        for subject, values in zip(("before", "after"), both, strict=True):
            low, high = wilson_interval(int(values.sum()), len(values), level)
            told.append(_share(name, subject, values, low, high))
    lost = kept[0] - kept[1]
    low, high = bootstrap_interval(lost, np.random.default_rng(BOOTSTRAP_SEED), level)
    told.append(_share("whole scene right, old prompts", "before less after", lost, low, high))
    return told


def _share(name: str, subject: str, values: np.ndarray, low: float, high: float) -> Measurement:
    value = float(values.mean())
    return Measurement(name, value, len(values), low, high, subject=subject, is_share=True)
