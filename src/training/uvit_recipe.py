"""A U-ViT's training on drawn scenes or pictures, and the model or adapter that it leaves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch.callbacks import Callback
from torch import Generator, nn

from src.adapters.config import LoraConfig
from src.adapters.file import save_lora
from src.adapters.lora import add_lora
from src.amused import Amused
from src.checkpoint.fingerprint import SHORT_LENGTH, weights_hash
from src.data.bad_rows import BadRows
from src.data.config import DataConfig, WorldConfig
from src.data.micro_cond import MicroCond
from src.data.scenes import World
from src.errors import UserError
from src.masking.config import MaskingConfig
from src.training.bad_rows import NoteBadRows, name_of_list
from src.training.checkpoint import averaged_weights, trained_state
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.health import HealthMonitor
from src.training.health_callback import Health
from src.training.micro_cond_rows import describe
from src.training.own_rows import open_own_rows
from src.training.ranks import dealt_by, this_rank
from src.training.rows import Rows, Samples, TokenRows
from src.training.run_identity import claim_run, run_identity
from src.training.samples import (
    GUIDANCE_SCALE,
    NUM_SAMPLES,
    SamplePictures,
    Shown,
    scenes_shown,
)
from src.training.token_cache import encode_scenes
from src.training.uvit_batches import UvitBatches
from src.training.uvit_module import UvitModule
from src.training.vqgan_module import to_unit_pixels
from src.transformer.uvit import UViT

FINISHED, ADAPTER = "model", "lora"
NUM_MEASURED = 256  # rows; of those trained on, as people's data have no test side of ours


class Run(NamedTuple):
    """How a U-ViT is trained, and where."""

    config: TrainingConfig
    masking: MaskingConfig
    lora: LoraConfig
    seed: int
    folder: Path  # of checkpoints, logs and the finished model
    device: str = "auto"


class TrainedOnPictures(NamedTuple):
    """What a finished training leaves, and what it can be measured on."""

    amused: Amused
    samples: Samples  # the first of its own rows, as token ids
    data_hash: str


def train_on_scenes(
    amused: Amused,
    world: World,
    run: Run,
) -> Amused | None:
    """Train for one piece on drawn scenes, encoded once; see `_train`.

    Raises UserError for scenes of another size.
    """
    if amused.height != world.picture_size:
        raise UserError(
            f"The model draws {amused.height} pixels and the scenes of data= have "
            f"{world.picture_size}: give a model and a world of one size."
        )
    claim_run(run.folder, _identity(amused, world.config, run))
    vqgan, text_encoder = amused.image_tokenizer, amused.text_encoder
    scenes = encode_scenes(
        world, vqgan, text_encoder, run.config.num_cached, run.seed, run.folder / "encoded_scenes"
    )
    return _train(amused, TokenRows(scenes, run.seed), scenes_shown(world), run)


def train_on_pictures(
    amused: Amused,
    data: DataConfig,
    run: Run,
) -> TrainedOnPictures | None:
    """Train for one piece on `data.path`, or on the token ids in `data.tokens`; see `_train`.

    Raises UserError for data that cannot be opened, or are of another size or image tokenizer.
    """
    own = open_own_rows(amused, data, run.seed)
    _check_enough(len(own.rows), data.max_repeats, run.config)
    claim_run(run.folder, _identity(amused, data, run) | {"data, content": own.content})
    shown = Shown(own.captions[:NUM_SAMPLES], GUIDANCE_SCALE)
    bad = BadRows(run.folder / name_of_list(this_rank()), data.max_bad_ratio)
    trained = _train(amused, own.rows, shown, run, [NoteBadRows(bad)])
    return trained and TrainedOnPictures(trained, _first_samples(own.rows, trained), own.content)


def train_on_rows(
    amused: Amused,
    rows: Rows,
    shown: Shown,
    data: WorldConfig,
    run: Run,
    told: Mapping[str, Any],
) -> Amused | None:
    """Train for one piece on rows that were made for the purpose; see `_train`.

    told: what the run's identity says of the rows besides their world.
    """
    _check_enough(len(rows), 1, run.config)
    claim_run(run.folder, _identity(amused, data, run) | dict(told))
    return _train(amused, rows, shown, run)


def _train(
    amused: Amused,
    rows: Rows,
    shown: Shown,
    run: Run,
    callbacks: Sequence[Callback] = (),
) -> Amused | None:
    """Train the system's U-ViT, its other parts frozen; all of it when done.

    `run.folder`/model then holds it in the published layout; `run.folder`/lora, if an adapter was
    trained, that alone.
    """
    config, folder = run.config, run.folder
    uvit, vqgan, text_encoder = amused.transformer, amused.image_tokenizer, amused.text_encoder
    if config.method == "lora":
        add_lora(amused, run.lora, Generator().manual_seed(run.seed))
    dealt = dealt_by(config)
    module = UvitModule(uvit.train(), text_encoder, config, dealt, vqgan)
    schedule, guidance = run.masking.schedule, amused.guidance_scale
    system = Amused(module.averaged, vqgan, text_encoder, schedule, guidance)
    samples = SamplePictures(shown, system, config.sample_every, folder)
    usual = MicroCond.default(amused.width, amused.height)
    rows = describe(rows, config.micro_cond, usual, run.seed)
    batches = UvitBatches(rows, uvit.config, run.masking, config, run.seed, dealt)
    told = [Health(_monitor(uvit, run)), samples, *callbacks]
    steps = fit(module, batches, config, folder, told, run.device)
    if steps < config.max_steps or this_rank() > 0:
        return None
    if config.method == "lora":
        return _finished_adapter(amused, module, folder)
    learned = UViT(uvit.config)  # anew: of shared weights, this process holds a part
    learned.load_state_dict(averaged_weights(folder, "uvit"))
    dtype = getattr(torch, config.saved_dtype)
    for part in (learned, vqgan, text_encoder):
        part.to("cpu", dtype).eval()  # what is measured is what is kept
    Amused(learned, vqgan, text_encoder, schedule, guidance).save_pretrained(folder / FINISHED)
    return Amused.from_pretrained(folder / FINISHED)


def _monitor(uvit: UViT, run: Run) -> HealthMonitor:
    """What this training says of itself: a habit asked for by name is no illness."""
    config = run.config
    drop_prob = 1 - config.drop_prob if config.is_dropout_inverted else config.drop_prob
    return HealthMonitor(
        uvit.config.codebook_size,
        uvit.mask_token_id,
        drop_prob,
        config.health,
        run.masking.random_prob,
        scores_visible=config.visible_weight > 0,
    )


def _finished_adapter(amused: Amused, module: UvitModule, folder: Path) -> Amused:
    """Leave the trained adapter as `folder`/lora; the adapted system, on the processor."""
    module.load_state_dict(trained_state(folder), strict=False)
    for part in (amused.transformer, amused.image_tokenizer, amused.text_encoder):
        part.to("cpu").eval()
    save_lora(amused, folder / ADAPTER)
    return amused


def _identity(amused: Amused, data: DataConfig | WorldConfig, run: Run) -> dict:
    """What the run is begun with; a U-ViT that is trained further is part of it."""
    built_on = {
        "image_tokenizer": _short_hash(amused.image_tokenizer),
        "text_encoder": _short_hash(amused.text_encoder.clip),
    }
    if run.config.begin == "model":
        built_on["transformer"] = _short_hash(amused.transformer)
    lora = run.lora if run.config.method == "lora" else None
    return run_identity(data, run.config, run.seed, run.masking, built_on, lora)


def _short_hash(part: nn.Module) -> str:
    return weights_hash(part.state_dict())[:SHORT_LENGTH]


@torch.no_grad()
def _first_samples(rows: Rows, amused: Amused) -> Samples:
    samples = rows.samples(range(min(len(rows), NUM_MEASURED)))
    if samples.tokens.ndim == 3:
        return samples
    encode = amused.image_tokenizer.encode
    token_ids = [encode(to_unit_pixels(each[None])) for each in samples.tokens]
    return samples._replace(tokens=torch.cat(token_ids))


def _check_enough(num_rows: int, max_repeats: int, config: TrainingConfig) -> None:
    size = dealt_by(config).global_batch
    if size > num_rows * max_repeats:
        raise UserError(
            f"A step takes {size} samples (training.batch_size={config.batch_size} x accumulation="
            f"{config.accumulation} x devices) and the data have {num_rows} rows: give less, or "
            f"let a step show each row more than once, data.max_repeats={-(-size // num_rows)}."
        )
