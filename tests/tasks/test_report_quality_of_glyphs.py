"""COCO's protocol end to end on the shipped model: 200 photographs, 400 captions, 3 guidances."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from src.config import RunConfig
from src.data.examples import example
from src.evaluation.protocol_config import ProtocolConfig, ShardConfig
from src.report.record import read_record
from src.sampler.config import SamplerConfig
from src.tasks import report_quality
from tests.tasks.coco_folder import official_layout
from tests.training.children import die, ended, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
NUM_PHOTOGRAPHS, GUIDANCE = 200, [1.5, 3.0, 8.0]
NUM_STEPS = 3  # of the 12; the claims are about files and digits, not about how it looks
KILLS = {
    "pictures": (".png", 500),
    "features": (".safetensors", 4),
    "the record": ("record.json", 1),
}


@pytest.fixture(scope="module")
def coco(tmp_path_factory, world):
    captions = [example(world, 5, index, "test").caption for index in range(300)]
    return official_layout(tmp_path_factory.mktemp("coco") / "coco", captions, NUM_PHOTOGRAPHS)


def run(coco, place: Path, shard: ShardConfig | None = None, kill: tuple | None = None) -> int:
    """The protocol in a process of its own, until it ends; its exit status."""
    return ended(begin(coco, place, shard, kill))


def begin(coco, place: Path, shard: ShardConfig | None = None, kill: tuple | None = None) -> int:
    """The protocol in a process of its own, which may die when the n-th file takes its name."""
    config = RunConfig(
        name="report_quality_256",
        task="report_quality",
        device="cpu",
        sampler=SamplerConfig(num_steps=NUM_STEPS, schedule=None, guidance_scale=None),
        protocol=ProtocolConfig(guidance=GUIDANCE),
        shard=shard or ShardConfig(),
        output_dir=str(place),
    )
    config.data.path = str(coco)
    real, met = os.replace, []

    def replace(source, target):
        met.append(1) if kill and str(target).endswith(kill[0]) else None
        if kill and len(met) == kill[1]:
            die()
        real(source, target)

    def work():
        os.replace = replace
        torch.set_num_threads(1)
        report_quality.run(config, place)

    return started(work)


def pictures(place: Path) -> dict[str, bytes]:
    paths = sorted(place.glob("pictures/guidance_*/*.png"))
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}


def times(place: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in place.glob("pictures/guidance_*/*.png")}


@pytest.fixture(scope="module")
def whole(coco, tmp_path_factory):
    place = tmp_path_factory.mktemp("whole")
    assert run(coco, place) == 0
    return place


def test_four_hundred_captions_at_three_guidances(whole):
    drawn = pictures(whole)
    assert len(drawn) == 3 * 2 * NUM_PHOTOGRAPHS
    found = read_record(whole).measurements
    numbers = ("FD", "KID x1000", "precision", "recall", "CMMD", "CLIP score", "CLIP logits")
    assert {each.name for each in found} == {f"{name}[glyph-clip]" for name in numbers}
    assert len(found) == len(numbers) * len(GUIDANCE)
    assert {each.num_samples for each in found} == {400}
    assert all(each.low < each.high for each in found)
    assert {each.num_reference for each in found} == {200, None}


def test_again_from_scratch_every_digit_is_the_same(coco, whole, tmp_path):
    assert run(coco, tmp_path) == 0
    assert pictures(tmp_path) == pictures(whole)
    assert read_record(tmp_path).measurements == read_record(whole).measurements


@pytest.mark.parametrize("moment", KILLS)
def test_after_a_kill_every_picture_is_there_once_and_every_digit_the_same(
    coco, whole, tmp_path, moment
):
    if moment != "pictures":
        shutil.copytree(whole / "pictures", tmp_path / "pictures")
    assert run(coco, tmp_path, kill=KILLS[moment]) == -signal.SIGKILL, "nothing to kill"
    before = times(tmp_path)
    assert not (tmp_path / "record.json").exists()
    assert run(coco, tmp_path) == 0
    after = times(tmp_path)
    assert {path: after[path] for path in before} == before, "a picture was drawn twice"
    assert pictures(tmp_path) == pictures(whole)
    assert read_record(tmp_path).measurements == read_record(whole).measurements


def test_four_shards_at_once_end_with_the_digits_of_one_process(coco, whole, tmp_path):
    children = [begin(coco, tmp_path, ShardConfig(index, 4)) for index in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    assert pictures(tmp_path) == pictures(whole)
    assert read_record(tmp_path).measurements == read_record(whole).measurements
