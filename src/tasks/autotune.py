"""A better sampler for a checkpoint and a number of steps: searched, chosen, and judged afresh.

Three sets of prompts and seeds, none of which shares a prompt with another: trials are made on the
first, the best of them compared again on the second (the best of many noisy values is flattered),
and the one that is chosen meets the untuned sampler on the third, in an ablation's own cells.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from src.config import RunConfig
from src.data.scenes import World
from src.evaluation.known_words import check_words
from src.evaluation.suite import check_counts, open_clip
from src.evaluation.tuning import (
    Practice,
    measured_in,
    practise_prompts,
    practise_world,
    worth,
)
from src.experiments import RECORDS, ROOT
from src.report.cells import current_cell, parquet_bytes
from src.report.code_at_start import code_at_start
from src.report.look import save_figure
from src.report.sweep_table import Row
from src.report.tuning_figures import curves_figure, search_figure
from src.sampler.config import SamplerConfig
from src.sampler.plan import make_plan
from src.sampler.search_space import point_of, ranges, settings_at
from src.sampler_file import write_sampler
from src.tasks import ablate
from src.tasks.answer import answer, check_baseline
from src.tasks.countdown import countdown
from src.tasks.drawing import drawn_with, generate_pictures, short_hash
from src.tasks.inputs import open_model, read_prompts
from src.tasks.outcome import command_line
from src.tasks.search import RANDOM, TPE, Search, Trial, best_so_far, finalists, search
from src.whole_files import alone_in, writable_folder, write_whole

FILE, TRIALS = "sampler.json", "trials.parquet"
NAMES = {TPE: "searched", RANDOM: "found at random"}


class Tuner(NamedTuple):
    """What a point of the space is tried with."""

    config: RunConfig
    base: SamplerConfig  # what is tuned: nothing of it is left to the checkpoint
    value: Callable[[SamplerConfig, Practice], float]
    trials_on: Practice
    finalists_on: Practice
    key: str  # of all that the value of a point depends on
    home: Path  # of trials, cells and outcome


class Chosen(NamedTuple):
    """What a search ends with."""

    trials: list[Trial]
    point: dict[str, float]
    value: float  # on the finalists' prompts


def run(config: RunConfig, folder: Path) -> None:
    """Search, write sampler.json, and say whether it beats the untuned sampler with more steps."""
    check_baseline(
        [{"sampler": label} for label in labels(config).values()], config.ablation.baseline
    )
    writable_folder(ablate.home_of(config))
    tuner = open_tuner(config)
    home = writable_folder(tuner.home)
    with alone_in(home):
        chosen = tune(tuner)
        samplers = {how: settings_of(each.point, tuner) for how, each in chosen.items()}
        rows = judged(samplers, tuner)
        figures = {
            "search.png": search_figure(
                {NAMES[how]: best_so_far(each.trials) for how, each in chosen.items()},
                config.name,
                measured_in(tuner.trials_on),
            ),
            "curves.png": curves_figure(plans_of(samplers, tuner), config.name),
        }
        for target in [home, *([RECORDS / config.name] if config.save_record else [])]:
            writable_folder(target)
            for name, figure in figures.items():
                save_figure(figure, target / name)
            write_whole(target / TRIALS, parquet_bytes(trials_table(chosen)))
            write_sampler(target / FILE, samplers[TPE], notes_of(chosen, tuner))
        answer(rows, config, command_line(config), home, also=tuple(figures))
        Console(highlight=False).print(
            f"sampler=from_file sampler.path={home / FILE}", soft_wrap=True, markup=False
        )


def open_tuner(config: RunConfig) -> Tuner:
    """The model, the judges and the prompts of trials and finalists.

    Without output_dir every number of steps, model and seed has a home of its own.
    """
    model = open_model(config)
    model.pictures_per_pass = config.tuning.pictures_per_pass
    clip = open_clip(config.evaluation, str(model.device))
    base = drawn_with(config.sampler, model)
    if config.tuning.prompts_file is None:
        check_counts(config.evaluation, clip)  # now, or it would be refused after the search
        parts = practise_world(World(config.data), config.tuning)
    else:
        asked = replace(config, prompts_file=config.tuning.prompts_file)
        practised, judging = read_prompts(asked), read_prompts(config)
        check_words(clip, practised, "tuning.prompts_file")
        check_words(clip, judging)
        parts = practise_prompts(practised, judging, config.tuning)

    def value(sampler: SamplerConfig, practice: Practice) -> float:
        drawn_by = replace(config, sampler=sampler)
        images = generate_pictures(model, drawn_by, practice.captions, practice.seeds).images
        return float(worth(practice, images, clip).mean())

    key = key_of(config, base, short_hash(model), clip.weights_hash, parts)
    home = ablate.home_of(config)
    home = home if config.output_dir else home / f"{base.num_steps}_steps_{key}"
    return Tuner(config, base, value, *parts, key, home)


def key_of(
    config: RunConfig, base: SamplerConfig, model: str, clip: str, parts: Sequence[Practice]
) -> str:
    """Of all that the value of a point depends on: trials of other runs are not mixed up."""
    tuning = asdict(config.tuning)
    depends = {
        "sampler": asdict(base),
        "weights": [model, clip],
        "tuning": {key: tuning[key] for key in ("num_knots", "pictures_per_pass")},
        "told": [asdict(config.micro_cond), config.guidance_against, config.dtype, config.seed],
        "against": asdict(config.negative_micro_cond),
        "prompts": [[part.captions, part.seeds] for part in parts],
        "code": code_at_start(config.task, ROOT).used,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:12]


def tune(tuner: Tuner) -> dict[str, Chosen]:
    """Both searches with the same number of trials and the same beginnings."""
    tuning = tuner.config.tuning
    pictures = tuning.num_trials * tuning.num_prompts
    pictures += (tuning.num_finalists + 1) * tuning.finalist_prompts
    beginnings = [point_of(tuner.base, tuning.num_knots)]
    with countdown("pictures of two searches", 2 * pictures) as told:
        return {how: _tuned(how, beginnings, tuner, told) for how in (TPE, RANDOM)}


def _tuned(how: str, beginnings: Sequence, tuner: Tuner, told: Callable[[int], None]) -> Chosen:
    tuning, seed = tuner.config.tuning, tuner.config.seed

    def tried_on(practice: Practice) -> Callable[[dict[str, float]], float]:
        def value_of(point: dict[str, float]) -> float:
            value = tuner.value(settings_of(point, tuner), practice)
            told(len(practice.captions))
            return value

        return value_of

    space = ranges(tuner.base, tuning.num_knots)
    what = Search(how, space, beginnings, seed, tuner.home / "trials" / tuner.key)
    trials = search(what, tuning.num_trials, tried_on(tuner.trials_on))
    best = [trial.point for trial in finalists(trials, tuning.num_finalists)]
    again = what._replace(how=f"{how}_again", beginnings=best)
    seen = search(again, len(best), tried_on(tuner.finalists_on))
    (winner,) = finalists(seen, 1)
    return Chosen(trials, winner.point, winner.value)


def settings_of(point: dict[str, float], tuner: Tuner) -> SamplerConfig:
    return settings_at(point, tuner.base, tuner.config.tuning.num_knots)


def labels(config: RunConfig) -> dict[str, str]:
    """What the samplers that meet in the end are called: untuned ones, and what a search found."""
    steps, more = config.sampler.num_steps, config.tuning.baseline_steps
    untuned = {"more": f"untuned, {more} steps", "untuned": f"untuned, {steps} steps"}
    return untuned | {how: f"{name}, {steps} steps" for how, name in NAMES.items()}


def judged(samplers: dict[str, SamplerConfig], tuner: Tuner) -> list[Row]:
    """The cells of the final prompts: untuned with more steps and with as many, then the tuned."""
    untuned = tuner.config.sampler
    more = replace(untuned, num_steps=tuner.config.tuning.baseline_steps)
    names, rows = labels(tuner.config), []
    drawn_by = {"more": more, "untuned": untuned} | samplers
    for label, sampler in {names[which]: each for which, each in drawn_by.items()}.items():
        cell = replace(tuner.config, task=ablate.TASK, sampler=sampler, output_dir=str(tuner.home))
        Console(highlight=False).print(f"judging: {label}")
        ablate.run(cell, tuner.home)
        identity = ablate.identify(cell, ablate.open_bench(cell))
        finished = current_cell(identity, tuner.home, ablate.defaults())
        rows.append(Row({"sampler": label}, finished))
    return rows


def plans_of(samplers: dict[str, SamplerConfig], tuner: Tuner) -> dict[str, list]:
    """What each step follows, by the name of the sampler."""
    more = replace(tuner.base, num_steps=tuner.config.tuning.baseline_steps)
    named = {"untuned": make_plan(more)}
    return named | {NAMES[how]: make_plan(sampler) for how, sampler in samplers.items()}


def trials_table(chosen: dict[str, Chosen]) -> dict[str, list]:
    """A row a trial: which search, its number, its value, its point."""
    found = [(NAMES[how], trial) for how, each in chosen.items() for trial in each.trials]
    table: dict[str, list] = {
        "search": [name for name, _ in found],
        "trial": [trial.number for _, trial in found],
        "value": [trial.value for _, trial in found],
    }
    for key in found[0][1].point:
        table[key] = [trial.point[key] for _, trial in found]
    return table


def notes_of(chosen: dict[str, Chosen], tuner: Tuner) -> dict:
    """Where the settings come from, for readers of the file."""
    own = chosen[TPE]
    return {
        "found_by": "autotune",
        "model": tuner.config.model,
        "trials": len(own.trials),
        "pictures_of_a_trial": len(tuner.trials_on.captions),
        "best_value_of_a_trial": float(np.max([trial.value for trial in own.trials])),
        "value_on_other_prompts": own.value,
    }
