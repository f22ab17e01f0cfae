"""COCO's protocol from end to end: every picture once, and the same digits however it was run."""

import errno
import json
import os
import signal
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from PIL import Image

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.evaluation.protocol_config import ProtocolConfig, ShardConfig
from src.report.record import read_record
from src.tasks import report_quality
from src.tasks.countdown import countdown
from tests.tasks.coco_folder import official_layout
from tests.training.children import die, in_child

pytestmark = [
    pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
CAPTIONS = [f"a {size} {color} star" for size in ("small", "large") for color in ("red", "green")]
GUIDANCE = [1.5, 3.0]


@pytest.fixture(autouse=True)
def one_thread():
    """As in the children: how many threads share a sum decides its last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    return official_layout(tmp_path_factory.mktemp("coco") / "coco", CAPTIONS, 12)


@pytest.fixture
def build(config, coco, clip_folder, tmp_path):
    """A run on 12 photographs, 24 prompts and two guidance values, into a folder of that name."""

    def build(name: str, **changes):
        chosen = config(
            "report_quality",
            evaluation=EvaluationConfig(clip=str(clip_folder)),
            protocol=ProtocolConfig(guidance=GUIDANCE, pictures_per_pass=3),
            output_dir=str(tmp_path / name),
        )
        chosen.sampler.guidance_scale = None
        data = replace(chosen.data, path=str(coco))
        return replace(chosen, name="report_quality_256", data=data, **changes)

    return build


def numbers(place):
    """All measured values, and the hash of the reference and prompts."""
    record = read_record(place)
    return record.measurements, record.identity


def drawn(place) -> dict[str, tuple[bytes, int]]:
    """Content and time of every picture."""
    paths = sorted(place.glob("pictures/guidance_*/*.png"))
    return {
        f"{path.parent.name}/{path.name}": (path.read_bytes(), path.stat().st_mtime_ns)
        for path in paths
    }


def contents(place) -> dict[str, bytes]:
    return {name: content for name, (content, _) in drawn(place).items()}


def killed_at(monkeypatch, ending: str, number: int) -> None:
    """Die when the n-th file of that kind is about to take its name."""
    real, met = os.replace, []

    def replace_or_die(source, target):
        met.append(str(target)) if str(target).endswith(ending) else None
        if len(met) == number:
            die()
        real(source, target)

    monkeypatch.setattr(os, "replace", replace_or_die)


@pytest.fixture
def whole(build, tmp_path):
    report_quality.run(build("whole"), tmp_path / "unused")
    return tmp_path / "whole"


def test_every_guidance_is_drawn_and_measured(whole):
    found, _ = numbers(whole)
    names = [
        *("FD[tiny-clip]", "KID x1000[tiny-clip]", "precision[tiny-clip]", "recall[tiny-clip]"),
        *("CMMD[tiny-clip]", "CLIP score[tiny-clip]", "CLIP logits[tiny-clip]"),
    ]
    told = [(each.subject, each.name, each.num_samples) for each in found]
    assert told == [(f"guidance {g:g}", name, 24) for g in GUIDANCE for name in names]
    assert {each.num_reference for each in found if each.name == names[0]} == {12}
    assert all(each.low < each.value < each.high for each in found if each.name == names[-1])
    assert len(drawn(whole)) == 48
    lines = (whole / "pictures" / "guidance_3" / "manifest.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert [each["seed"] for each in entries] == list(range(24))
    assert {each["prompt"] for each in entries} <= set(CAPTIONS)
    with Image.open(whole / "pictures" / "guidance_3" / entries[7]["file"]) as picture:
        assert picture.text["prompt"] == entries[7]["prompt"]
    for name in ("guidance.png", "pictures.png", "page.html"):
        assert (whole / name).is_file()


def test_both_countdowns_end_at_their_totals(build, tmp_path, monkeypatch):
    totals, done = {}, {}

    @contextmanager
    def watched(what, total, done_before=0):
        totals[what], done[what] = total, done_before
        with countdown(what, total, done_before) as told:

            def tell(num):
                done[what] += num
                told(num)

            yield tell

    monkeypatch.setattr(report_quality, "countdown", watched)
    report_quality.run(build("watched"), tmp_path / "unused")
    assert done == totals == {"Drawing": 48, "Looking at pictures": 2 * 12 + 3 * 48}


@pytest.mark.slow
def test_two_runs_from_scratch_agree_to_the_last_digit(build, whole, tmp_path):
    report_quality.run(build("again"), tmp_path / "unused")
    assert contents(tmp_path / "again") == contents(whole)
    assert numbers(tmp_path / "again") == numbers(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "number"),
    [(".png", 1), (".png", 8), (".png", 30), ("asked.json", 2), (".jsonl", 2)]
    + [(".safetensors", n) for n in (1, 2, 3)]
    + [("record.json", 1)],
)
def test_after_a_kill_no_picture_is_drawn_twice_and_the_numbers_are_the_same(
    build, whole, tmp_path, monkeypatch, ending, number
):
    place = tmp_path / "killed"

    def work():
        killed_at(monkeypatch, ending, number)
        report_quality.run(build("killed"), tmp_path / "unused")

    assert in_child(work) == -signal.SIGKILL, "nothing to kill"
    before = drawn(place)
    report_quality.run(build("killed"), tmp_path / "unused")
    after = drawn(place)
    assert {name: after[name] for name in before} == before
    assert contents(place) == contents(whole)
    assert numbers(place) == numbers(whole)


@pytest.mark.slow
def test_four_shards_agree_with_one_process_to_the_last_digit(build, whole, tmp_path, capsys):
    for index in (2, 0, 3, 1):
        capsys.readouterr()
        report_quality.run(build("shards", shard=ShardConfig(index, 4)), tmp_path / "unused")
        is_last = index == 1
        assert (tmp_path / "shards" / "record.json").is_file() == is_last
        assert ("are left to the other shards of 4" in capsys.readouterr().out) != is_last
    assert contents(tmp_path / "shards") == contents(whole)
    assert numbers(tmp_path / "shards") == numbers(whole)


@pytest.mark.slow
def test_a_run_without_shards_draws_what_a_lost_shard_left(build, whole, tmp_path, capsys):
    report_quality.run(build("lost", shard=ShardConfig(1, 3)), tmp_path / "unused")
    assert "30 of all 48 pictures are left" in capsys.readouterr().out
    before = drawn(tmp_path / "lost")
    assert len(before) == 18
    report_quality.run(build("lost"), tmp_path / "unused")
    after = drawn(tmp_path / "lost")
    assert {name: after[name] for name in before} == before
    assert numbers(tmp_path / "lost") == numbers(whole)


def test_a_folder_begun_with_other_settings_is_left_alone(build, whole, tmp_path):
    before = drawn(whole)
    other = ProtocolConfig(guidance=GUIDANCE, pictures_per_pass=3, first_picture_seed=1)
    with pytest.raises(UserError, match="holds pictures of other prompts, seeds"):
        report_quality.run(build("whole", protocol=other), tmp_path / "unused")
    assert drawn(whole) == before


def test_a_share_begun_beside_another_is_compared_before_any_picture_is_there(build, tmp_path):
    from src.tasks.own_share import own_share

    first = build("out", shard=ShardConfig(0, 2))
    other = replace(first, protocol=replace(first.protocol, first_picture_seed=1))
    with own_share(tmp_path / "out" / "pictures" / "shards", ShardConfig(1, 2)):
        report_quality.run(first, tmp_path / "unused")
        for path in tmp_path.glob("out/pictures/guidance_*/*.png"):
            path.unlink()
        with pytest.raises(UserError, match="begun with another first_seed: give all shares"):
            report_quality.run(other, tmp_path / "unused")
    report_quality.run(other, tmp_path / "unused")  # nobody is at work any more
    assert drawn(tmp_path / "out")


def test_too_few_pictures_for_the_features_are_refused_before_any_is_drawn(
    build, clip_folder, tmp_path
):
    few = official_layout(tmp_path / "few", CAPTIONS, 5)
    chosen = build("out")
    chosen = replace(chosen, data=replace(chosen.data, path=str(few)))
    with pytest.raises(UserError, match=r"5 pictures in data.path=.* 8 dimensions of tiny-clip"):
        report_quality.run(chosen, tmp_path / "unused")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["clip-vit-large-patch14", "openai/clip-vit-large-patch14"])
def test_a_clip_of_another_shape_may_not_have_the_name_of_the_authors(
    build, clip_folder, tmp_path, name
):
    chosen = build("out", evaluation=EvaluationConfig(clip=str(clip_folder), clip_name=name))
    with pytest.raises(UserError, match=rf"named {name} and is another network \(8 features"):
        report_quality.run(chosen, tmp_path / "unused")
    assert not (tmp_path / "out").exists()


def test_an_unreadable_photograph_is_named(build, coco, tmp_path):
    broken = official_layout(tmp_path / "broken", CAPTIONS, 12)
    (broken / "val2017" / "000000000146.jpg").write_bytes(b"\xff\xd8\xff")
    chosen = build("out")
    chosen = replace(chosen, data=replace(chosen.data, path=str(broken)))
    with pytest.raises(UserError, match=r"1 of the 12 pictures in .*000000000146\.jpg: "):
        report_quality.run(chosen, tmp_path / "unused")


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".png", "manifest.jsonl", ".safetensors", "record.json"])
def test_a_full_disk_is_told_and_the_same_command_ends_the_work(
    build, whole, tmp_path, monkeypatch, ending
):
    real = os.replace

    def full(source, target):
        if str(target).endswith(ending):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(UserError, match=r"lies on a full disk \(\d+ MiB free\)"):
            report_quality.run(build("full"), tmp_path / "unused")
    assert not (tmp_path / "full" / "record.json").exists()
    report_quality.run(build("full"), tmp_path / "unused")
    assert numbers(tmp_path / "full") == numbers(whole)


def test_a_run_without_shards_beside_a_live_shard_is_refused(build, tmp_path):
    from src.tasks.own_share import own_share

    with (
        own_share(tmp_path / "out" / "pictures" / "shards", ShardConfig(1, 4)),
        pytest.raises(UserError, match=r"shard\.count=1, and another process draws its share of 4"),
    ):
        report_quality.run(build("out"), tmp_path / "unused")
    assert not drawn(tmp_path / "out")


def test_the_same_share_twice_at_once_is_refused(build, tmp_path):
    from src.whole_files import alone_in

    with (
        alone_in(tmp_path / "out" / "pictures" / "shards" / "0_of_1"),
        pytest.raises(UserError, match="Another process is at work"),
    ):
        report_quality.run(build("out"), tmp_path / "unused")
