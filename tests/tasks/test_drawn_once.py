"""Passes are dealt whole, so that a picture's company never changes; a share is drawn once."""

import json
import warnings
from dataclasses import replace

import pytest
import torch

from src.errors import UserError
from src.evaluation.protocol_config import ShardConfig
from src.speed.config import SpeedConfig
from src.tasks.begun_folder import OtherCode
from src.tasks.drawn_once import draw_once, draw_share, num_missing, passes_of, picture_path
from src.tasks.inputs import open_model

PROMPTS = [f"a {size} {color} sun" for size in ("small", "large") for color in ("red", "green")] * 5


@pytest.fixture
def model(config):
    return open_model(config("generate"))


@pytest.mark.parametrize("num_pictures", [0, 1, 15, 16, 17, 400])
@pytest.mark.parametrize("each", [1, 3, 16])
@pytest.mark.parametrize("count", [1, 2, 4, 30])
def test_every_pass_belongs_to_one_process_and_none_is_left(num_pictures, each, count):
    dealt = [passes_of(num_pictures, each, ShardConfig(index, count)) for index in range(count)]
    alone = passes_of(num_pictures, each)
    assert sorted((one for mine in dealt for one in mine), key=lambda one: one.start) == alone
    assert [number for one in alone for number in one] == list(range(num_pictures))
    assert all(len(one) == each for one in alone[:-1])
    sizes = [len(mine) for mine in dealt]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("each", [1, 3])
def test_a_missing_picture_is_drawn_again_as_it_was_and_no_other(config, model, tmp_path, each):
    model.pictures_per_pass = each
    whole = sum(draw_share(config("generate"), model, PROMPTS, 5, tmp_path))
    assert whole == len(PROMPTS)
    lost = picture_path(tmp_path, 7)
    content, others = lost.read_bytes(), [p for p in tmp_path.glob("*.png") if p != lost]
    times = [path.stat().st_mtime_ns for path in others]
    lost.unlink()
    assert list(draw_share(config("generate"), model, PROMPTS, 5, tmp_path)) == [1]
    assert lost.read_bytes() == content
    assert [path.stat().st_mtime_ns for path in others] == times


def test_what_is_drawn_again_goes_through_the_model_in_its_old_company(config, model, tmp_path):
    model.pictures_per_pass = 3
    list(draw_share(config("generate"), model, PROMPTS, 5, tmp_path))
    for number in (7, 19):
        picture_path(tmp_path, number).unlink()
    real, seen = model.generate, []

    def generate(prompts, seeds, **settings):
        seen.extend(zip(seeds, prompts, strict=True))
        return real(prompts, seeds=seeds, **settings)

    model.generate = generate
    list(draw_share(config("generate"), model, PROMPTS, 5, tmp_path))
    assert seen == [(5 + number, PROMPTS[number]) for number in (6, 7, 8, 18, 19)]


def test_another_number_a_pass_is_another_work(config, model, tmp_path):
    list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))
    model.pictures_per_pass = 2
    with pytest.raises(UserError, match="other prompts, seeds, settings or weights"):
        list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))


def test_another_speed_is_another_work(config, model, tmp_path):
    """Its decoder, or weights of few bits, make other pictures of the same seeds."""
    list(draw_share(config("report_quality"), model, PROMPTS[:2], 5, tmp_path))
    picture_path(tmp_path, 1).unlink()  # as a kill leaves it
    quick = config("report_quality", speed=SpeedConfig(decoder="bfloat16"))
    with pytest.raises(UserError, match="other prompts, seeds, settings or weights"):
        list(draw_share(quick, model, PROMPTS[:2], 5, tmp_path))
    assert num_missing(tmp_path, range(2)) == 1


def changed(place, **changes) -> None:
    """Another beginning of the folder."""
    path = place / "asked.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")


def test_pictures_of_another_kind_of_device_are_not_mixed(config, model, tmp_path):
    list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))
    changed(tmp_path, device="cuda")
    picture_path(tmp_path, 1).unlink()
    with pytest.raises(UserError, match=r"drawn on cuda, and this is cpu.* give device=cuda, or"):
        list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))
    assert num_missing(tmp_path, range(2)) == 1


def test_a_folder_that_holds_no_picture_yet_may_be_begun_again(config, model, tmp_path):
    list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))
    for number in range(2):
        picture_path(tmp_path, number).unlink()
    assert sum(draw_share(config("generate"), model, PROMPTS[:3], 6, tmp_path)) == 3


def test_pictures_of_other_code_are_told_of(config, model, tmp_path):
    asked = (config("generate"), model, PROMPTS[:2], 5, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OtherCode)
        list(draw_share(*asked))
        list(draw_share(*asked))
    code = json.loads((tmp_path / "asked.json").read_text())["code"]
    assert "src/sampler" in code
    changed(tmp_path, code=code | {"src/sampler": "0" * 12})
    with pytest.warns(OtherCode, match=r"by other code \(src/sampler\): move it away"):
        list(draw_share(*asked))


def test_a_damaged_beginning_is_told_in_a_sentence(config, model, tmp_path):
    list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))
    (tmp_path / "asked.json").write_text("{")
    with pytest.raises(UserError, match=r"asked\.json is damaged .*: move its folder away"):
        list(draw_share(config("generate"), model, PROMPTS[:2], 5, tmp_path))


def with_memory_for(model, most: int) -> list[int]:
    """A model that runs out of memory with more prompts a call; what it was asked for."""
    real, asked = model.generate, []

    def generate(prompts, **settings):
        asked.append(len(prompts))
        if len(prompts) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(prompts, **settings)

    model.generate = generate
    return asked


@pytest.mark.filterwarnings("ignore:Memory ran out")
def test_without_memory_fewer_pictures_a_call_are_the_same_ones(config, model, tmp_path):
    list(draw_share(config("generate"), model, PROMPTS, 5, tmp_path / "whole"))
    asked = with_memory_for(model, 5)
    with pytest.warns(UserWarning, match="Memory ran out: 4 pictures a call now"):
        drawn = list(draw_share(config("generate"), model, PROMPTS, 5, tmp_path / "small"))
    assert (asked, drawn) == ([16, 8, 4, 4, 4, 4, 4], [4, 4, 4, 4, 4])
    for number in range(len(PROMPTS)):
        content = picture_path(tmp_path / "whole", number).read_bytes()
        assert picture_path(tmp_path / "small", number).read_bytes() == content


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (16, r"for 16 pictures of .* in one pass .*: give protocol\.pictures_per_pass=8 and"),
        (1, r"for 1 picture of .* through the model: free some, or give another device="),
    ],
)
@pytest.mark.filterwarnings("ignore:Memory ran out")
def test_without_memory_for_a_pass_the_setting_is_named(config, model, tmp_path, each, said):
    model.pictures_per_pass = each
    with_memory_for(model, 0)
    with pytest.raises(UserError, match=f"not enough memory {said}"):
        list(draw_share(config("report_quality"), model, PROMPTS, 5, tmp_path))


def test_another_error_is_not_taken_for_memory(config, model, tmp_path):
    def generate(*_, **__):
        raise RuntimeError("shapes differ")

    model.generate = generate
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(draw_share(config("generate"), model, PROMPTS, 5, tmp_path))


def test_a_share_leaves_the_others_pictures_alone(config, model, tmp_path):
    shard = ShardConfig(1, 4)
    drawn = sum(draw_share(config("generate"), model, PROMPTS, 5, tmp_path, shard))
    assert (drawn, num_missing(tmp_path, range(len(PROMPTS)))) == (5, 15)
    mine = [number for one in passes_of(len(PROMPTS), 1, shard) for number in one]
    assert num_missing(tmp_path, mine) == 0


def test_all_pictures_come_back_in_order(config, model, tmp_path):
    first = draw_once(config("generate"), model, PROMPTS, 5, tmp_path)
    assert len(first) == len(PROMPTS)
    again = draw_once(config("generate"), model, PROMPTS, 5, tmp_path)
    assert [each.tobytes() for each in again] == [each.tobytes() for each in first]
    other = replace(config("generate"), seed=1)  # which these seeds do not come from
    assert draw_once(other, model, PROMPTS, 5, tmp_path)[3].tobytes() == first[3].tobytes()
