"""What a model would see of a data set, before anything trains: pictures, crops, tokens, cost."""

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from src.config import RunConfig
from src.data.bad_rows import FILE_NAME, write_refusals
from src.data.duplicates import Pair, near_duplicates
from src.data.survey import Rows, Survey, survey
from src.errors import UserError
from src.evaluation.data_quality import caption_lengths, kept_by_tokens, row_shares, step_needs
from src.report.data_preview import Card, pairs_figure, preview_figure, survey_figure
from src.tasks.data_rows import check_size, open_rows
from src.tasks.drawing import drawing_progress, short_hash
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver
from src.transformer import config as transformer_config
from src.transformer.cost import matrix_rate, uvit_cost

SHOWN_PAIRS = 12


def run(config: RunConfig, folder: Path) -> None:
    """Look at rows of `data.path`, or of the drawn world: figures, numbers, a list of bad rows.

    Raises:
        UserError: the data cannot be opened, or none of its rows is good.
    """
    started = time.perf_counter()
    model = open_model(config)
    check_size(config, model)
    rows, data_hash = open_rows(config, config.preview.num_rows)
    with drawing_progress() as progress:
        seen = survey(rows, config.preview.num_rows, lambda some: progress.track(some))
    target = Path(config.output_dir) if config.output_dir else folder
    if seen.refusals:
        write_refusals(seen.refusals, target / FILE_NAME)
    if not seen.pictures:
        first = seen.refusals[0]
        raise UserError(f"No row of {config.data.path} is good; row {first.row}: {first.reason}.")
    doubles = near_duplicates([each.picture for each in seen.pictures])
    lengths = caption_lengths(seen.pictures, model.text_encoder.tokenizer)
    limits = {"picture_size": config.data.picture_size, "window": model.text_encoder.window}
    cards = preview_cards(rows, seen, model, config)
    title = f"{config.data.path or 'drawn scenes'}: {len(seen.pictures):,} of {len(rows):,} rows"
    figures = {
        "preview.png": preview_figure(cards, title),
        "spread.png": survey_figure(
            [each.micro_cond[:2] for each in seen.pictures], lengths, title=title, **limits
        ),
    }
    if doubles:
        figures["doubles.png"] = _doubles_figure(seen, doubles)
    outcome = Outcome(
        measurements=[
            *row_shares(seen.pictures, len(seen.refusals), doubles, lengths, **limits),
            kept_by_tokens([card.crop for card in cards], [card.kept for card in cards]),
            *_needs(config, model, len(rows)),
        ],
        figures=figures,
        weights={"model": short_hash(model)},
        seeds={"crops": config.seed},
        device=str(model.device),
        data_hash=data_hash,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def preview_cards(rows: Rows, seen: Survey, model, config: RunConfig) -> list[Card]:
    """Some good rows, spread over all that were looked at, cropped as training would."""
    number = min(config.preview.num_shown, len(seen.pictures))
    places = np.linspace(0, len(seen.pictures) - 1, number).round().astype(int)
    cards = []
    for number in (seen.pictures[place].row for place in places):
        shown, whole = (
            rows.row(number, np.random.default_rng([config.seed, number])),
            rows.whole(number),
        )
        token_ids = model.encode_images(Image.fromarray(shown.picture))
        (kept,) = model.decode_tokens(token_ids)
        side = min(whole.size)
        scale, cond = side / len(shown.picture), shown.micro_cond
        told = (
            f"told: {cond.original_width:g} x {cond.original_height:g}, crop at "
            f"({cond.crop_top:g}, {cond.crop_left:g}), score {cond.aesthetic_score:g}"
        )
        box = (cond.crop_left * scale, cond.crop_top * scale, float(side))
        cards.append(Card(whole, shown.picture, np.asarray(kept), box, shown.caption, told))
    return cards


def _doubles_figure(seen: Survey, doubles: list[Pair]):
    shown = doubles[:SHOWN_PAIRS]
    pairs = [(seen.pictures[a].picture, seen.pictures[b].picture) for a, b, _ in shown]
    names = [
        f"rows {seen.pictures[a].row} and {seen.pictures[b].row}, distance {distance:.3f}"
        for a, b, distance in shown
    ]
    count = "1 pair" if len(doubles) == 1 else f"{len(doubles):,} pairs"
    return pairs_figure(pairs, names, f"nearly the same: {count}")


def _needs(config: RunConfig, model, num_rows: int):
    """Memory and time of training the U-ViT of `training.preset` on these rows, here."""
    training = config.training
    dtype = torch.float32 if training.precision == "32-true" else torch.bfloat16
    cost = uvit_cost(transformer_config.preset(training.preset), model.text_encoder.window)
    rate = matrix_rate(str(model.device), dtype)
    return step_needs(
        cost, training.batch_size, training.optimizer, num_rows, rate, training.preset
    )
