"""What an image tokenizer leaves of pictures: PSNR, SSIM, a Fréchet distance, and its codes in use.

Pictures go in as 8-bit RGB, through token ids, and are compared as they would be saved: clipped and
rounded to 8 bits. PSNR and SSIM (Wang et al. 2004; a Gaussian window of 11 pixels) are
torchmetrics'. The Fréchet distance between pictures and their reconstructions is what papers call
rFID; that name belongs to Inception's features, so here it carries those that were used: FD[NAME].
Dimensions: batch, height, width, dim, codes.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from src.errors import UserError
from src.evaluation.frechet import frechet_distance
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.measurement import Measurement, seen_by
from src.evaluation.pixels import Pictures, stack_pixels
from src.image_tokenizer.pictures import decode_pixels, encode_pixels
from src.image_tokenizer.usage import code_counts, perplexity, share_used
from src.image_tokenizer.vqgan import VQGAN

SUBJECT = "after the round trip"
AT_ONCE = 64  # pictures; another number moves last digits
WINDOW = 11  # pixels, a side of SSIM's window
BEST_PSNR = 100.0  # dB for equal pictures, whose error is 0


@runtime_checkable
class PictureFeatures(Protocol):
    """Whoever looks at pictures for a Fréchet distance: `ClipEncoder`, or any other network."""

    name: str

    @property
    def resizer(self) -> str: ...

    @property
    def weights_hash(self) -> str: ...

    def picture_features(
        self, pixels: UInt8[np.ndarray, "batch height width 3"]
    ) -> Float[np.ndarray, "batch dim"]: ...


def tokenizer_quality(
    vqgan: VQGAN,
    pictures: Pictures,
    rng: np.random.Generator,
    features: PictureFeatures | None = None,
    confidence: float = 0.95,
    subject: str = SUBJECT,
) -> list[Measurement]:
    """Every number of a VQGAN on these pictures; `rng` draws the intervals.

    subject: what is measured, in a few words, where it matters whose pictures they are.
    features: whose Fréchet distance is measured; None leaves it out. Codes in use have no
    interval, for pictures drawn again would always show fewer of them.

    Raises:
        UserError: pictures of several sizes, too small for SSIM, or that fill no token grid.
    """
    pixels = stack_pixels(pictures)
    height, width = pixels.shape[1:3]
    if min(height, width) < WINDOW:
        raise UserError(
            f"SSIM compares windows of {WINDOW} pixels, and the pictures measure {width}x{height}: "
            "give larger ones."
        )
    scores: dict[str, list[Tensor]] = {"PSNR, dB": [], "SSIM": []}
    counts = torch.zeros(vqgan.codebook_size, dtype=torch.long)
    seen: list[tuple[np.ndarray, np.ndarray]] = []  # features of pictures, and of what comes back
    for part in _parts(pixels):
        back, chosen = _round_trip(vqgan, part)
        counts += chosen
        scores["PSNR, dB"].append(psnr_of_each(_unit(part), _unit(back)))
        scores["SSIM"].append(ssim_of_each(_unit(part), _unit(back)))
        if features is not None:
            seen.append((features.picture_features(part), features.picture_features(back)))
    measured = [
        _mean(name, torch.cat(values).double().numpy(), rng, confidence)
        for name, values in scores.items()
    ]
    if features is not None:
        before, after = (np.concatenate(side) for side in zip(*seen, strict=True))
        own = rng.spawn(1)[0]  # so that the other intervals stay as they were
        away = frechet_distance(after, before, features.name, subject, own, confidence, True)
        measured += seen_by(features, away)
    measured += _codes(counts, len(pixels))
    return [replace(each, subject=subject) for each in measured]


def psnr_of_each(
    pixels: Float[Tensor, "batch 3 height width"], back: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, " batch"]:
    """torchmetrics' PSNR of each picture, pixels from 0 to 1; at most `BEST_PSNR`."""
    from torchmetrics.functional.image import peak_signal_noise_ratio  # late: slow to load

    decibels = peak_signal_noise_ratio(
        back, pixels, data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return decibels.clamp(max=BEST_PSNR)


def ssim_of_each(
    pixels: Float[Tensor, "batch 3 height width"], back: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, " batch"]:
    """torchmetrics' SSIM of each picture, pixels from 0 to 1: at most 1, for equal pictures."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    return structural_similarity_index_measure(
        back, pixels, kernel_size=WINDOW, data_range=1.0, reduction="none"
    ).reshape(-1)


def _parts(pixels: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(pixels), AT_ONCE):
        yield pixels[start : start + AT_ONCE]


def _round_trip(vqgan: VQGAN, pixels: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """What comes back, as 8-bit pictures, and how often each code was chosen."""
    token_ids = encode_pixels(vqgan, _unit(pixels))
    back = (decode_pixels(vqgan, token_ids) * 255).round().byte()
    return back.movedim(1, -1).cpu().numpy(), code_counts(token_ids, vqgan.codebook_size).cpu()


def _unit(pixels: np.ndarray) -> Tensor:
    """8-bit pictures as the float `batch 3 height width` from 0 to 1."""
    return torch.from_numpy(pixels).movedim(-1, 1).float() / 255


def _mean(
    name: str, values: np.ndarray, rng: np.random.Generator, confidence: float
) -> Measurement:
    low, high = bootstrap_interval(values, rng, confidence)
    return Measurement(name, float(values.mean()), len(values), low, high)


def _codes(counts: Tensor, num_pictures: int) -> list[Measurement]:
    note = f"{int(counts.sum()):,} tokens, {len(counts):,} codes"
    used, effective = float(share_used(counts)), float(perplexity(counts))
    return [
        Measurement("codes used", used, num_pictures, is_share=True, note=note),
        Measurement("codebook perplexity", effective, num_pictures, note=note),
    ]
