"""Any folder of pictures gets a card: a table of all systems, the best and the worst, hashes."""

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.evaluation.features import ClipEncoder
from src.evaluation.protocol_config import PictureFoldersConfig
from src.tasks import evaluate_pictures, generate
from tests.tasks.coco_folder import photograph

pytestmark = pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures")
PROMPTS = [f"a {size} {color} sun" for size in ("small", "large") for color in ("red", "green")] * 3


def written(folder, num: int, first: int = 0, ending: str = "png"):
    folder.mkdir(parents=True)
    for number in range(num):
        photograph(first + number).resize((40, 40)).save(folder / f"{number}.{ending}")
    return folder


@pytest.fixture
def folders(tmp_path):
    """Pictures of two systems and real ones; the prompts of both."""
    (tmp_path / "prompts.txt").write_text("\n".join(PROMPTS))
    return {
        "ours": written(tmp_path / "ours", 12),
        "theirs": written(tmp_path / "theirs", 12, 100, "jpg"),
        "real": written(tmp_path / "real", 15, 200, "webp"),
    }


@pytest.fixture
def build(config, clip_folder, folders, tmp_path):
    def build(names=("ours", "theirs"), has_reference=True, **changes):
        pictures = PictureFoldersConfig(
            folders=[str(folders[name]) for name in names],
            reference=str(folders["real"]) if has_reference else None,
        )
        given = {
            "pictures": pictures,
            "evaluation": EvaluationConfig(clip=str(clip_folder), clip_name="tiny-clip"),
            "prompts_file": str(tmp_path / "prompts.txt"),
            "output_dir": str(tmp_path / "out"),
        }
        return config("evaluate_pictures", **given | changes)

    return build


def card(tmp_path) -> dict:
    return json.loads((tmp_path / "out" / "card.json").read_text())


def test_two_systems_stand_in_one_table(build, tmp_path, capsys):
    evaluate_pictures.run(build(), tmp_path / "unused")
    found = card(tmp_path)
    told = [(each["subject"], each["name"]) for each in found["measurements"]]
    names = [
        *("FD[tiny-clip]", "KID x1000[tiny-clip]", "precision[tiny-clip]", "recall[tiny-clip]"),
        *("CMMD[tiny-clip]", "CLIP score[tiny-clip]", "CLIP logits[tiny-clip]"),
    ]
    assert told == [(subject, name) for subject in ("ours", "theirs") for name in names]
    assert [each["num_reference"] for each in found["measurements"]] == [*[15] * 5, None, None] * 2
    printed = capsys.readouterr().out
    assert "ours" in printed
    assert "theirs" in printed
    page = (tmp_path / "out" / "card.html").read_text()
    for each in found["sets"]:
        assert each["hash"] in page
        assert each["num_pictures"] == 12
    assert found["eyes"][0]["resizer"] == "CLIP's bicubic to 32"
    for name in ("pictures_0.png", "pictures_1.png", "scores.png"):
        assert name in page
        assert (tmp_path / "out" / name).is_file()
    assert not (tmp_path / "unused").exists()


def test_the_best_and_the_worst_are_those_of_clips_own_logits(build, tmp_path, clip_folder):
    evaluate_pictures.run(build(["ours"]), tmp_path / "unused")
    clip = ClipEncoder.open(clip_folder, "x")
    paths = sorted((tmp_path / "ours").iterdir(), key=lambda path: int(path.stem))
    pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
    seen = clip.model(
        pixel_values=clip.prepare_pictures(pictures),
        input_ids=clip.prepare_captions(PROMPTS)[0],
        attention_mask=clip.prepare_captions(PROMPTS)[1],
    )
    logits = seen.logits_per_image.diag().double().numpy()
    (facts,) = card(tmp_path)["sets"]
    best, worst = facts["best"], facts["worst"]
    assert [each["number"] for each in best] == list(np.argsort(-logits)[:8])
    assert [each["number"] for each in worst] == list(np.argsort(logits)[:8])
    assert best[0]["prompt"] == PROMPTS[best[0]["number"]]
    assert best[0]["score"] == pytest.approx(logits.max(), rel=1e-5)
    (measured,) = [each for each in card(tmp_path)["measurements"] if "logits" in each["name"]]
    assert measured["value"] == pytest.approx(logits.mean(), rel=1e-5)


def test_a_second_time_gives_the_same_numbers(build, tmp_path):
    evaluate_pictures.run(build(), tmp_path / "unused")
    first = card(tmp_path)["measurements"]
    evaluate_pictures.run(build(), tmp_path / "unused")
    assert card(tmp_path)["measurements"] == first


def test_a_set_against_itself_has_no_distance(build, tmp_path):
    chosen = build(["ours"])
    chosen.pictures.reference = chosen.pictures.folders[0]
    evaluate_pictures.run(chosen, tmp_path / "unused")
    assert card(tmp_path)["measurements"][0]["value"] == pytest.approx(0, abs=1e-6)


def test_pictures_drawn_here_bring_their_prompts_and_seeds(build, config, tmp_path):
    generate.run(
        config("generate", prompts=PROMPTS, seed=7, output_dir=str(tmp_path / "drawn")), tmp_path
    )
    chosen = build(["ours"], prompts_file=None)
    chosen.pictures.folders = [str(tmp_path / "drawn")]
    evaluate_pictures.run(chosen, tmp_path / "unused")
    (facts,) = card(tmp_path)["sets"]
    assert (facts["num_pictures"], facts["size"], facts["seeds"]) == (12, 32, "7 to 18")
    assert facts["best"][0]["file"].startswith("000")


def test_names_can_be_given_and_equal_folder_names_are_told_apart(build, folders, tmp_path):
    twin = written(tmp_path / "other" / "ours", 12, 50)
    chosen = build(has_reference=False)
    chosen.pictures.folders = [str(folders["ours"]), str(twin)]
    evaluate_pictures.run(chosen, tmp_path / "unused")
    assert [each["name"] for each in card(tmp_path)["sets"]] == chosen.pictures.folders
    chosen.pictures.names = ["SD 1.5", "aMUSEd"]
    evaluate_pictures.run(chosen, tmp_path / "unused")
    assert [each["name"] for each in card(tmp_path)["sets"]] == ["SD 1.5", "aMUSEd"]


def refusals(build, folders, tmp_path) -> dict:
    (tmp_path / "empty").mkdir()
    (tmp_path / "three.txt").write_text("a\nb\nc")
    ours = build(["ours"])

    def of(*names, **changes):
        given = [str(tmp_path / name) for name in names]
        return replace(ours, pictures=replace(ours.pictures, folders=given), **changes)

    few = replace(ours.pictures, folders=[str(written(tmp_path / "few", 8))])
    bare = replace(ours.pictures, reference=None)
    return {
        r"pictures\.folders\[0\]=.*empty holds no pictures": of("empty"),
        r"pictures\.folders\[1\]=.*nowhere is no folder": of("ours", "nowhere"),
        r"12 pictures and there are 3 prompts": of("ours", prompts_file=f"{tmp_path}/three.txt"),
        r"8 pictures in few, and .* 8 dimensions": replace(ours, pictures=few, prompts_file=None),
        r"Nothing can be measured of ours": replace(ours, pictures=bare, prompts_file=None),
        r"evaluation\.clip=.*three\.txt has no config\.json": of(
            "ours", evaluation=EvaluationConfig(clip=f"{tmp_path}/three.txt")
        ),
    }


def test_what_cannot_be_measured_is_told_in_a_sentence(build, folders, tmp_path):
    for said, chosen in refusals(build, folders, tmp_path).items():
        with pytest.raises(UserError, match=said) as refusal:
            evaluate_pictures.run(chosen, tmp_path / "unused")
        assert "\n" not in str(refusal.value)
        assert not (tmp_path / "out" / "card.json").exists()


def test_unreadable_pictures_are_named_and_no_number_is_given(build, folders, tmp_path):
    (folders["theirs"] / "3.jpg").write_bytes(b"no picture")
    (folders["theirs"] / "9.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"2 of the 12 pictures in .*\(3\.jpg: .*; 9\.jpg: "):
        evaluate_pictures.run(build(), tmp_path / "unused")
    assert not (tmp_path / "out" / "card.json").exists()


def test_a_picture_replaced_after_it_was_measured_is_measured_again(build, folders, tmp_path):
    evaluate_pictures.run(build(["ours"]), tmp_path / "unused")
    before = card(tmp_path)
    photograph(999).resize((40, 40)).save(folders["ours"] / "5.png")
    evaluate_pictures.run(build(["ours"]), tmp_path / "unused")
    after = card(tmp_path)
    assert after["sets"][0]["hash"] != before["sets"][0]["hash"]
    assert after["measurements"] != before["measurements"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".safetensors", ".json", ".png", ".html"])
def test_a_full_disk_is_told_and_the_same_command_ends_the_work(
    build, tmp_path, monkeypatch, ending
):
    evaluate_pictures.run(build(output_dir=str(tmp_path / "whole")), tmp_path / "unused")
    real = os.replace

    def full(source, target):
        if str(target).endswith(ending):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(UserError, match=r"lies on a full disk \(\d+ MiB free\)"):
            evaluate_pictures.run(build(), tmp_path / "unused")
    assert not (tmp_path / "out" / "card.json").exists()
    assert not list((tmp_path / "out").rglob(".*.part"))
    evaluate_pictures.run(build(), tmp_path / "unused")
    whole = json.loads((tmp_path / "whole" / "card.json").read_text())
    assert card(tmp_path)["measurements"] == whole["measurements"]
