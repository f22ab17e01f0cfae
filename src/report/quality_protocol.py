"""How a quality number was made otherwise than the authors made the ones that they published.

Names prove nothing: the published Inception network is known by its weights, and who claims to be
CLIP-L/14 had to have its shape when the pictures were measured (`check_claimed`).
"""

from dataclasses import asdict

from src.conditioning.config import MicroCondConfig
from src.errors import UserError
from src.evaluation.config import PUBLISHED_CLIP
from src.evaluation.features import ClipEncoder
from src.evaluation.inception import PUBLISHED
from src.evaluation.measurement import Measurement
from src.report.record import Record, dotted
from src.report.reported import Reported
from src.sampler.config import SamplerConfig

CLIP_LARGE = (PUBLISHED_CLIP, "clip-vit-large-patch14")
CLIP_LARGE_SHAPE = 768, 224, 14  # features, and pixels of a picture and of a patch
HUB_IDS = {"amused_256": "amused/amused-256", "amused_512": "amused/amused-512"}
INFERRED = "how theirs were made is inferred"  # from a script of theirs of that time
BY_ITSELF = ("sampler.num_steps", "sampler.guidance_scale")  # compared by the figure's conditions


def differences(figure: Reported, ours: Measurement, record: Record) -> list[str]:
    """All in words that makes the two numbers different things; empty: nothing does."""
    conditions = figure.conditions
    differs = _other_eyes(conditions["extractor"], ours, record)
    model = record.settings.get("model")
    if model not in (conditions["model"], HUB_IDS[conditions["model"]]):
        differs.append(f"model {model} instead of {HUB_IDS[conditions['model']]}")
    if record.settings.get("adapter") is not None:
        differs.append(f"with the adapter {record.settings['adapter']}")
    counts = ("pictures", ours.num_samples), ("reference", ours.num_reference)
    for key, count in counts:
        if key in conditions and count is not None and count != conditions[key]:
            what = "real pictures" if key == "reference" else key
            differs.append(f"{count:,} {what} instead of {conditions[key]:,}")
    steps = record.settings.get("sampler.num_steps")
    if steps != conditions["steps"]:
        differs.append(f"{steps} steps instead of {conditions['steps']}")
    return differs + _other_drawing(record)


def remarks(figure: Reported, ours: Measurement, record: Record) -> list[str]:
    """What a reader of a verdict must know besides: precision, prompts, how theirs are known."""
    conditions, told = figure.conditions, []
    dtype = record.settings.get("dtype")
    if dtype != conditions["precision"]:
        told.append(f"{dtype} instead of {conditions['precision']}")
    if record.settings.get("protocol.prompts_file") is not None:
        told.append("prompts of the authors' later harness; the published run took first captions")
    elif record.settings.get("protocol.captions") != conditions["captions"]:
        told.append("captions drawn anew; the published run took first captions")
    if conditions["extractor"] != "inception":
        told.append("CLIP known by its name and shape")
    return [*told, INFERRED]


def check_claimed(clip: ClipEncoder) -> None:
    """Refuse a CLIP under the name of the authors' one that has not its shape; raises UserError."""
    seen = clip.model.config.vision_config
    shape = clip.dim, seen.image_size, seen.patch_size
    if clip.name in CLIP_LARGE and shape != CLIP_LARGE_SHAPE:
        raise UserError(
            f"evaluation.clip is named {clip.name} and is another network ({shape[0]} features of "
            f"{shape[1]} pixels in patches of {shape[2]}): give evaluation.clip_name=NAME, a name "
            "of its own."
        )


def _other_eyes(wanted: str, ours: Measurement, record: Record) -> list[str]:
    """Who looked instead of the authors' network, by weights where those are known."""
    name = ours.name.partition("[")[2].rpartition("]")[0] or "a network that is not named"
    if wanted != "inception":
        return [] if name in CLIP_LARGE else [f"in the eyes of {name} instead of {wanted}"]
    if name != wanted:
        return [f"in the eyes of {name} instead of {wanted}"]
    digest = ours.weights_hash or record.weights.get(name, "")
    if digest.startswith(PUBLISHED):
        return []
    return [f"weights {digest or 'unknown'} under the name {name} instead of {PUBLISHED}..."]


def _other_drawing(record: Record) -> list[str]:
    """Settings of the sampler, the conditions and guidance that are not aMUSEd's own."""
    own = {"sampler": asdict(SamplerConfig()), "micro_cond": asdict(MicroCondConfig())}
    usual = dotted(own | {"guidance_against": "prompt"})
    differs = []
    for key in usual.keys() - set(BY_ITSELF):
        value = record.settings.get(key, usual[key])
        is_own = key == "sampler.schedule" and value is None  # the checkpoint's, which is cosine
        if value != usual[key] and not is_own:
            differs.append(f"{key}={value} instead of {usual[key]}")
    return sorted(differs)
