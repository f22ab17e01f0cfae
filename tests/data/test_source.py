"""Every way people keep captioned pictures opens as the same table; what cannot is a sentence."""

import io
import json
import tarfile

import datasets
import numpy as np
import pytest
from PIL import Image

from src.data.bad_rows import BadRowError
from src.data.config import PicturesConfig
from src.data.source import open_source
from src.errors import UserError

CAPTIONS = ["a red square", "a green square", "a blue square", "ein gelbes Fünfeck"]
COLORS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """The library unpacks into a folder of the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def png(color) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 40), color).save(buffer, format="PNG")
    return buffer.getvalue()


def write_files(folder) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"picture {index}.png" for index in range(len(CAPTIONS))]
    for name, color in zip(names, COLORS, strict=True):
        (folder / name).write_bytes(png(color))
    return names


def image_folder(folder):
    names = write_files(folder)
    lines = [
        json.dumps({"file_name": name, "text": caption})
        for name, caption in zip(names, CAPTIONS, strict=True)
    ]
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def parquet(folder):
    folder.mkdir()
    pictures = [{"bytes": png(color), "path": None} for color in COLORS]
    for part in (slice(0, 3), slice(3, 4)):
        table = datasets.Dataset.from_dict({"image": pictures[part], "text": CAPTIONS[part]})
        table.to_parquet(folder / f"part-{part.start}.parquet")
    return folder


def json_list(folder):
    names = write_files(folder / "pictures")
    rows = [
        {"file_name": f"pictures/{name}", "caption": caption}
        for name, caption in zip(names, CAPTIONS, strict=True)
    ]
    (folder / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "list.jsonl"


def csv_list(folder):
    names = write_files(folder / "pictures")
    rows = [f'"pictures/{name}","{caption}"' for name, caption in zip(names, CAPTIONS, strict=True)]
    (folder / "list.csv").write_text("\n".join(["image,prompt", *rows]), encoding="utf-8")
    return folder / "list.csv"


def tars(folder):
    folder.mkdir()
    for index, (caption, color) in enumerate(zip(CAPTIONS, COLORS, strict=True)):
        with tarfile.open(folder / f"{index // 2:03d}.tar", "a") as tar:
            for suffix, content in (("png", png(color)), ("txt", caption.encode())):
                entry = tarfile.TarInfo(f"{index:04d}.{suffix}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return folder


def saved_to_disk(folder):
    rows = {"image": [Image.new("RGB", (48, 40), color) for color in COLORS], "text": CAPTIONS}
    table = datasets.Dataset.from_dict(rows)
    table.save_to_disk(folder)
    return folder


LAYOUTS = [image_folder, parquet, json_list, csv_list, tars, saved_to_disk]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_same_rows(layout, tmp_path):
    source = open_source(PicturesConfig(path=str(layout(tmp_path / "data"))))
    rows = [source.row(index) for index in range(len(source))]
    assert [row.caption for row in rows] == CAPTIONS
    for row, color in zip(rows, COLORS, strict=True):
        file = io.BytesIO(row.picture) if isinstance(row.picture, bytes) else row.picture
        assert (np.asarray(Image.open(file)) == color).all()
    assert (rows[0].original_width, rows[0].aesthetic_score) == (None, None)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_name_that_looks_like_a_pattern_is_a_name(layout, tmp_path):
    found = open_source(PicturesConfig(path=str(layout(tmp_path / "in [V] style"))))
    assert [found.row(index).caption for index in range(len(found))] == CAPTIONS


def test_one_picture_may_have_brackets_in_its_name(tmp_path):
    path = tmp_path / "a mushroom in [V] style.png"
    path.write_bytes(png(COLORS[0]))
    config = PicturesConfig(path=str(path), is_caption_file_name=True)
    assert open_source(config).row(0).caption == "a mushroom in [V] style"


def test_a_list_beside_its_pictures_is_asked_for_by_its_name(tmp_path):
    names = write_files(tmp_path / "data")
    rows = [f"{name},{caption}" for name, caption in zip(names, "abcd", strict=True)]
    (tmp_path / "data" / "list.csv").write_text("\n".join(["image,text", *rows]))
    with pytest.raises(UserError, match=r"data\.path=\S+/data/list\.csv"):
        open_source(PicturesConfig(path=f"{tmp_path}/data"))
    assert open_source(PicturesConfig(path=f"{tmp_path}/data/list.csv")).row(1).caption == "b"
    config = PicturesConfig(path=f"{tmp_path}/data", is_caption_file_name=True)
    assert len(open_source(config)) == len(names)  # the list means nothing then


def test_a_number_beside_a_word_in_its_column_is_still_a_number(tmp_path):
    names = write_files(tmp_path / "data")
    rows = [
        f"{name},a,{score}" for name, score in zip(names, ("5.5", "", "nice", "-1"), strict=True)
    ]
    path = tmp_path / "data" / "list.csv"
    path.write_text("\n".join(["image,text,score", *rows]))
    source = open_source(PicturesConfig(path=str(path), aesthetic_score_column="score"))
    assert (source.row(0).aesthetic_score, source.row(1).aesthetic_score) == (5.5, None)
    for index, told in ((2, "'nice'"), (3, "-1.0")):
        with pytest.raises(BadRowError, match=f"aesthetic score is {told}, and a number"):
            source.row(index)


def test_a_pattern_of_tars_opens_as_well(tmp_path):
    folder = tars(tmp_path / "data")
    assert len(open_source(PicturesConfig(path=f"{folder}/000.tar"))) == 2
    assert len(open_source(PicturesConfig(path=f"{folder}/*.tar"))) == 4


def test_the_file_name_can_be_the_caption_as_in_styledrop(tmp_path):
    write_files(tmp_path / "data")
    config = PicturesConfig(path=f"{tmp_path}/data", is_caption_file_name=True)
    assert open_source(config).row(2).caption == "picture 2"


def test_columns_of_any_name_and_depth_are_read(tmp_path):
    (tmp_path / "data").mkdir()
    table = datasets.Dataset.from_dict(
        {
            "photo": [{"bytes": png(COLORS[0]), "path": "a.png"}],
            "meta": [{"says": "a red square", "size": {"w": 640, "h": 480}, "beauty": 5.5}],
        }
    )
    table.to_parquet(tmp_path / "data" / "a.parquet")
    config = PicturesConfig(
        path=f"{tmp_path}/data",
        image_column="photo",
        caption_column="meta.says",
        original_width_column="meta.size.w",
        original_height_column="meta.size.h",
        aesthetic_score_column="meta.beauty",
    )
    row = open_source(config).row(0)
    assert row.caption == "a red square"
    assert (row.original_width, row.original_height, row.aesthetic_score) == (640, 480, 5.5)


def test_the_fingerprint_is_that_of_the_files(tmp_path):
    folder = image_folder(tmp_path / "data")
    config = PicturesConfig(path=str(folder))
    before = open_source(config).fingerprint
    assert open_source(config).fingerprint == before
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8")
    (folder / "metadata.jsonl").write_text(lines.replace("red", "crimson"), encoding="utf-8")
    assert open_source(config).fingerprint != before


def test_a_split_of_a_saved_dictionary_is_chosen_by_name(tmp_path):
    rows = {"image": [Image.new("RGB", (48, 40))], "text": ["black"]}
    table = datasets.Dataset.from_dict(rows)
    datasets.DatasetDict({"train": table, "eval": table}).save_to_disk(tmp_path / "data")
    assert len(open_source(PicturesConfig(path=f"{tmp_path}/data", split="eval"))) == 1
    with pytest.raises(UserError, match=r"data.split=test is not in .*; it has train, eval"):
        open_source(PicturesConfig(path=f"{tmp_path}/data", split="test"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_column": "photo"}, r"data.image_column=photo: .* no such column; .*image, text"),
        ({"caption_column": "txet"}, r"data.caption_column=txet.*did you mean 'text'\?"),
        ({"split": "nope"}, "nope"),
        ({"is_caption_file_name": True, "caption_column": "text"}, "both given"),
    ],
)
def test_wrong_columns_and_splits_are_told_with_those_present(changes, said, tmp_path):
    path = str(image_folder(tmp_path / "data"))
    with pytest.raises(UserError, match=said):
        open_source(PicturesConfig(path=path, **changes))


def test_a_table_without_captions_names_what_it_has(tmp_path):
    write_files(tmp_path / "data")
    with pytest.raises(UserError, match=r"no column named text or caption .* It has image\."):
        open_source(PicturesConfig(path=f"{tmp_path}/data"))


def test_what_is_not_there_or_holds_nothing_is_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "broken.jsonl").write_text('{"image": ')
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "none.jsonl").write_text("")
    for name, said in (
        ("nowhere/at/all", "is not there"),
        ("empty", "without any file of a known kind"),
        ("notes.md", "of no known kind"),
        ("broken.jsonl", "cannot be read"),
        ("broken.parquet", "cannot be read"),
        ("none.jsonl", "none.jsonl"),
    ):
        with pytest.raises(UserError, match=said) as refusal:
            open_source(PicturesConfig(path=f"{tmp_path}/{name}"))
        assert "\n" not in str(refusal.value), name
    with pytest.raises(UserError, match=r"owner/name .* the hub does not give it"):
        open_source(PicturesConfig(path="owner/name"))


def test_a_folder_with_a_list_and_no_picture_says_so(tmp_path):
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "text": "a"}))
    with pytest.raises(UserError, match=r"holds metadata.jsonl and no picture"):
        open_source(PicturesConfig(path=str(tmp_path)))


@pytest.mark.parametrize("line", [b'{"file_name": "a.png", "text"', b"[1, 2]", b"\xff\xfe{}"])
def test_a_broken_line_is_told_with_its_file_and_number(tmp_path, line):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    good = json.dumps({"file_name": "a.png", "text": "a"}).encode()
    (tmp_path / "metadata.jsonl").write_bytes(b"\n".join([good, line, good]))
    with pytest.raises(UserError, match=r"line 2 of .*metadata.jsonl is broken"):
        open_source(PicturesConfig(path=str(tmp_path)))
