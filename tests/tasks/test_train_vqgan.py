"""A VQGAN trained on people's pictures: begun, refused, measured, and built on."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from src.amused import Amused
from src.compose import composed
from src.config import check
from src.data.config import DataConfig
from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.vqgan import VQGAN
from src.report.record import read_record
from src.tasks import train_uvit
from src.tasks.train_vqgan import run
from src.training.checkpoint import averaged_weights, trained_state
from src.training.config import TrainingConfig
from src.training.parts import open_image_tokenizer
from src.training.tokenizer_config import TokenizerLossConfig
from src.training.tokenizer_recipe import TokenizerRun, _identity
from tests.data.test_decode import ramp, written
from tests.tasks.conftest import SETTINGS

SHORT = {
    "max_steps": 3,
    "sample_every": 3,
    "checkpoint_every": 2,
    "log_every": 1,
    "batch_size": 4,
    "num_workers": 0,
    "max_minutes": 5.0,
}
SMALL = {"gan_start": 1, "discriminator_channels": 8, "discriminator_layers": 2}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Twelve pictures without a word about them."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        picture = Image.fromarray(ramp(32 + 3 * number, 40))
        (folder / f"{number}.png").write_bytes(written(picture))
    return folder


@pytest.fixture
def short(photos, model_folder, clip_folder, tmp_path, monkeypatch):
    """The recipe at reduced width: three steps of four pictures, two of them with the game on."""
    presets = tmp_path / "presets"
    presets.mkdir()
    wider = SETTINGS["vqvae"] | {"latent_channels": 8}
    for name, settings in (("amused", SETTINGS["vqvae"]), ("wider", wider)):
        (presets / f"{name}.json").write_text(json.dumps(settings))
    monkeypatch.setattr(image_tokenizer_config, "PRESETS", presets)

    def build(data=None, training=None, tokenizer=None, **changes):
        recipe = composed(["+exp=train_vqgan"]).config
        own = {"path": str(photos), "picture_size": 32}
        settings = {
            "model": str(model_folder),
            "device": "cpu",
            "output_dir": str(tmp_path / "out"),
            "data": replace(recipe.data, **(own | (data or {}))),
            "training": replace(recipe.training, **(SHORT | (training or {}))),
            "tokenizer": replace(recipe.tokenizer, **(SMALL | (tokenizer or {}))),
            "evaluation": EvaluationConfig(clip=str(clip_folder)),
        }
        chosen = replace(recipe, **(settings | changes))
        check(chosen)
        return chosen

    return build


@pytest.mark.filterwarnings("ignore")
def test_the_recipe_takes_three_steps_and_leaves_what_a_u_vit_builds_on(short, photos, tmp_path):
    chosen, out = short(), tmp_path / "out"
    assert run(chosen, tmp_path)
    with Image.open(out / "samples" / "step_00000003.png") as sheet:
        width, height = sheet.size
        assert (width // 32) * 4 == (height // 32) * 8  # two rows of eight, each with its trip
    measured = {each.name: each for each in read_record(out).measurements}
    in_pixels = ["PSNR, dB", "SSIM", "FD[tiny-clip]"]
    assert list(measured) == [*in_pixels, "codes used", "codebook perplexity"]
    assert {each.num_samples for each in measured.values()} == {12}
    assert measured["PSNR, dB"].low < measured["PSNR, dB"].value < measured["PSNR, dB"].high

    left = open_image_tokenizer(TrainingConfig(image_tokenizer=str(out))).state_dict()
    averaged = averaged_weights(out)
    assert all(torch.equal(left[name], averaged[name]) for name in averaged)
    trained = trained_state(out)
    assert any(not torch.equal(left[name], trained[f"vqgan.{name}"]) for name in left)
    assert run(chosen, tmp_path)  # says the same again

    on_it = TrainingConfig(preset=None, image_tokenizer=str(out), **SHORT)
    data = DataConfig(path=str(photos), picture_size=32, is_caption_file_name=True)
    uvit = replace(
        chosen,
        name="pretrain_256",
        task="train_uvit",
        data=data,
        training=on_it,
        output_dir=str(tmp_path / "uvit"),
    )
    assert train_uvit.run(uvit, tmp_path)
    whole = Amused.from_pretrained(tmp_path / "uvit" / "model")
    built_on = whole.image_tokenizer.state_dict()
    assert all(torch.equal(built_on[name], left[name]) for name in left)
    others = replace(on_it, image_tokenizer=None)
    with pytest.raises(UserError, match=r"begun with weights\.image_tokenizer="):
        train_uvit.run(replace(uvit, training=others), tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("preset", [None, "amused"])
def test_a_published_vqgan_is_trained_further_and_its_own_run_too(
    short, tmp_path, model_folder, preset
):
    """At a rate of 0 the weights stay what they were begun with."""
    still = {"begin": "model", "preset": preset, "learning_rate": 0.0, "max_steps": 1}
    losses = {"revive_after": 0, "gan_weight": 0.0}
    assert run(short(training=still, tokenizer=losses), tmp_path)
    out = str(tmp_path / "out")
    left = open_image_tokenizer(TrainingConfig(image_tokenizer=out)).state_dict()
    published = Amused.from_pretrained(model_folder).image_tokenizer.state_dict()
    assert all(torch.equal(left[name], published[name]) for name in published)

    again = still | {"image_tokenizer": out}
    other = str(tmp_path / "again")
    away = {"model": "/nowhere", "output_dir": other}  # is not looked for
    assert run(short(training=again, tokenizer=losses, **away), tmp_path)
    further = open_image_tokenizer(TrainingConfig(image_tokenizer=other)).state_dict()
    assert all(torch.equal(further[name], left[name]) for name in left)


@pytest.mark.filterwarnings("ignore")
def test_random_weights_are_drawn_by_the_seed_without_opening_a_model(short, tmp_path):
    still = {"learning_rate": 0.0, "max_steps": 1}
    losses = {"revive_after": 0, "gan_weight": 0.0}
    chosen = short(training=still, tokenizer=losses, model="/nowhere", seed=5)
    assert run(chosen, tmp_path)
    left = averaged_weights(tmp_path / "out")
    rng = torch.Generator().manual_seed(5)
    drawn = VQGAN(image_tokenizer_config.preset("amused"), generator=rng)
    assert all(torch.equal(each, left[name]) for name, each in drawn.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"path": None}}, "nothing to train on: give data.path=PATH"),
        ({"data": {"picture_size": 34}}, r"picture_size=34 .* 4 x 4 pixels; give 32 or 36"),
        ({"tokenizer": {"discriminator_layers": 4}}, r"discriminator_layers=4, which needs 48"),
        ({"training": {"batch_size": 13}}, r"batch_size=13 is more than the 12 rows"),
        ({"training": {"preset": "nowhere"}}, "nowhere"),
        ({"training": {"preset": "wider", "begin": "model"}}, r"preset=wider is another arch"),
        (
            {"training": {"image_tokenizer": "/nowhere", "begin": "model"}},
            r"image_tokenizer=/nowhere holds no finished",
        ),
        ({"evaluation": EvaluationConfig(clip="/nowhere")}, r"evaluation\.clip=/nowhere has no"),
        ({"training": {"precision": "16-mixed"}}, "give bf16-mixed or 32-true"),
        (
            {"tokenizer": {"perceptual_weight": 1.0, "vgg_weights": "/nowhere"}},
            "no VGG16 weights at /nowhere",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_anything_is_left(
    short, tmp_path, changes, said
):
    with pytest.raises(UserError, match=said):
        run(short(**changes), tmp_path)
    assert not (tmp_path / "out" / "identity.json").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.accumulation=2", r"accumulation=2: .* give training\.accumulation=1 and"),
        ("training.num_devices=2", r"num_devices=2: .* give training\.num_devices=1 and"),
        ("training.num_nodes=2", r"num_nodes=2: .* give training\.num_nodes=1 and"),
        ("training.model=uvit", "the task train_vqgan trains a vqgan"),
        ("training.drop_prob=0.2", r"training\.drop_prob=0\.2 has no effect: .* at 0\.1"),
        ("training.method=lora", r"training\.method=lora has no effect"),
        ("training.health.window_logs=3", r"training\.health=.* has no effect"),
        ("training.compile=true", r"training\.compile=True has no effect"),
        ("training=vqgan", r"training\.continuous_steps=1500 has no effect"),
        ("training.image_tokenizer=a", r"image_tokenizer=a .*; give training\.begin=model"),
        ("data.caption_column=a", r"data\.caption_column=a has no effect: .* leave it out"),
        ("data.tokens=a", r"data\.tokens=a has no effect"),
        ("tokenizer.gan_weight=-1", r"tokenizer\.gan_weight=-1.* is impossible"),
        ("masking.schedule=linear", "masking.schedule=linear' has no effect"),
        ("lora.rank=2", "lora.rank=2' has no effect"),
        ("dtype=float16", "dtype=float16' has no effect"),
        ("adapter=a", "adapter=a' has no effect"),
    ],
)
def test_settings_that_mean_nothing_here_are_refused(override, said):
    with pytest.raises(UserError, match=said):
        composed(["+exp=train_vqgan", override])


def test_losses_and_an_image_tokenizer_are_refused_where_nobody_reads_them():
    with pytest.raises(UserError, match=r"tokenizer\.gan_start=1' has no effect"):
        composed(["+exp=finetune_256_full", "tokenizer.gan_start=1"])
    with pytest.raises(UserError, match=r"an adapter has no place for an image tokenizer"):
        composed(["+exp=finetune_256_lora", "data.path=b", "training.image_tokenizer=a"])


@pytest.mark.filterwarnings("ignore")
def test_bad_pictures_are_replaced_listed_and_limited(short, photos, tmp_path):
    (photos / "3.png").write_bytes(b"no picture")
    assert run(short(data={"max_bad_ratio": 0.2}), tmp_path)
    (listed,) = (tmp_path / "out" / "bad_rows.jsonl").read_text().splitlines()
    assert json.loads(listed)["place"].endswith("/3.png")
    strict = short(data={"max_bad_ratio": 0.01}, output_dir=str(tmp_path / "strict"))
    with pytest.raises(UserError, match=r"1 of the \d+ rows met so far are bad"):
        run(strict, tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_continued_by_what_it_was_begun_with_alone(short, tmp_path):
    assert run(short(training={"max_steps": 1}), tmp_path)
    for changes, said in (
        ({"tokenizer": {"gan_weight": 0.5}}, r"begun with tokenizer\.gan_weight=0\.8"),
        ({"training": {"begin": "model"}}, r"begun with (weights|training\.begin)"),
        ({"training": {"preset": "wider"}}, r"begun with training\.preset=amused"),
        ({"seed": 1}, "begun with seed=0"),
    ):
        with pytest.raises(UserError, match=said):
            run(short(**changes), tmp_path)
    assert run(short(training={"max_steps": 2, "precision": "bf16-mixed"}), tmp_path)


def test_the_perceptual_network_is_known_by_its_content(short, tmp_path):
    chosen = short()
    vqgan = VQGAN(image_tokenizer_config.preset("amused"))

    def identity(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        losses = TokenizerLossConfig(perceptual_weight=1.0, vgg_weights=str(path))
        how = TokenizerRun(chosen.training, losses, 0, tmp_path)
        return _identity(vqgan, chosen.data, how)

    assert identity("a.pth", b"one") == identity("b.pth", b"one") != identity("a.pth", b"two")
