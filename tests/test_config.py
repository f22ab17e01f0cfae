"""The schema of a run: its defaults are valid, and its checks know every stage."""

import subprocess
import sys
from dataclasses import fields, replace

import pytest

from src.compose import composed
from src.config import MicroCondConfig, RunConfig, check, key_types
from src.errors import UserError
from src.experiments import ROOT
from src.training.check import RANGES, WHOLE_RANGES
from src.training.config import DTYPES, TrainingConfig


def config(**changes) -> RunConfig:
    return replace(RunConfig(name="generate", task="generate", prompts=["a red heart"]), **changes)


def test_the_defaults_with_a_prompt_are_valid():
    check(config())


def test_every_key_is_known_by_its_dotted_name():
    keys = key_types()
    assert keys["sampler.num_steps"] is int
    assert keys["micro_cond.aesthetic_score"] is float
    assert {entry.name for entry in fields(RunConfig)} <= keys.keys()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_one_of_torch(dtype):
    torch = pytest.importorskip("torch")
    assert getattr(torch, dtype).is_floating_point


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_known_devices_are_accepted(device):
    check(config(device=device))


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cpu0", "mps", "auto:1"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(UserError, match="device="):
        check(config(device=device))


def test_seeds_count_images_not_prompts():
    check(config(num_images_per_prompt=3, seeds=[1, 2, 3]))
    with pytest.raises(UserError, match="3 entries for 1 images"):
        check(config(seeds=[1, 2, 3]))


def test_micro_conditions_left_out_are_those_of_the_picture():
    named = MicroCondConfig(original_height=100.0, aesthetic_score=2.0).named(width=64, height=32)
    assert tuple(named) == (64, 100, 0, 0, 2)


def test_composing_gives_the_stages_their_own_dataclasses():
    run = composed(["+exp=generate", 'prompts=["x, y"]', "sampler.num_steps=3"]).config
    assert type(run) is RunConfig
    assert run.prompts == ["x, y"]
    assert (run.sampler.num_steps, run.sampler.schedule) == (3, None)


def test_the_sampler_follows_the_checkpoint_unless_told_otherwise():
    assert RunConfig().sampler.schedule is None
    assert composed(["+exp=generate", "prompts=[a]"]).config.sampler.guidance_scale is None
    trained = composed(["+exp=glyphs_uvit", "masking.schedule=linear"]).config
    assert (trained.masking.schedule, trained.sampler.schedule) == ("linear", None)
    drawn = composed(["+exp=generate", "prompts=[a]", "sampler.schedule=linear"]).config
    assert (drawn.masking.schedule, drawn.sampler.schedule) == ("cosine", "linear")


def test_the_schema_alone_loads_no_torch():
    code = "import sys, src.config; assert not {'torch', 'hydra'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "override",
    [
        "training.model=foo",
        "training.num_workers=100000",
        "training.max_steps=100000000000",
        "data.seed=-1",
        "data.picture_size=1000000",
        "evaluation.num_reference=100000000000",
        "num_images_per_prompt=100000000000",
        "training.batch_size=0",
        "training.checkpoint_every=0",
        "training.max_minutes=-1",
        "training.learning_rate=-1",
        "training.weight_decay=nan",
        "training.num_workers=-1",
        "training.beta2=1",
        "training.num_cached=0",
        "training.label_smoothing=2",
        "data.test_ratio=0",
        "data.two_objects_prob=3",
        "evaluation.prompt_seed=-4",
        "evaluation.pictures_per_pass=0",
        "evaluation.num_processes=0",
        "training.precision=foo",
        "variant=fp16",
        "micro_cond.original_width=-1",
        "micro_cond.crop_top=-1",
        "micro_cond.aesthetic_score=1e39",
    ],
)
def test_values_that_no_training_or_evaluation_could_use_are_refused(override):
    with pytest.raises(UserError, match=override.partition("=")[0]):
        composed(["+exp=evaluate", override])


@pytest.mark.parametrize(
    "override",
    [
        *("evaluation.clip_name=inception", "evaluation.clip_name=Inception-v3"),
        *("evaluation.clip=some/inception", "evaluation.clip=some/inception-6726825d/model"),
    ],
)
def test_no_clip_goes_by_the_name_of_inception(override):
    with pytest.raises(UserError, match="as the network that it is not: give another"):
        composed(["+exp=evaluate", override])


@pytest.mark.parametrize(("kind", "ranges"), [(int, WHOLE_RANGES), (float, RANGES)])
def test_every_number_of_a_training_has_its_range(kind, ranges):
    assert {entry.name for entry in fields(TrainingConfig) if entry.type is kind} == set(ranges)
