"""What a configuration names: prompts from a file, seeds, the device."""

import pytest

from src.config import RunConfig
from src.errors import UserError
from src.tasks.inputs import choose_device, choose_negative_prompts, choose_seeds, read_prompts


def config(**changes) -> RunConfig:
    return RunConfig(name="generate", task="generate", **changes)


def test_a_file_gives_a_prompt_a_line(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("\ufeffa red heart\n\n  a grün star, small  \r\n", encoding="utf-8")
    assert read_prompts(config(prompts_file=str(path))) == ["a red heart", "a grün star, small"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no prompts"),
        (b"\n \n", "no prompts"),
        (b"\xff\xfe\x00h", "UTF-8"),
        (None, "not a file"),
    ],
)
def test_a_file_without_readable_prompts_is_named(tmp_path, content, said):
    path = tmp_path / "prompts.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said) as refusal:
        read_prompts(config(prompts_file=str(path)))
    assert str(path) in str(refusal.value)


def test_a_file_whose_name_no_system_takes_is_told_in_a_sentence():
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        read_prompts(config(prompts_file="p" * 300))


def test_seeds_count_up_from_the_seed_where_none_are_given():
    assert choose_seeds(config(seed=7, num_images_per_prompt=2), num_prompts=2) == [7, 8, 9, 10]
    assert choose_seeds(config(seeds=[3, 1]), num_prompts=2) == [3, 1]
    with pytest.raises(UserError, match="2 entries for 3 images"):
        choose_seeds(config(seeds=[3, 1]), num_prompts=3)
    with pytest.raises(UserError, match="impossible for 2 images"):
        choose_seeds(config(seed=2**63 - 1), num_prompts=2)


def test_one_negative_prompt_serves_all():
    assert choose_negative_prompts(config(negative_prompts=["grey"]), 3) == ["grey"] * 3
    assert choose_negative_prompts(config(), 3) is None
    with pytest.raises(UserError, match="2 entries for 3 prompts"):
        choose_negative_prompts(config(negative_prompts=["a", "b"]), 3)


@pytest.mark.parametrize(
    ("device", "num_gpus", "chosen"),
    [("auto", 0, "cpu"), ("auto", 2, "cuda"), ("cuda:1", 2, "cuda:1"), ("cpu", 2, "cpu")],
)
def test_auto_takes_a_gpu_where_there_is_one(device, num_gpus, chosen):
    assert choose_device(device, num_gpus) == chosen


@pytest.mark.parametrize(("device", "num_gpus"), [("cuda", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there_is_refused(device, num_gpus):
    with pytest.raises(UserError, match=device):
        choose_device(device, num_gpus)
