"""The embedded models, one function a model: build, train a piece, and hand over what is done."""

from pathlib import Path

import torch
from torch import Generator

from src.amused import Amused
from src.checkpoint.fingerprint import weights_hash
from src.conditioning.glyph_tokenizer import build_tokenizer
from src.data.captions import vocabulary
from src.data.scenes import World
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.vqgan import VQGAN
from src.masking.config import MaskingConfig
from src.published.settings import read_preset
from src.training.checkpoint import averaged_weights, trained_state
from src.training.clip_module import ClipBatches, ClipModule, build_clip, picture_processor
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.parts import (
    check_parts,
    open_image_tokenizer,
    open_text_encoder,
    save_clip,
    save_image_tokenizer,
)
from src.training.run_identity import claim_run, run_identity
from src.training.samples import SamplePictures, SampleReconstructions
from src.training.token_cache import encode_scenes
from src.training.uvit_module import UvitBatches, UvitModule
from src.training.vqgan_module import VqganBatches, VqganModule, retire_near_copies
from src.transformer import config as transformer_config
from src.transformer.uvit import UViT

CLIP_PRESETS = Path(__file__).parents[1] / "conditioning" / "presets"


def train_vqgan(
    world: World, config: TrainingConfig, seed: int, folder: Path, device: str = "auto"
) -> VQGAN | None:
    """Train the image tokenizer for one piece; the averaged one when all steps are done."""
    settings = image_tokenizer_config.preset(config.preset)
    module = VqganModule(VQGAN(settings, generator=Generator().manual_seed(seed)), config, seed)
    samples = SampleReconstructions(world, config.sample_every, folder)
    claim_run(folder, run_identity(world.config, config, seed))
    steps = fit(module, VqganBatches(world, config, seed), config, folder, [samples], device)
    if steps < config.max_steps:
        return None
    vqgan = _load(module.vqgan, folder)
    uses = trained_state(folder)["cluster_sizes"]
    retire_near_copies(vqgan.quantizer.codebook, uses, config.merge_within)
    save_image_tokenizer(vqgan, folder)
    return vqgan


def train_clip(
    world: World, config: TrainingConfig, seed: int, folder: Path, device: str = "auto"
) -> Path | None:
    """Train the CLIP pair; the folder of the averaged one, as transformers saves it, when done."""
    tokenizer = build_tokenizer(vocabulary(world))
    preset = read_preset(CLIP_PRESETS, config.preset, "clip preset")
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # transformers initialises from torch's global generator
        module = ClipModule(build_clip(preset, tokenizer), config)
    batches = ClipBatches(world, tokenizer, config, seed)
    claim_run(folder, run_identity(world.config, config, seed))
    steps = fit(module, batches, config, folder, device=device)
    if steps < config.max_steps:
        return None
    model = _load(module.clip, folder).half()  # half the megabytes
    processor = picture_processor(preset["vision_config"]["image_size"])
    return save_clip((model, tokenizer, processor), folder)


def train_uvit(
    world: World,
    config: TrainingConfig,
    seed: int,
    folder: Path,
    device: str = "auto",
    *,
    masking: MaskingConfig,
) -> Amused | None:
    """Train the U-ViT on cached tokens; all of aMUSEd when done, which `folder`/model holds too."""
    vqgan, text_encoder = open_image_tokenizer(config), open_text_encoder(config)
    settings = transformer_config.preset(config.preset)
    check_parts(world, settings, vqgan, text_encoder, config)
    built_on = {
        "image_tokenizer": weights_hash(vqgan.state_dict())[:12],
        "text_encoder": weights_hash(text_encoder.clip.state_dict())[:12],
    }
    claim_run(folder, run_identity(world.config, config, seed, masking, built_on))
    scenes = encode_scenes(
        world, vqgan, text_encoder, config.num_cached, seed, folder / "encoded_scenes"
    )
    uvit = UViT(settings, generator=Generator().manual_seed(seed))
    module = UvitModule(uvit, text_encoder, masking, config, seed)
    average = Amused(module.average.module, vqgan, text_encoder, masking.schedule)
    samples = SamplePictures(world, average, config.sample_every, folder)
    batches = UvitBatches(scenes, config.batch_size, seed)
    steps = fit(module, batches, config, folder, [samples], device)
    if steps < config.max_steps:
        return None
    parts = (_load(module.average.module, folder), vqgan, text_encoder)
    for part in parts:
        part.to(torch.float16)  # half the megabytes; what is measured is what is shipped
    Amused(*parts, masking.schedule).save_pretrained(folder / "model")
    return Amused.from_pretrained(folder / "model")


def _load(model, folder: Path):
    """The model with the averaged weights of the run's newest checkpoint."""
    model.load_state_dict(averaged_weights(folder))
    return model.eval()
