"""StyleDrop whole: learn a style from one picture or a few, pick from what comes, learn again.

Sohn et al. 2023, section 3.3: the first round knows the style from so little that it copies what
the picture shows; its best samples, picked by scores or by hand, teach the second round the style
alone.
"""

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from src.checkpoint.fingerprint import SHORT_LENGTH
from src.config import EMBEDDED, RunConfig
from src.errors import UserError
from src.evaluation.config import EMBEDDED_CLIP
from src.experiments import RECORDS
from src.tasks.drawn_once import draw_once
from src.tasks.inputs import choose_device, open_model
from src.tasks.style_judging import Drawn, clip_scores, compared, style_pictures
from src.whole_files import alone_in, write_whole

PICKED = "picked.txt"  # names of candidates' files, one a line
SHOWN = 8  # test pictures of each round in the figure
ROUNDS = ("round 1", "round 2")


def run(config: RunConfig, folder: Path) -> bool:
    """Train both rounds in `output_dir`, or in experiments/NAME/runs/train; whether all is done.

    The same command continues where it was. With `style.picked_by=hand` it ends before the second
    round, and continues once picked.txt is there.
    """
    _check(config)
    place = Path(config.output_dir or RECORDS / config.name / "runs" / "train")
    with alone_in(place):
        first = _round(config, place / "round_1", config.data)
        if first is None:
            return _left("Steps of the first round are left; the same command continues.", place)
        candidates = _draw(
            config,
            first,
            config.style.prompts,
            config.style.num_per_prompt,
            config.style.first_candidate_seed,
            place / "candidates",
        )
        if not _pick(config, first, candidates, place):
            return _left(
                f"Pick now: write the names of files in {place / 'candidates'} into "
                f"{place / PICKED}, one a line, by hand or with notebooks/08_styledrop.ipynb; the "
                "same command continues.",
                place,
            )
        second = _round(_longer(config), place / "round_2", _picked_data(config, place))
        if second is None:
            return _left("Steps of the second round are left; the same command continues.", place)
        _judge(config, first, second, place)
    return True


def _check(config: RunConfig) -> None:
    from src.evaluation.suite import open_clip

    if config.data.path is None:
        raise UserError("data.path is missing: give the style's picture, or a folder of several.")
    is_embedded = config.evaluation.clip == EMBEDDED_CLIP
    if is_embedded and config.model != EMBEDDED:
        raise UserError(
            "evaluation.clip is the embedded CLIP, which knows drawn scenes alone: give the folder "
            "of one that knows pictures, such as openai/clip-vit-large-patch14."
        )
    open_clip(config.evaluation)  # what cannot be scored is refused before anything is trained
    if config.training.method != "lora":
        raise UserError(f"training.method={config.training.method}: a style is learned by lora.")
    for key in ("prompts", "test_prompts"):
        if not getattr(config.style, key):
            raise UserError(f"style.{key} is empty: give prompts, without the style's descriptor.")


def _left(sentence: str, place: Path) -> bool:
    Console(highlight=False).print(f"{sentence}\n  {place}", soft_wrap=True, markup=False)
    return False


def _round(config: RunConfig, place: Path, data):
    """A fresh adapter of the model trained on these pictures, or None where steps are left."""
    import torch

    from src.training.beginning import begun
    from src.training.uvit_recipe import Run, train_on_pictures

    device = choose_device(config.device, torch.cuda.device_count())
    amused = begun(open_model(config), config.training, config.seed)
    how = Run(config.training, config.masking, config.lora, config.seed, place, device)
    try:
        trained = train_on_pictures(amused, data, how)
    except FloatingPointError as error:
        raise UserError(f"{error} ({place}).") from error
    return trained and trained.amused.to(device)


def _draw(
    config: RunConfig, model, prompts: list[str], each: int, first_seed: int, place: Path
) -> Drawn:
    wanted = [prompt for prompt in prompts for _ in range(each)]
    told = [f"{prompt} {config.style.descriptor}" for prompt in wanted]
    return Drawn(draw_once(config, model, told, first_seed, place), wanted)


def _pick(config: RunConfig, model, candidates: Drawn, place: Path) -> bool:
    """Leave the picked candidates and their prompts as a data set; False if hands are awaited."""
    from src.report.grid import picture_grid
    from src.report.look import save_figure

    text, style = clip_scores(config, candidates, style_pictures(config, model))
    names = [f"{index:05d}.png" for index in range(len(text))]
    captions = [
        f"{name}: {prompt}\ntext {a:.0f}, style {b:.0f}"
        for name, prompt, a, b in zip(names, candidates.prompts, text, style, strict=True)
    ]
    path = place / PICKED
    if config.style.picked_by == "score" and not path.is_file():
        from src.evaluation.style import best

        chosen = best(text, style, config.style.num_picked)
        write_whole(path, "".join(f"{names[index]}\n" for index in chosen))
    picked = _read_picks(path, names) if path.is_file() else []
    is_picked = [name in picked for name in names] if picked else None
    figure = picture_grid(candidates.pictures, captions, 8, is_picked, "Candidates", "picked")
    save_figure(figure, place / "candidates.png")
    if not picked:
        return False
    lines = []
    for name in picked:
        index = names.index(name)
        write_whole(place / "picked" / name, (place / "candidates" / name).read_bytes())
        told = f"{candidates.prompts[index]} {config.style.descriptor}"
        lines.append(json.dumps({"file_name": name, "text": told}))
    write_whole(place / "picked" / "metadata.jsonl", "\n".join(lines) + "\n")
    return True


def _read_picks(path: Path, names: list[str]) -> list[str]:
    picked = list(dict.fromkeys(path.read_text(encoding="utf-8").split()))
    for name in picked:
        if name not in names:
            raise UserError(
                f"{path} names {name}, which is no candidate; they are {names[0]} to {names[-1]}."
            )
    if not picked:
        raise UserError(f"{path} is empty: write a candidate's file name into every line.")
    return picked


def _longer(config: RunConfig) -> RunConfig:
    """The second round's settings: more pictures may want more steps."""
    steps = config.style.second_max_steps or config.training.max_steps
    return replace(config, training=replace(config.training, max_steps=steps))


def _picked_data(config: RunConfig, place: Path):
    return replace(
        config.data,
        path=str(place / "picked"),
        is_caption_file_name=False,
        image_column=None,
        caption_column=None,
    )


def _judge(config: RunConfig, first, second, place: Path) -> None:
    """Draw both rounds' test pictures, compare them pair by pair, and leave the record."""
    from src.report.grid import picture_grid
    from src.tasks.outcome import Outcome, deliver
    from src.training.checkpoint import seconds_trained

    style, drawn = config.style, []
    for name, model in zip(ROUNDS, (first, second), strict=True):
        settings = (style.num_per_test_prompt, style.first_test_seed)
        target = place / f"test_{name.replace(' ', '_')}"
        drawn.append(_draw(config, model, style.test_prompts, *settings, target))
    of_style = style_pictures(config, first)
    shown = [*range(0, len(drawn[0].prompts), style.num_per_test_prompt)][:SHOWN]
    pictures = of_style[:1] * len(shown)  # a row of what was given, and a row a round
    captions = ["given"] * len(shown)
    for name, each in zip(ROUNDS, drawn, strict=True):
        pictures += [each.pictures[index] for index in shown]
        captions += [f"{name}: {each.prompts[index]}" for index in shown]
    outcome = Outcome(
        measurements=compared(config, drawn, of_style, first.image_tokenizer),
        figures={"rounds.png": picture_grid(pictures, captions, len(shown))},
        weights={
            f"adapted, {name}": model.weights_hash[:SHORT_LENGTH]
            for name, model in zip(ROUNDS, (first, second), strict=True)
        },
        seeds={
            "training": config.seed,
            "candidates from": style.first_candidate_seed,
            "tests from": style.first_test_seed,
        },
        device=config.device,
    )
    seconds = sum(seconds_trained(place / name) for name in ("round_1", "round_2"))
    deliver(outcome, config, place, seconds)
