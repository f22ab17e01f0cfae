"""The richer world: its models build at the sizes their pages state, train, and do not mix."""

from dataclasses import replace

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from src.assembly import build_parts
from src.compose import composed
from src.conditioning.glyph_tokenizer import build_tokenizer
from src.data.captions import vocabulary
from src.data.config import DataConfig
from src.data.scenes import World
from src.errors import UserError
from src.experiments import CONF, RECORDS
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.vqgan import VQGAN
from src.masking.config import MaskingConfig
from src.published.settings import read_preset
from src.training.batches import Dealt
from src.training.beginning import new_system
from src.training.clip_module import ClipBatches, ClipModule, build_clip
from src.training.parts import check_parts
from src.training.recipes import CLIP_PRESETS, train_vqgan
from src.training.rows import TokenRows
from src.training.token_cache import EncodedScenes
from src.training.uvit_batches import UvitBatches
from src.training.uvit_module import UvitModule
from src.transformer import config as transformer_config

PRESETS = {"vqgan": "glyphs_rich", "clip": "glyphs_rich_clip", "uvit": "glyphs_rich"}
TEXT = {"hidden_size": 192, "projection_dim": 192, "num_hidden_layers": 2}
TEXT |= {"intermediate_size": 32, "num_attention_heads": 2, "max_position_embeddings": 32}


@pytest.fixture(scope="module")
def rich_world() -> World:
    return World(DataConfig(**yaml.safe_load((CONF / "data" / "glyphs_rich.yaml").read_text())))


@pytest.fixture(scope="module")
def rich_parts(rich_world):
    """Tokenizer and U-ViT at full size, with a small text tower of the right widths."""
    settings = {
        "transformer": transformer_config.to_published(transformer_config.preset("glyphs_rich")),
        "vqvae": image_tokenizer_config.to_published(image_tokenizer_config.preset("glyphs_rich")),
        "text_encoder": TEXT,
        "tokenizer": {"words": vocabulary(rich_world)},
    }
    return build_parts(settings, seed=0, init="training")


@pytest.fixture(scope="module")
def rich_clip(rich_world):
    preset = read_preset(CLIP_PRESETS, "glyphs_rich_clip", "clip preset")
    return build_clip(preset, build_tokenizer(vocabulary(rich_world)))


@pytest.mark.parametrize("model", PRESETS)
def test_an_experiment_trains_its_model_on_the_richer_world(model, rich_world):
    run = composed([f"+exp=glyphs_rich_{model}"]).config
    assert run.data == rich_world.config
    assert (run.training.model, run.training.preset) == (model, PRESETS[model])


def test_the_uvit_reads_what_the_two_others_leave():
    training = composed(["+exp=glyphs_rich_uvit"]).config.training
    assert training.image_tokenizer == "experiments/glyphs_rich_vqgan/runs/train"
    assert training.text_encoder == "experiments/glyphs_rich_clip/runs/train"


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["+exp=glyphs_vqgan", "data=glyphs_rich"], "64 pixels.*training.preset=glyphs_rich[.]"),
        (["+exp=glyphs_clip", "data=glyphs_rich"], "64 pixels.*=glyphs_rich_clip[.]"),
        (["+exp=glyphs_uvit", "data=glyphs_rich"], "16 x 16 tokens.*=glyphs_rich[.]"),
        (["+exp=glyphs_rich_vqgan", "data=glyphs"], "32 pixels, 4 a token.*preset=glyphs[.]"),
        (["+exp=glyphs_rich_clip", "training.preset=clip_l14"], "for text alone"),
        (["+exp=glyphs_rich_uvit", "training.preset=glyphs"], "grid of 8 x 8 tokens.*16 x 16"),
        (["+exp=glyphs_vqgan", "data.picture_size=40"], "image_tokenizer/presets"),
        (["+exp=glyphs_vqgan", "training.preset=glyfs"], "did you mean 'glyphs'"),
    ],
)
def test_a_preset_of_another_size_than_the_world_is_refused(overrides, reason):
    with pytest.raises(UserError, match=reason):
        composed(overrides)


def test_pictures_may_be_drawn_of_any_world_whatever_the_training_settings():
    assert composed(["+exp=evaluate", "data=glyphs_rich"]).config.data.picture_size == 64


def test_the_pages_state_the_sizes(rich_parts, rich_clip):
    pixels, ids = torch.rand(1, 3, 64, 64), torch.zeros(1, 32, dtype=torch.long)
    token_ids, words = torch.zeros(1, 16, 16, dtype=torch.long), torch.zeros(1, 32, 192)
    vqgan, uvit = rich_parts.image_tokenizer, rich_parts.transformer
    for model, module, call in (
        ("vqgan", vqgan, lambda: vqgan.decode(vqgan.encode(pixels))),
        ("clip", rich_clip, lambda: rich_clip(input_ids=ids, pixel_values=pixels)),
        ("uvit", uvit, lambda: uvit(token_ids, words, words[:, 0], torch.zeros(1, 5))),
    ):
        with FlopCounterMode(display=False) as counter:  # with gradients: the page as written
            call()
        millions = sum(each.numel() for each in module.parameters()) / 1e6
        size = f"{millions:.1f} M parameters; {counter.get_total_flops() / 1e9:.2f} GFLOP "
        assert size in (RECORDS / f"glyphs_rich_{model}" / "README.md").read_text(), size


def test_the_image_tokenizer_trains(rich_world, config, tmp_path):
    short = replace(config, max_steps=2, batch_size=2, continuous_steps=1, preset="glyphs_rich")
    vqgan = train_vqgan(rich_world, short, 0, tmp_path)
    assert vqgan.encode(torch.rand(1, 3, 64, 64)).shape == (1, 16, 16)


def test_the_clip_pair_takes_a_step(rich_world, rich_clip, config):
    batches = ClipBatches(rich_world, build_tokenizer(vocabulary(rich_world)), config, seed=0)
    module = ClipModule(rich_clip, config)
    module.log_dict = lambda *_, **__: None
    module.training_step(batches(0, slice(None)), 0).backward()
    assert rich_clip.logit_scale.grad.isfinite()
    longest = max(len(batches(step, slice(None)).prompt_ids[0]) for step in range(20))
    assert longest <= rich_clip.config.text_config.max_position_embeddings


def test_the_uvit_takes_a_step(rich_parts, config):
    uvit, text_encoder = rich_parts.transformer, rich_parts.text_encoder
    pair = replace(config, batch_size=2)
    module = UvitModule(uvit, text_encoder, pair, Dealt(2))
    module.log = lambda *_, **__: None
    prompt_ids = text_encoder.prompt_ids(["a small pink snowman on a gray background"] * 2)
    token_ids = torch.arange(512).view(2, 16, 16)
    rows = TokenRows(EncodedScenes(token_ids, prompt_ids, torch.zeros(2, 5)), seed=0)
    batches = UvitBatches(rows, uvit.config, MaskingConfig(), pair, seed=0, dealt=Dealt(2))
    loss = module.training_step(batches(0, slice(2)), 0)
    loss.backward()
    assert torch.isclose(loss, torch.tensor(1024.0).log())  # at the start all logits are zero
    assert uvit.logits_in.weight.grad.abs().sum() > 0


def test_parts_of_two_worlds_are_not_joined(parts, rich_world, rich_parts, config):
    rich = transformer_config.preset("glyphs_rich")

    def joined(vqgan=rich_parts.image_tokenizer, text_encoder=rich_parts.text_encoder, **changes):
        check_parts(rich_world, replace(rich, **changes), vqgan, text_encoder, config)

    joined()
    small = VQGAN(image_tokenizer_config.preset("glyphs"))
    with pytest.raises(UserError, match="the shipped one has 32 picture pixels, and the world 64"):
        joined(vqgan=small)
    with pytest.raises(UserError, match=r"1024 codes, and training.preset=glyphs 256"):
        joined(codebook_size=256)
    with pytest.raises(UserError, match="192 numbers a word"):
        joined(encoder_hidden_size=128)
    with pytest.raises(UserError, match=r"words brown, club, .*snowman"):
        joined(text_encoder=parts.text_encoder, encoder_hidden_size=16, cond_embed_dim=16)


def test_the_run_of_another_preset_is_no_image_tokenizer(world, config, rich_world, tmp_path):
    short = replace(config, max_steps=1, batch_size=2, continuous_steps=1, preset="glyphs")
    train_vqgan(world, short, 0, tmp_path)
    mixed = replace(config, preset="glyphs_rich", image_tokenizer=str(tmp_path))
    with pytest.raises(UserError, match="32 picture pixels, and the world 64"):
        new_system(rich_world, mixed, MaskingConfig(), seed=0)
