"""The whole evaluation: which prompts, which real scenes, and every number beside its yardsticks.

A number is read against two others. Real scenes of the same prompts show how good it could be;
the same pictures under each other's captions show what it would be if prompts did nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from src.data.examples import Example, example
from src.data.oracle import Oracle
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.clip_place import locate_clip
from src.evaluation.clip_score import clip_score
from src.evaluation.config import EMBEDDED_CLIP, EvaluationConfig, features_name
from src.evaluation.features import ClipEncoder
from src.evaluation.frechet import frechet_distance, refuse_too_few
from src.evaluation.measurement import Measurement, seen_by
from src.evaluation.pixels import Pictures, stack_pixels
from src.evaluation.prompt_accuracy import judge_all, prompt_accuracy, read_pictures

ROOT = Path(__file__).resolve().parents[2]
TEST_KINDS = {"one object": 1, "two objects": 2}  # kind of prompt: number of objects
HELD_OUT_KINDS = {"held out, one object": 1, "held out, two objects": 2}
GENERATED, REAL, SHUFFLED = "generated pictures", "real scenes", "shuffled captions"


def open_clip(config: EvaluationConfig, device: str = "cpu") -> ClipEncoder:
    """The CLIP that the settings name; the embedded one is found from any working folder.

    Raises:
        UserError: a folder or hub id without it, or a damaged file.
    """
    embedded = config.clip == EMBEDDED_CLIP
    folder = ROOT / EMBEDDED_CLIP if embedded else locate_clip(config.clip)
    return ClipEncoder.open(folder, features_name(config), device, config.batch_size)


def check_counts(config: EvaluationConfig, clip: ClipEncoder) -> None:
    """Refuse, before anything is drawn, fewer test prompts or real scenes than CLIP has features.

    Raises:
        UserError: which setting is too small.
    """
    counts = {
        f"under evaluation.prompts_per_kind={config.prompts_per_kind}": (
            config.prompts_per_kind * len(TEST_KINDS)
        ),
        f"under evaluation.num_reference={config.num_reference}": config.num_reference,
    }
    for where, num_pictures in counts.items():
        refuse_too_few(num_pictures, clip.dim, clip.name, where)


def draw_prompts(world: World, config: EvaluationConfig) -> dict[str, list[Example]]:
    """The prompts of every kind, each with its scene and the picture it was told of."""
    prompts = {}
    for split, kinds in (("test", TEST_KINDS), ("held_out", HELD_OUT_KINDS)):
        if split == "held_out" and not world.held_out:
            continue
        for kind, num_objects in kinds.items():
            prompts[kind] = [
                example(world, config.prompt_seed, index, split, num_objects)
                for index in range(config.prompts_per_kind)
            ]
    return prompts


def draw_reference(
    world: World, config: EvaluationConfig
) -> UInt8[np.ndarray, "batch height width 3"]:
    """Real scenes for the Fréchet distance: from the test side, as many of one object as of two."""
    kinds = list(TEST_KINDS.values())
    return np.stack(
        [
            example(world, config.reference_seed, index, "test", kinds[index % len(kinds)]).picture
            for index in range(config.num_reference)
        ]
    )


def evaluate_pictures(
    pictures: Pictures,
    captions: Sequence[str],
    reference: Pictures,
    clip: ClipEncoder,
    rng: np.random.Generator,
    subject: str = GENERATED,
    confidence: float = 0.95,
) -> list[Measurement]:
    """Fréchet distance and CLIP score of any captioned pictures; `rng` draws the intervals.

    Raises:
        UserError: no more pictures on a side than CLIP has features.
    """
    pixels = stack_pixels(pictures)
    refuse_too_few(len(pixels), clip.dim, clip.name, f"of the {subject}")
    refuse_too_few(len(reference), clip.dim, clip.name, "to compare with")
    distance = frechet_distance(
        clip.picture_features(pixels),
        clip.picture_features(stack_pixels(reference)),
        clip.name,
        subject,
        rng.spawn(1)[0],  # its own, so that the score's resamples stay as they were
        confidence,
    )
    return [*seen_by(clip, distance), clip_score(pixels, captions, clip, rng, subject, confidence)]


def evaluate_prompts(
    pictures: Mapping[str, Pictures],
    prompts: Mapping[str, Sequence[Example]],
    reference: Pictures,
    clip: ClipEncoder,
    oracle: Oracle,
    config: EvaluationConfig,
) -> list[Measurement]:
    """Every number of generated `pictures` (one a prompt, by kind) beside its two yardsticks.

    Accuracy is given for each kind; distance and score over the kinds of the test split together,
    because held-out combinations are reported apart.

    Raises:
        UserError: not one picture a prompt.
    """
    pixels = _checked(pictures, prompts)
    measurements = []
    for kind, examples in prompts.items():
        measurements += _accuracies(kind, pixels[kind], examples, oracle, config.confidence)
    tested = [kind for kind in prompts if kind in TEST_KINDS]
    if not tested:
        return measurements
    generated = np.concatenate([pixels[kind] for kind in tested])
    real = np.stack([each.picture for kind in tested for each in prompts[kind]])
    captions = [each.caption for kind in tested for each in prompts[kind]]
    for subject, shown in ((GENERATED, generated), (REAL, real)):
        rng = np.random.default_rng(config.prompt_seed)  # the same resamples for every subject
        measurements += evaluate_pictures(
            shown, captions, reference, clip, rng, subject, config.confidence
        )
    others = [each.caption for kind in tested for each in _turned(prompts[kind])]
    rng = np.random.default_rng(config.prompt_seed)
    measurements.append(clip_score(generated, others, clip, rng, SHUFFLED, config.confidence))
    return measurements


def _accuracies(
    kind: str,
    pixels: np.ndarray,
    examples: Sequence[Example],
    oracle: Oracle,
    confidence: float,
) -> list[Measurement]:
    """Whole scenes right, for the generated pictures, the real ones, and shuffled captions."""
    scenes = [each.scene for each in examples]
    seen = read_pictures(pixels, oracle)
    real = read_pictures([each.picture for each in examples], oracle)
    cases = ((GENERATED, scenes, seen), (REAL, scenes, real), (SHUFFLED, _turned(scenes), seen))
    return [
        prompt_accuracy(
            judge_all(asked, readings, oracle), kind, subject=subject, confidence=confidence
        )
        for subject, asked, readings in cases
    ]


def _turned(items: Sequence) -> list:
    """Everyone gets their neighbour's. Prompts are drawn independently, so this shuffles them."""
    return [*items[1:], *items[:1]]


def _checked(
    pictures: Mapping[str, Pictures], prompts: Mapping[str, Sequence[Example]]
) -> dict[str, np.ndarray]:
    for kind, examples in prompts.items():
        num_pictures = len(pictures.get(kind, ()))
        if num_pictures != len(examples):
            raise UserError(
                f"There are {num_pictures} pictures for the {len(examples)} prompts of the kind "
                f"'{kind}': generate one a prompt."
            )
    return {kind: stack_pixels(pictures[kind]) for kind in prompts}
