"""Any folder of pictures is a set: in one order, with its prompts, hashed once."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.evaluation.picture_set import (
    DoublePictures,
    ReplacedPictures,
    open_pictures,
    write_manifest,
)

NAMES = ["10.png", "2.png", "b3.jpg", "b12.webp", "B.jpeg"]
ORDERED = ["2.png", "10.png", "B.jpeg", "b3.jpg", "b12.webp"]
PROMPTS = [f"prompt {number}" for number in range(5)]


@pytest.fixture
def folder(tmp_path):
    """Five different pictures of another system, and files that are none."""
    place = tmp_path / "theirs"
    place.mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(place / name)
    (place / "readme.txt").write_text("not a picture")
    (place / "below").mkdir()
    return place


def test_a_folder_is_ordered_by_name_and_its_prompts_stand_beside(folder, tmp_path):
    opened = open_pictures(folder, PROMPTS, tmp_path / "notes")
    assert [each.file for each in opened.pictures] == ORDERED
    assert opened.prompts == PROMPTS
    assert open_pictures(folder, None, tmp_path / "notes").prompts is None


def test_a_manifest_gives_the_set_back(folder, tmp_path):
    opened = open_pictures(folder, PROMPTS, tmp_path / "notes")
    write_manifest(opened)
    assert open_pictures(folder, None, tmp_path / "others") == opened
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == opened.pictures[1]._asdict()
    with pytest.raises(UserError, match=r"picture 4 was drawn for 'prompt 4'.*say 'other'"):
        open_pictures(folder, [*PROMPTS[:4], "other"], tmp_path / "notes")


def test_the_hash_is_of_the_contents_in_their_order(folder, tmp_path):
    first = open_pictures(folder, PROMPTS, tmp_path / "notes")
    assert open_pictures(folder, None, tmp_path / "others").hash == first.hash
    (folder / "2.png").rename(folder / "1.png")
    assert open_pictures(folder, None, tmp_path / "notes").hash == first.hash
    (folder / "1.png").rename(folder / "11.png")
    assert open_pictures(folder, None, tmp_path / "notes").hash != first.hash


def test_an_unchanged_file_is_not_read_again(folder, tmp_path):
    """Its notes say another hash than it has: whoever reads it will know."""
    before = open_pictures(folder, PROMPTS, tmp_path / "notes")
    (kept,) = (tmp_path / "notes").iterdir()
    noted = json.loads(kept.read_text())
    noted["2.png"][-1] = "f" * 64
    kept.write_text(json.dumps(noted))
    assert open_pictures(folder, PROMPTS, tmp_path / "notes").pictures[0].sha256 == "f" * 64
    assert open_pictures(folder, PROMPTS, tmp_path / "others") == before


def test_a_replaced_file_is_read_again_also_with_the_size_and_time_of_the_old_one(folder, tmp_path):
    path, notes = folder / "2.png", tmp_path / "notes"
    before = open_pictures(folder, PROMPTS, notes)
    write_manifest(before)
    about = path.stat()
    path.write_bytes(bytes(about.st_size))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert path.stat().st_mtime_ns == about.st_mtime_ns
    with pytest.warns(ReplacedPictures, match=r"1 pictures .* for example 2\.png"):
        assert open_pictures(folder, None, notes).hash != before.hash


def test_damaged_notes_are_made_anew(folder, tmp_path):
    before = open_pictures(folder, PROMPTS, tmp_path / "notes")
    (kept,) = (tmp_path / "notes").iterdir()
    for content in ("", "{", "[]", '{"2.png": [1, 2]}', '{"2.png": 5}'):
        kept.write_text(content)
        assert open_pictures(folder, PROMPTS, tmp_path / "notes") == before
        assert len(json.loads(kept.read_text())) == 5


def test_the_same_file_twice_is_counted_and_warned_of(folder, tmp_path):
    (folder / "2b.png").write_bytes((folder / "2.png").read_bytes())
    with pytest.warns(DoublePictures, match="1 of the 6 pictures in folder=.* are the same file"):
        assert open_pictures(folder, None, tmp_path / "notes").num_doubles == 1


@pytest.mark.parametrize("num_prompts", [0, 4, 6])
def test_counts_that_differ_are_told(folder, tmp_path, num_prompts):
    with pytest.raises(UserError, match=f"5 pictures and there are {num_prompts} prompts"):
        open_pictures(folder, ["x"] * num_prompts, tmp_path / "notes")


def test_a_folder_without_pictures_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"theirs=.*empty holds no pictures"):
        open_pictures(tmp_path / "empty", None, tmp_path / "notes", "theirs")
    with pytest.raises(UserError, match=r"theirs=.*nowhere is no folder"):
        open_pictures(tmp_path / "nowhere", None, tmp_path / "notes", "theirs")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: ["{", *lines], "is damaged"),
        (lambda lines: lines[1:], "do not count up from 0"),
        (lambda lines: ["[1]", *lines], "is damaged"),
        (lambda lines: [lines[0].replace("2.png", "gone.png"), *lines[1:]], "1 of them .* gone"),
    ],
)
def test_a_damaged_manifest_is_told(folder, tmp_path, change, said):
    write_manifest(open_pictures(folder, PROMPTS, tmp_path / "notes"))
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(UserError, match=said):
        open_pictures(folder, None, tmp_path / "notes")


def test_the_hash_tells_one_pixel(folder, tmp_path):
    before = open_pictures(folder, None, tmp_path / "notes").hash
    pixels = np.asarray(Image.open(folder / "2.png")).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(folder / "2.png")
    assert open_pictures(folder, None, tmp_path / "notes").hash != before
