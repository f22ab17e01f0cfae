"""Real scenes told the truth, a stranger's numbers, or one number otherwise: what it does.

Beside the model stands one that was trained on shuffled micro-conditions, in which they mean
nothing: a probe that could not tell the two apart would measure something else.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from src.config import RunConfig
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.measurement import Measurement
from src.evaluation.paired import paired_difference
from src.interpret.micro_cond_effect import Sweep, interactions, sweep
from src.interpret.micro_cond_path import Shares, shares
from src.interpret.micro_cond_probe import NAMES, gain_of_truth
from src.interpret.teacher_forcing import hide_share
from src.report.micro_cond_effect import Probed, probe_figure, shares_figure, sweeps_figure
from src.tasks.drawing import short_hash
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.real_scenes import RealScenes, real_scenes

HIDING, SHUFFLING, RESAMPLES = 1, 2, 0  # seeds, beside the run's own
SHIPPED, SHUFFLED = "the model", "trained on shuffled ones"
GROUPS: Mapping[str, tuple[str, ...]] = {  # what is shuffled together
    "all five": NAMES,
    "original size": NAMES[:2],
    "crop corner": NAMES[2:4],
    "score": NAMES[4:],
}
SIZES = (0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.5)  # of the picture's own side
CORNERS = (0.0, 0.125, 0.25, 0.375, 0.5)
SCORES = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
SWEPT_RATIOS = (0.25, 0.5, 1.0)  # shares hidden at which values are tried


def run(config: RunConfig, folder: Path) -> None:
    """Probe both models; sweep, pairs and shares of the first; figures, page and record."""
    started = time.perf_counter()
    check_there(config)
    targets(config, folder)  # one that cannot be written to is refused before the work
    model, other = (
        open_model(config),
        open_model(replace(config, model=config.inspection.shuffled_model)),
    )
    unusual = real_scenes(model, config, 1.0, config.inspection.num_pictures)
    beside = real_scenes(other, config, 1.0, config.inspection.num_pictures)
    gains = {SHIPPED: probe(model, config, unusual), SHUFFLED: probe(other, config, beside)}
    plain = real_scenes(model, config, 0.0, config.inspection.num_swept)
    pairs = interactions(model, _hidden(model, plain, config), plain.rows, faulty(config))
    sweeps = sweep_all(model, config, plain)
    traced = trace(model, config)
    measurements = [*probed(gains), *traced_rows(traced, config)]
    outcome = Outcome(
        measurements=measurements,
        figures={
            "probe.png": probe_figure(_drawn(measurements), "Does the truth help?"),
            "sweeps.png": sweeps_figure(sweeps, "One number told otherwise"),
            "shares.png": shares_figure(traced, pairs, "Which number it was"),
        },
        weights={"model": short_hash(model), SHUFFLED: short_hash(other)},
        seeds={"scenes": config.seed, "hiding": HIDING, "shuffling": SHUFFLING},
        device=str(model.device),
        data_hash=unusual.data_hash,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def check_there(config: RunConfig) -> None:
    """Raises UserError where the model to compare with has not been trained."""
    path = config.inspection.shuffled_model
    if not (Path(path) / "model_index.json").is_file():
        raise UserError(
            f"inspection.shuffled_model={path} is no checkpoint: train it with python -m src.run "
            "+exp=glyphs_shuffled_micro_cond and give the folder model of that run."
        )


def faulty(config: RunConfig) -> MicroCond:
    """A small original, cropped, of low score: what whole scenes are told instead."""
    side = config.data.picture_size
    return MicroCond(side // 2, side // 2, side // 4, side // 4, SCORES[0])


def probe(model, config: RunConfig, scenes: RealScenes) -> dict[str, np.ndarray]:
    """For each of GROUPS, what the truth is worth in each scene; nats a hidden token."""
    hidden, count = _hidden(model, scenes, config), config.inspection.num_shuffles
    found = {}
    for group, names in GROUPS.items():
        rng = torch.Generator().manual_seed(SHUFFLING)
        found[group] = gain_of_truth(model, hidden, scenes.rows, rng, names, count).numpy()
    return found


def sweep_all(model, config: RunConfig, scenes: RealScenes) -> list[Sweep]:
    """Every number through its values, on whole scenes."""
    side = config.data.picture_size
    hidden = [_hidden(model, scenes, config, ratio) for ratio in SWEPT_RATIOS]
    sizes, corners = ([side * part for part in parts] for parts in (SIZES, CORNERS))
    values = dict(zip(NAMES, (sizes, sizes, corners, corners, SCORES), strict=True))
    return [sweep(model, hidden, scenes.rows, name, told) for name, told in values.items()]


def trace(model, config: RunConfig) -> Shares:
    """The shares of the five numbers in unusual scenes, against whole scenes of full score."""
    settings = config.inspection
    scenes = real_scenes(model, config, 1.0, settings.num_traced)
    usual = MicroCond.default(config.data.picture_size, config.data.picture_size)
    hidden = _hidden(model, scenes, config)
    return shares(model, hidden, scenes.rows, usual, settings.path_steps)


def probed(gains: Mapping[str, Mapping[str, np.ndarray]]) -> list[Measurement]:
    """Each model's mean gain with its interval, and the difference, scene by scene."""
    found = []
    for group in GROUPS:
        name = f"gain by the truth, nats a hidden token: {group}"
        note = "mean log-probability under the scene's own numbers less under strangers'"
        for subject, each in gains.items():
            low, high = bootstrap_interval(each[group], np.random.default_rng(RESAMPLES))
            mean = float(each[group].mean())
            count = len(each[group])
            found.append(Measurement(name, mean, count, low, high, subject=subject, note=note))
        values = (gains[SHIPPED][group], gains[SHUFFLED][group])
        apart = paired_difference(*values, np.random.default_rng(RESAMPLES))
        mean, low, high = apart.mean, apart.low, apart.high
        found.append(Measurement(name, mean, apart.num_pairs, low, high, subject="difference"))
    return found


def traced_rows(traced: Shares, config: RunConfig) -> list[Measurement]:
    """How much of the difference is accounted for, and by which number."""
    note = (
        f"integrated gradients, {config.inspection.path_steps} steps, baseline: whole scene of "
        "full score"
    )
    count = len(traced.difference)
    rows = [
        Measurement(
            "share of the difference that the attributions miss",
            traced.completeness_error,
            count,
            subject=SHIPPED,
            is_higher_better=False,
            is_share=True,
            note=note,
        )
    ]
    for name, each in zip(NAMES, traced.each.numpy().T, strict=True):
        low, high = bootstrap_interval(each, np.random.default_rng(RESAMPLES))
        title = f"attribution, nats a hidden token: {name.replace('_', ' ')}"
        rows.append(
            Measurement(title, float(each.mean()), count, low, high, subject=SHIPPED, note=note)
        )
    return rows


def _hidden(model, scenes: RealScenes, config: RunConfig, ratio: float | None = None):
    """The same tokens hidden whoever is asked; a larger share hides these and more."""
    ratio = config.inspection.mask_ratio if ratio is None else ratio
    rng = torch.Generator().manual_seed(HIDING)
    return hide_share(scenes.token_ids, ratio, model.transformer.mask_token_id, rng)


def _drawn(measurements: list[Measurement]) -> list[Probed]:
    """The probe's rows as the figure takes them."""
    return [
        Probed(each.name.partition(": ")[2], each.subject, each.value, each.low, each.high)
        for each in measurements
        if each.name.startswith("gain by") and each.subject != "difference"
    ]
