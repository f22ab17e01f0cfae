"""How many parameters every part has, counted on models that take no memory."""

import time
from pathlib import Path

from src.config import PUBLISHED_MODELS, RunConfig
from src.evaluation.measurement import Measurement
from src.tasks.outcome import Outcome, deliver

BYTES = {"float32": 4, "float16": 2}


def run(config: RunConfig, folder: Path) -> None:
    """Count for both sizes; table and record."""
    started = time.perf_counter()
    measured = [each for name in PUBLISHED_MODELS for each in sizes_of(name)]
    outcome = Outcome(measurements=measured, figures={}, weights={}, seeds={}, device="cpu")
    deliver(outcome, config, folder, time.perf_counter() - started)


def sizes_of(name: str) -> list[Measurement]:
    """Parameters of the parts of "amused_256" or "amused_512", and the MB (10^6) of their weights.

    The sum counts every part once. Nothing of it depends on what weights say.
    """
    counts = count_parameters(name)
    whole = {part: counts[part] for part in ("U-ViT", "VQGAN", "text encoder")}
    found = [_size(f"{part}, parameters", count, name) for part, count in counts.items()]
    found.append(_size("all, parameters", sum(whole.values()), name))
    for part, count in whole.items():
        for precision, num_bytes in BYTES.items():
            megabytes = count * num_bytes / 1e6
            note = f"{num_bytes} bytes a parameter; a file adds its header"
            found.append(_size(f"{part}, MB in {precision}", megabytes, name, note))
    return found


def count_parameters(name: str) -> dict[str, int]:
    """Of the U-ViT, the VQGAN and three of its pieces, and the text encoder with projection."""
    import torch

    from src.conditioning import clip
    from src.image_tokenizer import config as image_tokenizer_config
    from src.image_tokenizer.vqgan import VQGAN
    from src.transformer import config as transformer_config
    from src.transformer.uvit import UViT

    with torch.device("meta"):
        vqgan = VQGAN(image_tokenizer_config.preset("amused"))
        parts = {
            "U-ViT": UViT(transformer_config.preset(name)),
            "VQGAN": vqgan,
            "VQGAN encoder": vqgan.encoder,
            "VQGAN decoder": vqgan.decoder,
            "codebook": vqgan.quantizer,
            "text encoder": clip.build_clip(clip.clip_l14_settings(), "text_encoder"),
        }
    return {
        part: sum(weight.numel() for weight in module.parameters())
        for part, module in parts.items()
    }


def _size(name: str, value: int | float, model: str, note: str = "") -> Measurement:
    return Measurement(name, float(value), 1, subject=model, is_higher_better=False, note=note)
