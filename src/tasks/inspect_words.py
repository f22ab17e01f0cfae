"""Real scenes with hidden tokens to maps of words: do objects' names find their objects?"""

import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from src.config import RunConfig
from src.data.examples import Example
from src.errors import UserError
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.measurement import Measurement
from src.interpret.faithfulness import Faithfulness, faithfulness, value_of_words
from src.interpret.object_words import COVERED, Looked, look, maps_of
from src.interpret.word_drop import word_drop
from src.interpret.word_maps import word_maps
from src.report.faithfulness import faithfulness_figure
from src.report.object_words import found_figure, scores_figure
from src.report.word_drop import word_drop_figure
from src.report.word_maps import word_overlays
from src.tasks.countdown import countdown
from src.tasks.drawing import short_hash
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.real_scenes import drawn_scenes, hash_of

HALF = 0.5  # of a cell's pixels: a stricter measure of which cells are the object's
SHOWN = 4  # scenes of the figure
NUM_RANKED, NUM_RANDOM = 12, 10  # scenes whose words are taken away in order; other orders
GOAL = 0.9
AUROC = "AUROC, "  # before the name of a map
NOTE = "over hidden cells; a cell is the object's where it covers more than {:.0%} of the pixels"

Scores = dict[tuple[str, float], np.ndarray]  # by map and share covered: a mean a scene


def run(config: RunConfig, folder: Path) -> None:
    """Look at every scene, score its maps, rank the words of some; figures, page and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model = open_model(config)
    check_hides_enough(model, config)
    drawn = scenes(model, config)
    looked = look_at(model, config, drawn)
    scores = scores_of(looked)
    pairs = list(zip(drawn, looked, strict=True))[:NUM_RANKED]
    with countdown("Ranking words", len(pairs)) as told:
        ranked = [ranked_words(model, *pair, told) for pair in pairs]
    first = looked[0]
    drop = word_drop(model, first.hidden, drawn[0].caption, drawn[0].micro_cond)
    maps = word_maps(first.attention.words, first.attention.mean())
    pictures = [each.picture for each in drawn]
    rows = measured(scores)
    shown = defaultdict(dict)
    for row in rows:
        shown[row.subject][row.name.removeprefix(AUROC)] = (row.value, row.low, row.high)
    outcome = Outcome(
        measurements=[*rows, *faithful(ranked)],
        figures={
            "scores.png": scores_figure(shown, len(drawn), GOAL),
            "objects_and_names.png": found_figure(pictures[:SHOWN], looked[:SHOWN]),
            "words_dropped.png": word_drop_figure(pictures[0], drop),
            "words_read.png": word_overlays(pictures[0], maps),
            "faithfulness.png": faithfulness_figure(ranked[0], drawn[0].caption),
        },
        weights={"model": short_hash(model)},
        seeds={"scenes": config.seed, "hiding": f"{config.seed} + the scene's number"},
        device=str(model.device),
        data_hash=hash_of(drawn),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def check_hides_enough(model, config: RunConfig) -> None:
    """Raises UserError unless a hidden cell of the object and one beside it are possible."""
    ratio, num_tokens = config.inspection.mask_ratio, model.transformer.config.sample_size**2
    if round(ratio * num_tokens) < 2:
        raise UserError(
            f"inspection.mask_ratio={ratio} hides fewer than two of a scene's {num_tokens} tokens, "
            f"and a score needs one of the object and one beside it; give {2 / num_tokens:.2g} or "
            "more."
        )


def scenes(model, config: RunConfig) -> list[Example]:
    """Test scenes of two objects; raises UserError as `drawn_scenes`."""
    return drawn_scenes(model, config, config.inspection.num_pictures, num_objects=2)


def look_at(model, config: RunConfig, drawn: list[Example]) -> list[Looked]:
    """Every scene with its own hidden tokens."""
    looked = []
    with countdown("Looking", len(drawn)) as told:
        for index, each in enumerate(drawn):
            generator = torch.Generator().manual_seed(config.seed + index)
            looked.append(look(model, each, config.inspection.mask_ratio, generator))
            told(1)
    return looked


def scores_of(looked: list[Looked]) -> Scores:
    """The mean over each scene's objects; scenes whose hidden cells are all of one kind are out.

    Raises UserError where no scene is left.
    """
    found = defaultdict(list)
    for each in looked:
        maps = [maps_of(each, which) for which in range(len(each.names))]
        for name in maps[0]:
            for covered in (COVERED, HALF):
                scores = [
                    each.score(of_object[name], which, covered)
                    for which, of_object in enumerate(maps)
                ]
                found[name, covered].append(np.mean([s for s in scores if s == s] or [np.nan]))
    scores = {key: np.array(each)[~np.isnan(each)] for key, each in found.items()}
    for (_, covered), each in scores.items():
        if not len(each):
            raise UserError(
                f"in none of the {len(looked)} scenes both a cell of the object, covered above "
                f"{covered:.0%}, and another one are hidden, so there is no score; give a larger "
                "inspection.mask_ratio, or a larger inspection.num_pictures."
            )
    return scores


def measured(scores: Scores) -> list[Measurement]:
    """The mean AUROC of every map, its interval from resampling scenes."""
    rows = []
    for (name, covered), values in scores.items():
        low, high = bootstrap_interval(values, np.random.default_rng(0))
        rows.append(
            Measurement(
                name=AUROC + name,
                value=float(values.mean()),
                num_samples=len(values),
                low=low,
                high=high,
                subject=_subject(covered),
                note=NOTE.format(covered),
            )
        )
    return rows


def ranked_words(model, drawn: Example, looked: Looked, told) -> dict[str, Faithfulness]:
    """Two rankings of the words of a scene: by what dropping each does, and by attention."""
    drop = word_drop(model, looked.hidden, drawn.caption, drawn.micro_cond)
    masses = word_maps(looked.attention.words, looked.attention.mean()).masses
    value = value_of_words(model, looked.hidden, drawn.caption, drawn.micro_cond)
    scores = {"by dropping": drop.effects, "by attention": masses.mean(dim=(1, 2))}
    found = {
        name: faithfulness(value, each, NUM_RANDOM, torch.Generator().manual_seed(0))
        for name, each in scores.items()
    }
    told(1)
    return found


def faithful(ranked: list[dict[str, Faithfulness]]) -> list[Measurement]:
    """How many random rankings each beats, as a mean over the scenes."""
    rows = []
    for name in ranked[0]:
        for side, better in (("deletion", "larger"), ("insertion", "smaller")):
            shares = np.array([getattr(each[name], f"{side}_share") for each in ranked])
            low, high = bootstrap_interval(shares, np.random.default_rng(0))
            rows.append(
                Measurement(
                    name=f"random rankings beaten, {side}",
                    value=float(shares.mean()),
                    num_samples=len(shares),
                    low=low,
                    high=high,
                    subject=f"words ranked {name}",
                    is_share=True,
                    note=f"of {NUM_RANDOM} a scene, whose area under the curve is {better}; "
                    "50 % = no better than chance",
                )
            )
    return rows


def _subject(covered: float) -> str:
    return f"covered above {covered:.0%}".replace("%", " %")
