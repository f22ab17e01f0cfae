"""Any folders of pictures, whoever drew them, to one evaluation card: table, page and JSON."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.config import RunConfig
from src.data.prompt_sets import read_prompt_set
from src.errors import UserError
from src.evaluation.extractor import open_extractor
from src.evaluation.known_words import check_words
from src.evaluation.picture_files import UnreadablePictureError, open_picture, square
from src.evaluation.picture_set import PictureSet, open_pictures
from src.evaluation.set_quality import Judges, Seen, check_enough, look_at
from src.evaluation.suite import open_clip
from src.experiments import RECORDS
from src.report.card import (
    Eyes,
    SetFacts,
    Shown,
    best_and_worst,
    score_curves,
    set_figure,
    write_card,
)
from src.report.look import save_figure
from src.tasks.countdown import countdown
from src.tasks.inputs import choose_device
from src.tasks.outcome import Outcome, question, record_of, table_printed
from src.whole_files import writable_folder

SHOWN = 8  # pictures of each row of a figure


class Judged(NamedTuple):
    """One folder and what came out."""

    name: str
    pictures: PictureSet
    size: int  # pixels, after resizing and cropping
    seen: Seen


def run(config: RunConfig, folder: Path) -> None:
    """Measure every folder; print the table, write figures, page and card.json."""
    import torch

    started = time.perf_counter()
    device = choose_device(config.device, torch.cuda.device_count())
    home = Path(config.output_dir) if config.output_dir else RECORDS / config.name / "runs"
    sets = open_sets(config, home / "features")
    judges = Judges(
        open_extractor(config.evaluation, device),
        open_clip(config.evaluation, device),
        home / "features",
    )
    if config.prompts_file is not None:
        for each in sets.values():
            check_words(judges.clip, each.prompts or ())
    judged = judge(config, sets, judges)
    target = writable_folder(Path(config.output_dir) if config.output_dir else folder)
    outcome = Outcome(
        measurements=[each for one in judged for each in one.seen.measurements],
        figures=figures(judged, judges.clip.name),
        weights={each.name: each.weights_hash for each in (judges.extractor, judges.clip)},
        seeds={"resamples": 0},
        device=device,
        data_hash=" ".join(one.pictures.hash for one in judged),
    )
    saved = [save_figure(figure, target / name) for name, figure in outcome.figures.items()]
    eyes = {each.name: each for each in (judges.extractor, judges.clip)}
    card = write_card(
        record_of(outcome, config, time.perf_counter() - started),
        [facts(one) for one in judged],
        [Eyes(each.name, each.weights_hash, each.resizer) for each in eyes.values()],
        saved,
        target,
        question(config),
    )
    console = table_printed(outcome.measurements)
    for path in (*saved, *card):
        console.print(f"  {path}", soft_wrap=True, markup=False)


def open_sets(config: RunConfig, notes: Path) -> dict[str, PictureSet]:
    """Every folder by its name, its pictures in order, beside the prompts that were given."""
    told = config.prompts_file
    prompts = [each.text for each in read_prompt_set(Path(told))] if told is not None else None
    folders = config.pictures.folders
    own = [Path(folder).name for folder in folders]
    names = config.pictures.names or (own if len(set(own)) == len(own) else folders)
    sets = {
        name: open_pictures(folder, prompts, notes, f"pictures.folders[{place}]")
        for place, (name, folder) in enumerate(zip(names, folders, strict=True))
    }
    for name, pictures in sets.items():
        if pictures.prompts is None and config.pictures.reference is None:
            raise UserError(
                f"Nothing can be measured of {name}: give its prompts, prompts_file=FILE, or a "
                "folder of real pictures, pictures.reference=FOLDER."
            )
    return sets


def judge(config: RunConfig, sets: dict[str, PictureSet], judges: Judges) -> list[Judged]:
    """Every number of every set; each is compared with real pictures made as large as its own."""
    real = None
    if config.pictures.reference is not None:
        place = config.pictures.reference
        real = open_pictures(place, None, judges.cache, "pictures.reference")
        for name, pictures in {**sets, "pictures.reference": real}.items():
            check_enough(len(pictures.pictures), judges.extractor, f"in {name}")
    sizes = {name: config.pictures.size or _height(each) for name, each in sets.items()}
    num_looks = [2 * (real is not None) + (each.prompts is not None) for each in sets.values()]
    total = sum(n * len(each.pictures) for n, each in zip(num_looks, sets.values(), strict=True))
    total += 2 * len(real.pictures) * len(set(sizes.values())) if real else 0
    confidence = config.evaluation.confidence
    with countdown("Looking at pictures", total) as told:
        judges = judges._replace(told=told)
        wanted = set(sizes.values()) if real else ()
        others = {size: judges.reference(real, size) for size in wanted}
        captions = _captions(sets.values(), judges)
        return [
            Judged(
                name,
                pictures,
                sizes[name],
                look_at(
                    pictures,
                    sizes[name],
                    others.get(sizes[name]),
                    captions.get(tuple(pictures.prompts or ())),
                    judges,
                    name,
                    confidence,
                ),
            )
            for name, pictures in sets.items()
        ]


def facts(judged: Judged) -> SetFacts:
    """What the card says of a set."""
    best, worst = _extremes(judged)
    entries = judged.pictures.pictures
    seeds = [each.seed for each in entries if each.seed is not None]
    counts_up = bool(seeds) and seeds == list(range(seeds[0], seeds[0] + len(entries)))
    in_words = f"{seeds[0]:,} to {seeds[-1]:,}" if counts_up else ", ".join(map(str, seeds))
    return SetFacts(
        judged.name,
        str(judged.pictures.folder),
        len(entries),
        judged.pictures.num_doubles,
        judged.pictures.hash,
        judged.size,
        in_words,
        best,
        worst,
    )


def figures(judged: Sequence[Judged], clip_name: str) -> dict:
    """For every set its first, best and worst pictures; and how the scores are spread."""
    drawn = {}
    for place, one in enumerate(judged):
        entries = one.pictures.pictures[:SHOWN]
        bands = {"The first": [_captioned(one, each.number, each.prompt or "") for each in entries]}
        for title, extremes in zip(("The best", "The worst"), _extremes(one), strict=True):
            if extremes:
                bands[f"{title} by CLIP score"] = [
                    _captioned(one, each.number, f"{each.score:.1f}  {each.prompt}")
                    for each in extremes
                ]
        drawn[f"pictures_{place}.png"] = set_figure(one.name, bands)
    scores = {one.name: one.seen.scores for one in judged if one.seen.scores is not None}
    if scores:
        drawn["scores.png"] = score_curves(scores, f"CLIP logits[{clip_name}]")
    return drawn


def _extremes(judged: Judged) -> tuple[list[Shown], list[Shown]]:
    pictures, scores = judged.pictures, judged.seen.scores
    if scores is None:
        return [], []
    files = [each.file for each in pictures.pictures]
    return best_and_worst(scores, files, pictures.prompts, SHOWN)


def _captioned(judged: Judged, number: int, caption: str) -> tuple[np.ndarray, str]:
    return square(open_picture(judged.pictures.paths[number]), judged.size), caption


def _captions(sets, judges: Judges) -> dict[tuple[str, ...], np.ndarray]:
    """CLIP's features of every list of prompts; systems that are compared share theirs."""
    lists = {tuple(each.prompts) for each in sets if each.prompts is not None}
    return {prompts: judges.clip.caption_features(prompts) for prompts in lists}


def _height(pictures: PictureSet) -> int:
    """Of the first picture, as the authors chose the size of the reference."""
    path = pictures.paths[0]
    try:
        return open_picture(path).height
    except UnreadablePictureError as error:
        raise UserError(f"{path} cannot be read ({error}): mend it, or take it away.") from error
