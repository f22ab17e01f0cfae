"""The report's quality figures: COCO's captions drawn at every guidance, and measured.

Each picture is drawn once. Several processes may share the drawing, and any run that finds all
pictures there measures them.
"""

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rich.console import Console

from src.config import RunConfig, check_last_seed
from src.data.coco import CocoPicture, authors_prompts, draw_captions, first_captions, open_coco
from src.errors import UserError
from src.evaluation.extractor import open_extractor
from src.evaluation.measurement import Measurement
from src.evaluation.picture_set import close_drawn, open_pictures
from src.evaluation.set_quality import Judges, check_enough, look_at
from src.evaluation.suite import open_clip
from src.experiments import RECORDS
from src.report.grid import labelled_grid
from src.report.guidance_curves import guidance_curves
from src.report.quality_protocol import check_claimed
from src.tasks.begun_folder import forget_unused
from src.tasks.countdown import countdown
from src.tasks.drawing import settings, short_hash
from src.tasks.drawn_once import draw_share, num_missing, passes_of, picture_path
from src.tasks.inputs import choose_device, open_model
from src.tasks.outcome import Outcome, deliver
from src.tasks.own_share import own_share
from src.whole_files import writable_folder

SHOWN = 4  # prompts in the figure
LOOKS = 3  # at a drawn picture: the extractor's, and CLIP's for a distance and for the score
LOCKS = "shards"  # a folder with one lock a share, against the same share drawn twice at once


class Plan(NamedTuple):
    """What is to be drawn, and where it lies."""

    prompts: list[str]
    place: Path

    def folder(self, guidance: float) -> Path:
        return self.place / f"guidance_{guidance:g}"


def run(config: RunConfig, folder: Path) -> None:
    """Draw this process's share; measure if nothing is left; table, curves, page and record."""
    started = time.perf_counter()
    coco = open_coco(config.data.path)
    prompts = choose_prompts(config, coco)
    judges = open_judges(config)
    check_enough(len(prompts), judges.extractor, "to be drawn")
    check_enough(len(coco), judges.extractor, f"in data.path={config.data.path}")
    model = open_model(config)
    model.pictures_per_pass = config.protocol.pictures_per_pass
    plan = make_plan(config, model, prompts)
    draw(config, model, plan)
    left = sum(num_missing(place, range(len(prompts))) for place in _places(config, plan))
    if left:
        _tell_left(config, plan, left)
        return
    measured = measure(config, plan, coco[0].path.parent, judges, model.height)
    outcome = Outcome(
        measurements=measured.measurements,
        figures={
            "guidance.png": guidance_curves(measured.by_guidance, config.model),
            "pictures.png": _pictures(config, plan),
        },
        weights={
            "model": short_hash(model),
            judges.extractor.name: judges.extractor.weights_hash,
            judges.clip.name: judges.clip.weights_hash,
        },
        seeds={
            "captions": config.protocol.captions_seed,
            "first picture": config.protocol.first_picture_seed,
        },
        device=str(model.device),
        data_hash=_hash([prompts, measured.reference_hash]),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


class Measured(NamedTuple):
    """What came out, at every guidance."""

    by_guidance: dict[float, list[Measurement]]
    reference_hash: str  # of the real pictures

    @property
    def measurements(self) -> list[Measurement]:
        return [each for found in self.by_guidance.values() for each in found]


def choose_prompts(config: RunConfig, coco: list[CocoPicture]) -> list[str]:
    """The authors' own prompts where their file is given, or captions chosen by their rules."""
    protocol = config.protocol
    if protocol.captions == "first":
        prompts = first_captions(coco, protocol.captions_each)
    elif protocol.prompts_file is None:
        rng = np.random.default_rng(protocol.captions_seed)
        prompts = draw_captions(coco, rng, protocol.captions_each)
    else:
        prompts = authors_prompts(Path(protocol.prompts_file), "protocol.prompts_file")
    if len(prompts) != protocol.captions_each * len(coco):
        raise UserError(
            f"protocol.prompts_file={protocol.prompts_file} holds {len(prompts)} prompts and "
            f"data.path={config.data.path} {len(coco)} pictures: give all 5,000 of val2017, and "
            "leave protocol.captions_each at 2."
        )
    check_last_seed(protocol.first_picture_seed, len(prompts))
    return prompts


def make_plan(config: RunConfig, model, prompts: list[str]) -> Plan:
    """The folder of the pictures, under `output_dir` or named by what decides them.

    Neither depends on when the command is given, so that giving it again continues.
    """
    if config.output_dir is not None:
        place = Path(config.output_dir) / "pictures"
    else:
        protocol = config.protocol
        drawn = protocol.first_picture_seed, protocol.pictures_per_pass
        about = settings(_at(config, 0.0), model), prompts, drawn
        place = RECORDS / config.name / "runs" / f"pictures-{_hash(about)}"
    plan = Plan(prompts, place)
    num_left = sum(num_missing(each, _share(config, plan)) for each in _places(config, plan))
    writable_folder(place, num_bytes=num_left * model.height * model.width * 3)
    return plan


def draw(config: RunConfig, model, plan: Plan) -> None:
    """Draw what is missing of this process's share, at every guidance."""
    guidance, mine = config.protocol.guidance, _share(config, plan)
    left = sum(num_missing(place, mine) for place in _places(config, plan))
    total = len(guidance) * len(mine)
    shard, locks, places = config.shard, plan.place / LOCKS, _places(config, plan)

    def forget() -> None:
        for place in places:
            forget_unused(place)

    with own_share(locks, shard, forget), countdown("Drawing", total, total - left) as told:
        about = plan.prompts, config.protocol.first_picture_seed
        for scale, place in zip(guidance, places, strict=True):
            for num_drawn in draw_share(_at(config, scale), model, *about, place, shard, locks):
                told(num_drawn)


def measure(config: RunConfig, plan: Plan, real: Path, judges: Judges, size: int) -> Measured:
    """Every number at every guidance, against the real pictures made as large as the drawn ones."""
    first_seed, guidance = config.protocol.first_picture_seed, config.protocol.guidance
    captions = judges.clip.caption_features(plan.prompts)
    reference = open_pictures(real, None, judges.cache, "data.path")
    seeds = range(first_seed, first_seed + len(plan.prompts))
    files = [picture_path(plan.place, number).name for number in range(len(plan.prompts))]
    total = 2 * len(reference.pictures) + LOOKS * len(guidance) * len(plan.prompts)
    by_guidance = {}
    with countdown("Looking at pictures", total) as told:
        judges = judges._replace(told=told)
        real_features = judges.reference(reference, size)
        for scale, place in zip(guidance, _places(config, plan), strict=True):
            pictures = close_drawn(place, files, plan.prompts, seeds, judges.cache)
            subject, confidence = f"guidance {scale:g}", config.evaluation.confidence
            by_guidance[scale] = look_at(
                pictures, size, real_features, captions, judges, subject, confidence
            ).measurements
    return Measured(by_guidance, reference.hash)


def open_judges(config: RunConfig) -> Judges:
    """The extractor and the CLIP that the settings name, and where features are kept."""
    import torch

    device = choose_device(config.device, torch.cuda.device_count())
    home = Path(config.output_dir) if config.output_dir else RECORDS / config.name / "runs"
    clip = open_clip(config.evaluation, device)
    check_claimed(clip)
    return Judges(open_extractor(config.evaluation, device), clip, home / "features")


def _at(config: RunConfig, guidance: float) -> RunConfig:
    return replace(config, sampler=replace(config.sampler, guidance_scale=guidance))


def _places(config: RunConfig, plan: Plan) -> list[Path]:
    return [plan.folder(guidance) for guidance in config.protocol.guidance]


def _share(config: RunConfig, plan: Plan) -> list[int]:
    """The numbers of this process's pictures."""
    passes = passes_of(len(plan.prompts), config.protocol.pictures_per_pass, config.shard)
    return [number for numbers in passes for number in numbers]


def _tell_left(config: RunConfig, plan: Plan, left: int) -> None:
    total = len(config.protocol.guidance) * len(plan.prompts)
    Console(highlight=False).print(
        f"This share is drawn; {left:,} of all {total:,} pictures are left to the other shards of "
        f"{config.shard.count}. Whoever draws the last one measures, and so does the same command "
        f"without shard.index.\n  {plan.place}",
        soft_wrap=True,
    )


def _pictures(config: RunConfig, plan: Plan):
    """The first prompts at every guidance, with equal seeds."""
    shown = range(min(SHOWN, len(plan.prompts)))
    rows = [[_opened(place, number) for place in _places(config, plan)] for number in shown]
    names = [f"{guidance:g}" for guidance in config.protocol.guidance]
    return labelled_grid(rows, plan.prompts[: len(rows)], names, "The same seeds at every guidance")


def _opened(place: Path, number: int) -> Image.Image:
    with Image.open(picture_path(place, number)) as image:
        return image.convert("RGB")


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
