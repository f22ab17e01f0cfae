"""Real scenes with hidden tokens to calibration: how sure the model is, how often it is right."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from src.config import RunConfig
from src.evaluation.measurement import Measurement
from src.evaluation.paired import each_of_many, paired_difference
from src.interpret.teacher_forcing import Answers, ask, hide_share, joined, mean_of_pictures
from src.interpret.temperature import halves, recalibrated, tempered
from src.report.calibration import Cell, errors_figure, reliability_figure
from src.tasks.drawing import short_hash
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.real_scenes import RealScenes, real_scenes

# seeds of what is drawn, beside the run's own
PARTING, LABELS, HIDING = 2, 3, 10
HOW = ("independently", "together, as they are here")


class Judged(NamedTuple):
    """One share hidden under one guidance."""

    cell: Cell
    change: np.ndarray  # nats a hidden token, NLL after less before, of each held-out picture


def run(config: RunConfig, folder: Path) -> None:
    """Every share hidden at guidance 1, every guidance at one share; figures, page and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model = open_model(config)
    scenes = real_scenes(model, config, 0.0, config.inspection.num_pictures)
    judged = judge(model, config, scenes)
    cells = [each.cell for each in judged]
    main = [each for each in cells if each.mask_ratio == config.inspection.mask_ratio]
    main.sort(key=lambda each: each.guidance_scale)
    outcome = Outcome(
        measurements=[row for each in judged for row in measured(each)],
        figures={
            "reliability.png": reliability_figure(main),
            "calibration_error.png": errors_figure(cells, config.inspection.mask_ratio),
        },
        weights={"model": short_hash(model)},
        seeds={"scenes": config.seed, "hiding": HIDING, "parting": PARTING, "labels": LABELS},
        device=str(model.device),
        data_hash=scenes.data_hash,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def judge(model, config: RunConfig, scenes: RealScenes) -> list[Judged]:
    """The temperature of each cell is fitted on one half of the scenes and judged on the other."""
    settings = config.inspection
    halved = halves(len(scenes.examples), torch.Generator().manual_seed(PARTING))
    asked = [(ratio, 1.0) for ratio in settings.mask_ratios]
    asked += [(settings.mask_ratio, scale) for scale in sorted(settings.guidance_scales)]
    cells, found = dict.fromkeys(asked), []
    confidence = each_of_many(0.95, len(cells))  # all floors together hold at 95 %
    for ratio, scale in cells:

        def answers(half: torch.Tensor, hiding: int, where=(ratio, scale)) -> Answers:
            return _answers(model, scenes, half, *where, HIDING + hiding)

        fitted_on = joined([answers(halved[0], each) for each in range(settings.num_hidings)])
        judged_on = answers(halved[1], 0)
        labels = torch.Generator().manual_seed(LABELS)
        result = recalibrated(fitted_on, judged_on, settings.num_bins, labels, confidence)
        after = tempered(judged_on, result.temperature.value)
        change = judged_on.log_likelihood - after.log_likelihood
        each = mean_of_pictures(change, judged_on.pictures, len(scenes.examples))[halved[1]]
        found.append(Judged(Cell(ratio, scale, result), each.numpy()))
    return found


def _answers(
    model, scenes: RealScenes, half: torch.Tensor, ratio: float, scale: float, seed: int
) -> Answers:
    """Of half of the scenes, under their numbers among all; hidden by a seed of its own."""
    rng, mask_token_id = torch.Generator().manual_seed(seed), model.transformer.mask_token_id
    hidden = hide_share(scenes.token_ids[half], ratio, mask_token_id, rng)
    answers = ask(model, hidden, scenes.rows.pick(half.tolist()), scale)
    return answers._replace(pictures=half[answers.pictures])


def measured(judged: Judged) -> list[Measurement]:
    """What a cell's held-out pictures say, before and after the temperature."""
    ratio, scale, (temperature, before, after) = judged.cell
    subject = f"{ratio:.0%} hidden, guidance {scale:g}".replace("%", " %")
    note = "held-out scenes; the temperature was fitted on as many others"
    floors = "a calibrated model lies below, with 95 % in all rows together; {}"
    apart, together = (floors.format(f"a scene's tokens are wrong {x}") for x in HOW)

    def row(name: str, value: float, is_higher_better: bool = False, **more) -> Measurement:
        more = {"note": note} | more
        return Measurement(
            name,
            value,
            before.num_pictures,
            subject=subject,
            is_higher_better=is_higher_better,
            **more,
        )

    change = paired_difference(judged.change, 0 * judged.change, np.random.default_rng(0))
    return [
        row("token accuracy, hidden tokens", before.accuracy, True, is_share=True),
        row("temperature", temperature.value),
        row("NLL, nats", before.nll),
        row("NLL after, nats", after.nll),
        row("NLL after less before, nats", change.mean, low=change.low, high=change.high),
        row("Brier", before.brier),
        row("Brier after", after.brier),
        row("ECE", before.ece, is_share=True),
        row("ECE after", after.ece, is_share=True),
        row("ECE of chance", after.floor.high, is_share=True, note=apart),
        row("ECE of chance, by scene", after.clustered_floor.high, is_share=True, note=together),
    ]
