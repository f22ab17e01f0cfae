"""The embedded models, one function a model: build, train a piece, and hand over what is done."""

from pathlib import Path

import torch
from torch import Generator
from transformers import AutoTokenizer, CLIPTextModelWithProjection

from src.amused import Amused
from src.conditioning.glyph_tokenizer import WORD_START, build_tokenizer
from src.conditioning.text import TextEncoder
from src.data.captions import vocabulary
from src.data.scenes import World
from src.errors import UserError
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.vqgan import VQGAN
from src.masking.config import MaskingConfig
from src.published.settings import read_preset
from src.training.checkpoint import averaged_weights
from src.training.clip_module import ClipBatches, ClipModule, build_clip, picture_processor
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.samples import SamplePictures, SampleReconstructions
from src.training.token_cache import encode_scenes
from src.training.uvit_module import UvitBatches, UvitModule
from src.training.vqgan_module import VqganBatches, VqganModule
from src.transformer import config as transformer_config
from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT

CLIP_PRESETS = Path(__file__).parents[1] / "conditioning" / "presets"


def train_vqgan(
    world: World, config: TrainingConfig, seed: int, folder: Path, device: str = "auto"
) -> VQGAN | None:
    """Train the image tokenizer for one piece; the averaged one when all steps are done."""
    settings = image_tokenizer_config.preset(config.preset)
    module = VqganModule(VQGAN(settings, generator=Generator().manual_seed(seed)), config, seed)
    samples = SampleReconstructions(world, config.sample_every, folder)
    steps = fit(module, VqganBatches(world, config, seed), config, folder, [samples], device)
    if steps < config.max_steps:
        return None
    return _load(module.vqgan, folder)


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
    steps = fit(module, batches, config, folder, device=device)
    if steps < config.max_steps:
        return None
    model = _load(module.clip, folder).half()  # half the megabytes
    processor = picture_processor(preset["vision_config"]["image_size"])
    for part in (model, tokenizer, processor):
        part.save_pretrained(folder / "model")
    return folder / "model"


def train_uvit(
    world: World,
    masking: MaskingConfig,
    config: TrainingConfig,
    seed: int,
    folder: Path,
    device: str = "auto",
) -> Amused | None:
    """Train the U-ViT on cached tokens; all of aMUSEd when done, which `folder`/model holds too."""
    vqgan, text_encoder = _open_tokenizer(config), _open_text_encoder(config)
    settings = transformer_config.preset(config.preset)
    check_parts(world, settings, vqgan, text_encoder, config)
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


def check_parts(
    world: World,
    settings: TransformerConfig,
    vqgan: VQGAN,
    text_encoder: TextEncoder,
    config: TrainingConfig,
) -> None:
    """Raise UserError unless the opened parts are of this world and of the U-ViT's sizes."""
    tokenizer = f"training.image_tokenizer={config.image_tokenizer or 'the shipped one'}"
    tower = f"training.text_encoder={config.text_encoder or 'the shipped one'}"
    clip, preset = text_encoder.clip.config, f"training.preset={config.preset}"
    for part, what, has, asker, needs in (
        (tokenizer, "picture pixels", vqgan.config.sample_size, "the world", world.picture_size),
        (tokenizer, "codes", vqgan.codebook_size, preset, settings.codebook_size),
        (tower, "numbers a word", clip.hidden_size, preset, settings.encoder_hidden_size),
        (tower, "numbers a prompt", clip.projection_dim, preset, settings.cond_embed_dim),
    ):
        if has != needs:
            raise UserError(f"{part} has {has} {what}, and {asker} {needs}: give parts of one set.")
    known = {word.removeprefix(WORD_START) for word in text_encoder.tokenizer.get_vocab()}
    if strange := [word for word in vocabulary(world) if word not in known]:
        raise UserError(
            f"{tower} does not know this world's words {', '.join(strange)}: give the run of a "
            "CLIP pair that was trained on the same data."
        )


def _load(model, folder: Path):
    """The model with the averaged weights of the run's newest checkpoint."""
    model.load_state_dict(averaged_weights(folder))
    return model.eval()


def _open_tokenizer(config: TrainingConfig) -> VQGAN:
    if config.image_tokenizer is None:
        return Amused.embedded().image_tokenizer
    vqgan = VQGAN(image_tokenizer_config.preset(config.preset))
    weights = averaged_weights(Path(config.image_tokenizer))
    try:
        vqgan.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(
            f"training.image_tokenizer={config.image_tokenizer} holds another model than the image "
            f"tokenizer of training.preset={config.preset}: give the run of that preset."
        ) from error
    return vqgan.eval()


def _open_text_encoder(config: TrainingConfig) -> TextEncoder:
    if config.text_encoder is None:
        return Amused.embedded().text_encoder
    folder = Path(config.text_encoder) / "model"
    if not (folder / "config.json").is_file():
        raise UserError(
            f"training.text_encoder={config.text_encoder} holds no model/config.json: train the "
            "CLIP pair to its last step first."
        )
    tower = CLIPTextModelWithProjection.from_pretrained(folder, dtype=torch.float32)
    return TextEncoder(tower.eval(), AutoTokenizer.from_pretrained(folder))
