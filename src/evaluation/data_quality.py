"""What is wrong with a data set, in numbers: bad rows, doubles, captions, lost detail."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from transformers import PreTrainedTokenizerBase

from src.data.captioned import CaptionedPicture
from src.data.duplicates import Pair
from src.evaluation.intervals import bootstrap_interval, wilson_interval
from src.evaluation.measurement import Measurement
from src.evaluation.psnr import psnr
from src.image_tokenizer.pictures import to_pixels
from src.transformer.cost import Cost

SUBJECT = "rows looked at"


def row_shares(
    pictures: Sequence[CaptionedPicture],
    num_bad: int,
    doubles: Sequence[Pair],
    caption_lengths: Sequence[int],
    *,
    picture_size: int,
    window: int,
) -> list[Measurement]:
    """Shares of rows that are bad, doubled, enlarged, or whose caption is repeated or cut.

    Args:
        doubles: pairs of places in `pictures`. caption_lengths: ids, of each picture.
        window: ids the text encoder reads.
    """
    num_good = len(pictures)
    captions = [each.caption for each in pictures]
    sides = [min(each.micro_cond[:2]) for each in pictures]
    counts = {
        "bad rows": (num_bad, num_good + num_bad),
        "pictures with a near double": (len({i for pair in doubles for i in pair[:2]}), num_good),
        "captions that stand more than once": (
            sum(captions.count(caption) > 1 for caption in captions),
            num_good,
        ),
        "captions cut at the window": (sum(n > window for n in caption_lengths), num_good),
        "pictures enlarged": (sum(side < picture_size for side in sides), num_good),
    }
    return [
        _share(name, count, of, window if "window" in name else None)
        for name, (count, of) in counts.items()
        if of
    ]


def caption_lengths(
    pictures: Sequence[CaptionedPicture], tokenizer: PreTrainedTokenizerBase
) -> list[int]:
    """Ids of every caption, begin- and end-of-text included, before anything is cut."""
    encoded = tokenizer([each.caption for each in pictures], truncation=False, verbose=False)
    return [len(ids) for ids in encoded.input_ids]


def kept_by_tokens(pictures: Sequence[np.ndarray], back: Sequence[np.ndarray]) -> Measurement:
    """The mean PSNR of pictures (uint8) that went through the image tokenizer and back."""
    before, after = (
        to_pixels([Image.fromarray(each) for each in side]) for side in (pictures, back)
    )
    values = psnr(before, after).double().numpy()
    low, high = bootstrap_interval(values, np.random.default_rng(0))
    name = "PSNR, dB, after the round trip"
    return Measurement(name, float(values.mean()), len(values), low, high, subject=SUBJECT)


def step_needs(
    cost: Cost, batch_size: int, optimizer: str, num_rows: int, rate: float, preset: str
) -> list[Measurement]:
    """Memory and time of training a U-ViT on `num_rows` cached rows, before it is tried.

    rate: floating point operations a second that this machine reaches on matrices.
    """
    subject = f"{preset}, batch of {batch_size}"
    seconds = cost.seconds(batch_size, rate)
    memory = Measurement(
        "memory of a training step, GB",
        cost.memory(batch_size, optimizer) / 1e9,
        batch_size,
        subject=subject,
        is_higher_better=False,
        note="weights, gradients, optimizer and average in float32, and all that the backward pass "
        "needs; half precision and gradient checkpointing need less",
    )
    step = Measurement(
        "seconds a training step, at least",
        seconds,
        batch_size,
        subject=subject,
        is_higher_better=False,
        note=f"if it never waited: {rate / 1e9:,.0f} GFLOP/s on matrices, measured here; a real "
        "step takes two or three times as long",
    )
    epoch = Measurement(
        "minutes an epoch, at least",
        seconds * num_rows / batch_size / 60,
        num_rows,
        subject=subject,
        is_higher_better=False,
    )
    return [memory, step, epoch]


def _share(name: str, count: int, of: int, window: int | None) -> Measurement:
    low, high = wilson_interval(count, of)
    note = f"the text encoder reads {window} ids" if window else ""
    return Measurement(
        name,
        count / of,
        of,
        low,
        high,
        subject=SUBJECT,
        is_higher_better=False,
        is_share=True,
        note=note,
    )
