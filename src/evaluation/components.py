"""How good each trained part is by itself: the image tokenizer, the CLIP pair, the U-ViT.

Dimensions: batch, rows and columns of the token grid, codes.
"""

import numpy as np
import torch
from PIL import Image

from src.amused import Amused
from src.conditioning.micro import micro_cond_rows
from src.data.examples import Example, example
from src.data.oracle import Oracle
from src.data.scenes import World
from src.evaluation.features import ClipEncoder
from src.evaluation.intervals import bootstrap_interval, wilson_interval
from src.evaluation.measurement import Measurement
from src.evaluation.prompt_accuracy import judge_all, prompt_accuracy, read_pictures
from src.evaluation.psnr import psnr
from src.evaluation.token_prediction import token_prediction
from src.image_tokenizer.vqgan import VQGAN

FIRST_SCENE = 40_000  # of the test side; other measurements draw their scenes elsewhere
AT_ONCE = 64
CHOICES = 128  # captions that a picture has to find its own among


def round_trip(vqgan: VQGAN, world: World, num_scenes: int) -> list[Measurement]:
    """What is left of test scenes after encoding and decoding: by the oracle, in PSNR, in codes."""
    examples = _test_scenes(world, num_scenes)
    pictures = np.stack([each.picture for each in examples])
    pixels = torch.from_numpy(pictures).movedim(-1, 1).float() / 255
    with torch.no_grad():
        token_ids = torch.cat([vqgan.encode(part) for part in pixels.split(AT_ONCE)])
        back = torch.cat([vqgan.decode(part) for part in token_ids.split(AT_ONCE)])
    decibels = psnr(pixels, back).double().numpy()
    low, high = bootstrap_interval(decibels, np.random.default_rng(0))
    oracle, scenes = Oracle(world), [each.scene for each in examples]
    subjects = {
        "after the round trip": (back * 255).round().byte().movedim(1, -1).numpy(),
        "real scenes": pictures,
    }
    right = [
        prompt_accuracy(
            judge_all(scenes, read_pictures(shown, oracle), oracle), "test scenes", subject=subject
        )
        for subject, shown in subjects.items()
    ]
    share = len(token_ids.unique()) / vqgan.codebook_size
    trip = "after the round trip"
    return [
        *right,
        Measurement("PSNR, dB", float(decibels.mean()), num_scenes, low, high, subject=trip),
        Measurement("codes used", share, num_scenes, subject=trip, is_share=True),
    ]


def retrieval(clip: ClipEncoder, world: World, num_scenes: int) -> list[Measurement]:
    """How often a test scene's own caption is the nearest of `CHOICES` captions."""
    examples = _test_scenes(world, num_scenes)
    pictures = clip.picture_features(np.stack([each.picture for each in examples]))
    captions = clip.caption_features([each.caption for each in examples])
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    captions /= np.linalg.norm(captions, axis=1, keepdims=True)
    num_right = 0
    for start in range(0, num_scenes - CHOICES + 1, CHOICES):
        rows = slice(start, start + CHOICES)
        nearest = (pictures[rows] @ captions[rows].T).argmax(axis=1)
        num_right += int((nearest == np.arange(CHOICES)).sum())
    num_asked = num_scenes // CHOICES * CHOICES
    low, high = wilson_interval(num_right, num_asked)
    name = f"own caption found among {CHOICES}"
    share = num_right / num_asked
    return [Measurement(name, share, num_asked, low, high, subject="test scenes", is_share=True)]


def scenes_token_prediction(amused: Amused, world: World, num_scenes: int) -> list[Measurement]:
    """`token_prediction` on test scenes."""
    examples = _test_scenes(world, num_scenes)
    return token_prediction(
        amused,
        amused.encode_images([Image.fromarray(each.picture) for each in examples]),
        amused.text_encoder.prompt_ids([each.caption for each in examples]),
        micro_cond_rows([each.micro_cond for each in examples], num_scenes),
        "test scenes",
    )


def _test_scenes(world: World, num_scenes: int) -> list[Example]:
    return [example(world, 0, FIRST_SCENE + index, "test") for index in range(num_scenes)]
