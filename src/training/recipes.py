"""The parts of the embedded model: build one, train it a piece, and hand over what is done."""

from pathlib import Path

import torch
from torch import Generator

from src.conditioning.glyph_tokenizer import build_tokenizer
from src.data.captions import vocabulary
from src.data.scenes import World
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.vqgan import VQGAN
from src.published.settings import read_preset
from src.training.checkpoint import averaged_weights, trained_state
from src.training.clip_module import ClipBatches, ClipModule, build_clip, picture_processor
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.parts import save_clip, save_image_tokenizer
from src.training.run_identity import claim_run, run_identity
from src.training.samples import SampleReconstructions
from src.training.vqgan_module import VqganBatches, VqganModule, retire_near_copies

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


def _load(model, folder: Path):
    """The model with the averaged weights of the run's newest checkpoint."""
    model.load_state_dict(averaged_weights(folder))
    return model.eval()
