"""COCO's official layout is read as the authors read it; whatever else lies there is refused."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from src.data import coco as coco_module
from src.data.coco import authors_prompts, draw_captions, first_captions, open_coco
from src.errors import UserError

NAMES = {139: "000000000139.jpg", 285: "000000000285.jpg", 724: "000000000724.jpg"}
TOLD = [(285, "a bear."), (139, "a room "), (285, "a big bear"), (724, "a sign\n"), (139, "a tv")]


@pytest.fixture
def coco(tmp_path):
    """Three pictures and five captions; what is given replaces a part of the list."""

    def build(**changes):
        (tmp_path / "val2017").mkdir()
        (tmp_path / "annotations").mkdir()
        for name in NAMES.values():
            Image.new("RGB", (8, 6)).save(tmp_path / "val2017" / name)
        content = {
            "info": {},
            "images": [{"id": number, "file_name": name} for number, name in NAMES.items()],
            "annotations": [
                {"image_id": number, "id": place, "caption": caption}
                for place, (number, caption) in enumerate(TOLD)
            ],
        } | changes
        path = tmp_path / "annotations" / "captions_val2017.json"
        path.write_text(json.dumps(content))
        return tmp_path

    return build


def test_pictures_stand_in_the_order_of_their_first_caption(coco):
    pictures = open_coco(coco())
    assert [each.path.name for each in pictures] == [NAMES[285], NAMES[139], NAMES[724]]
    assert [each.captions for each in pictures] == [
        ("a bear.", "a big bear"),
        ("a room ", "a tv"),
        ("a sign\n",),
    ]


def test_the_captions_may_lie_beside_the_pictures(coco):
    folder = coco()
    (folder / "annotations" / "captions_val2017.json").rename(folder / "captions_val2017.json")
    assert len(open_coco(str(folder))) == 3


def test_two_captions_a_picture_are_drawn_with_replacement_and_stand_together(coco):
    pictures = open_coco(coco())
    draws = [draw_captions(pictures, np.random.default_rng(seed)) for seed in range(200)]
    assert draws[7] == draw_captions(pictures, np.random.default_rng(7))
    for drawn in draws:
        assert len(drawn) == 6
        for place, picture in enumerate(pictures):
            assert set(drawn[2 * place : 2 * place + 2]) <= set(picture.captions)
    pairs = [tuple(drawn[:2]) for drawn in draws]
    for pair in [(a, b) for a in pictures[0].captions for b in pictures[0].captions]:
        assert 30 <= pairs.count(pair) <= 70, "each of the four with probability 1/4"


def annotation(number: int, caption: object = "x") -> dict:
    return {"image_id": number, "id": 9, "caption": caption}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotations": [annotation(5)]}, "1 captions of pictures that it does not list.*5"),
        ({"annotations": [annotation(139)]}, "2 pictures without captions, for example number 285"),
        ({"annotations": []}, "holds no captions"),
        ({"annotations": [annotation(139, "")]}, "'' is no caption"),
        ({"annotations": [annotation("139")]}, "'139' is no number"),
        ({"images": [{"id": 1, "file_name": "../x.jpg"}]}, "'../x.jpg' is no plain file name"),
        ({"images": [{"id": 1}]}, "lacks 'file_name'"),
        ({"images": 5}, "is not COCO's list of captions"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(coco, changes, said):
    with pytest.raises(UserError, match=said) as refusal:
        open_coco(coco(**changes))
    assert "captions_val2017.json" in str(refusal.value)


def test_files_that_are_missing_or_too_many_are_counted_and_named(coco):
    folder = coco()
    (folder / "val2017" / NAMES[724]).rename(folder / "val2017" / "other.jpg")
    with pytest.raises(UserError, match=r"lists 3 .* holds 3: 1 of them .*724\.jpg and 1 .*other"):
        open_coco(folder)


def test_a_picture_of_another_kind_is_no_part_of_coco(coco):
    folder = coco()
    Image.new("RGB", (8, 6)).save(folder / "val2017" / "grid.PNG")
    with pytest.raises(UserError, match=r"holds 4: 1 files there are not listed, .* grid\.PNG"):
        open_coco(folder)


def test_the_first_caption_of_each_picture_is_taken_twice(coco):
    expected = ["a bear.", "a bear.", "a room ", "a room ", "a sign\n", "a sign\n"]
    assert first_captions(open_coco(coco())) == expected


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"images": []}'])
def test_a_damaged_list_is_told_in_a_sentence(coco, content):
    folder = coco()
    (folder / "annotations" / "captions_val2017.json").write_bytes(content)
    with pytest.raises(UserError, match=r"captions_val2017\.json (is|holds).*unpack") as refusal:
        open_coco(folder)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("taken", ["val2017", "annotations", "all of it", "not given"])
def test_another_layout_is_refused_with_the_address(coco, taken):
    folder = coco()
    if taken in ("val2017", "annotations"):
        (folder / taken).rename(folder / "elsewhere")
    given = {"all of it": folder / "nowhere", "not given": None}.get(taken, folder)
    with pytest.raises(UserError, match=r"data\.path.*images\.cocodataset\.org/zips/val2017\.zip"):
        open_coco(given)


def test_another_file_than_the_authors_is_refused_by_its_hash(tmp_path):
    path = tmp_path / "coco-validation-2017-prompts.jsonl"
    path.write_text('"A motorcycle with its brake extended standing outside"\n')
    with pytest.raises(UserError, match=r"not the authors' file .* theirs 62c0fc96f436\.\.\."):
        authors_prompts(path, "protocol.prompts_file")


@pytest.mark.parametrize("name", ["prompts.jsonl", "prompts.txt", "prompts"])
def test_the_authors_file_is_read_as_json_whatever_its_name(tmp_path, monkeypatch, name):
    content = '"A motorcycle "\n"A \u2028 \\"sign\\""\n'.encode()
    monkeypatch.setattr(coco_module, "AUTHORS_SHA256", hashlib.sha256(content).hexdigest())
    (tmp_path / name).write_bytes(content)
    assert authors_prompts(tmp_path / name, "key") == ["A motorcycle ", 'A \u2028 "sign"']


def test_an_authors_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"protocol\.prompts_file=.* cannot be read \(No such file"):
        authors_prompts(tmp_path / "x.jsonl", "protocol.prompts_file")
