"""What few bits a weight cost and save: the shipped model's quality, aMUSEd-256's size and time.

Below full (float32) stand bfloat16, and int8 and int4, whose other weights are bfloat16. aMUSEd-256
is of perturbed random weights: bytes and seconds do not depend on what weights say, and how far its
logits are moved is that of such weights.
"""

import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from src.config import EMBEDDED, RunConfig
from src.evaluation.intervals import wilson_interval
from src.evaluation.measurement import Measurement
from src.evaluation.paired import paired_difference
from src.evaluation.suite import GENERATED
from src.evaluation.timing import in_turns, median, ratio
from src.experiments import RECORDS
from src.memory import check_free
from src.speed.peak import peak_bytes
from src.speed.quantized import weight_bytes
from src.tasks.drawing import short_hash
from src.tasks.evaluate import Evaluated, evaluate_model, evaluation_seeds
from src.tasks.inputs import choose_device, open_model
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.reported_rows import print_rows

KINDS = {  # kind of weights: dtype, speed.weights
    "full": ("float32", "full"),
    "bfloat16": ("bfloat16", "full"),
    "int8": ("bfloat16", "int8"),
    "int4": ("bfloat16", "int4"),
}
LARGE = "amused_256"
LARGE_BYTES = 8 * 10**9  # all four kinds side by side
LARGE_PROMPTS = ["a photograph of a lighthouse at dawn", "a bowl of apples"]
STEPS_OF_LARGE = 2  # a step costs the same share in every number of steps
NUM_ROUNDS = 3
SHARE_HIDDEN = 0.5
MB = 1e6


def run(config: RunConfig, folder: Path) -> None:
    """Evaluate and compare every kind of weights; table, record, and the report's row beside."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    config = replace(config, device=choose_device(config.device, torch.cuda.device_count()))
    check_free(LARGE_BYTES, "cpu", f"{LARGE} with four kinds of weights", "use a larger machine")
    models = {kind: open_model(as_kind(config, kind)) for kind in KINDS}
    found, judged = quality(models, config)
    large = large_models(config)
    weights = {kind: short_hash(model) for kind, model in models.items()}
    outcome = Outcome(
        measurements=[*found, *size_and_time(large, config)],
        figures={},
        weights=weights | {judged.clip.name: judged.clip.weights_hash},
        seeds=evaluation_seeds(config) | {f"weights of {LARGE}, and its pictures": config.seed},
        device=config.device,
        data_hash=judged.data_hash,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)
    print_rows("quantization", RECORDS, "Measure it with save_record=true to see it here.")
    if not config.device.startswith("cuda"):
        told = f"Peak memory on a GPU: not measured here, the device is {config.device}."
        Console(highlight=False).print(told)


def as_kind(config: RunConfig, kind: str) -> RunConfig:
    """The run with the shipped model, in one of KINDS."""
    dtype, weights = KINDS[kind]
    return replace(
        config, model=EMBEDDED, dtype=dtype, speed=replace(config.speed, weights=weights)
    )


def quality(models: Mapping, config: RunConfig) -> tuple[list[Measurement], Evaluated]:
    """The shipped model: every number of its pictures, and what differs from full weights."""
    found, first, is_right = [], None, {}
    for kind, model in models.items():
        judged = evaluate_model(model, as_kind(config, kind))
        first = first or judged
        found += [
            replace(each, subject=kind, note="; ".join(filter(None, (each.note, EMBEDDED))))
            for each in judged.measurements
            if each.subject == GENERATED
        ]
        is_right[kind] = np.array(
            [
                judged.oracle.judge(example.scene, np.asarray(picture)).whole_scene
                for of_kind, examples in judged.prompts.items()
                for example, picture in zip(examples, judged.pictures[of_kind], strict=True)
            ]
        )
    for kind in list(models)[1:]:
        rng = np.random.default_rng(config.evaluation.prompt_seed)
        found.append(_change(kind, is_right[kind], is_right["full"], rng))
    prompts = [each.caption for of_kind in first.prompts.values() for each in of_kind[:8]]
    return [*found, *nearness(models, prompts, config, EMBEDDED)], first


def _change(
    kind: str, values: np.ndarray, baseline: np.ndarray, rng: np.random.Generator
) -> Measurement:
    """How many more scenes are right than with full weights, of the same prompts and seeds."""
    change = paired_difference(values, baseline, rng)
    return Measurement(
        "whole scene right, less full weights'",
        change.mean,
        change.num_pairs,
        change.low,
        change.high,
        subject=kind,
        is_share=True,
        note=f"{EMBEDDED}, the same prompts and seeds, all kinds of prompts; "
        f"{change.num_gained} gained, {change.num_lost} lost",
    )


def large_models(config: RunConfig) -> dict:
    """aMUSEd-256 on random weights, in every one of KINDS."""
    from src.amused import Amused

    full = Amused.from_config(LARGE, seed=config.seed).to(config.device)
    models = {"full": full}
    for kind, (dtype, weights) in list(KINDS.items())[1:]:
        model = deepcopy(models.get("bfloat16", full))
        for part in (model.transformer, model.image_tokenizer, model.text_encoder):
            part.to(getattr(torch, dtype))
        models[kind] = model if weights == "full" else model.quantize(weights)
    return models


def size_and_time(
    models: Mapping, config: RunConfig, num_rounds: int = NUM_ROUNDS
) -> list[Measurement]:
    """Bytes of weights, seconds a picture, memory where there is a GPU, and nearness of logits."""
    found = []
    for kind, model in models.items():
        unused = weight_bytes(model.image_tokenizer.encoder)
        parts = {"transformer": model.transformer, "text encoder": model.text_encoder}
        sizes = {name: weight_bytes(part) for name, part in parts.items()}
        sizes["image decoder"] = weight_bytes(model.image_tokenizer) - unused
        note = ", ".join(f"{name} {size / MB:.1f}" for name, size in sizes.items())
        found.append(_megabytes("weights without the image encoder", sizes, kind, note))
    seeds = [config.seed]
    works = {
        kind: lambda model=model: model.generate(
            LARGE_PROMPTS[:1], seeds=seeds, num_steps=STEPS_OF_LARGE, record=False
        )
        for kind, model in models.items()
    }
    note = f"{LARGE}, random weights, {STEPS_OF_LARGE} steps, guided, decoding included"
    seconds = in_turns(works, num_rounds)
    for kind, taken in seconds.items():
        found.append(median("seconds a picture", taken, kind, note))
        if kind != "full":
            found.append(ratio("seconds / full's", taken, seconds["full"], kind, note))
    if config.device.startswith("cuda"):
        found += [_peak(kind, models[kind], work) for kind, work in works.items()]
    return [*found, *nearness(models, LARGE_PROMPTS, config, LARGE)]


def _megabytes(name: str, sizes: Mapping[str, int], kind: str, note: str) -> Measurement:
    return Measurement(
        f"{name}, MB",
        sum(sizes.values()) / MB,
        1,
        subject=kind,
        is_higher_better=False,
        note=f"{LARGE}; {note}",
    )


def _peak(kind: str, model, work) -> Measurement:
    """What a GPU holds at most while one picture is drawn, had it this model alone."""
    peak = {"all": peak_bytes(model, work)}
    return _megabytes("peak memory of a picture", peak, kind, "without other models")


def nearness(
    models: Mapping, prompts: Sequence[str], config: RunConfig, about: str
) -> list[Measurement]:
    """How far every kind's logits lie from full weights', and how often they like the same code."""
    logits = {kind: some_logits(model, prompts, config.seed) for kind, model in models.items()}
    full, found = logits.pop("full"), []
    note = f"{len(prompts)} grids of random tokens, half of them hidden; / the size of full's"
    for kind, ours in logits.items():
        far = float((ours - full).norm() / full.norm())
        agrees = int((ours.argmax(dim=-1) == full.argmax(dim=-1)).sum())
        low, high = wilson_interval(agrees, len(full))
        common = {"num_samples": len(full), "subject": kind, "is_share": True, "note": note}
        found += [
            Measurement(f"distance of logits, {about}", far, is_higher_better=False, **common),
            Measurement(
                f"same likeliest token, {about}", agrees / len(full), low=low, high=high, **common
            ),
        ]
    return found


@torch.no_grad()
def some_logits(model, prompts: Sequence[str], seed: int) -> Float[Tensor, "hidden codes"]:
    """Logits at the hidden tokens of random grids, less their mean, which says nothing."""
    generator, side = torch.Generator().manual_seed(seed), model.transformer.config.sample_size
    shape = (len(prompts), side, side)
    token_ids = torch.randint(model.transformer.config.codebook_size, shape, generator=generator)
    is_masked = torch.rand(shape, generator=generator) < SHARE_HIDDEN
    token_ids = token_ids.masked_fill(is_masked, model.transformer.mask_token_id).to(model.device)
    told = torch.tensor([[model.height, model.width, 0.0, 0.0, 6.0]] * len(prompts))
    text = model.encode_prompts(prompts)
    logits = model.transformer(token_ids, *text, told.to(model.device))
    hidden = logits[is_masked.flatten(1).to(model.device)].float()
    return (hidden - hidden.mean(dim=-1, keepdim=True)).cpu()
