"""A picture file says where it came from, and a closed folder is left alone."""

import io
import json

import pytest
from PIL import Image

from src.errors import UserError
from src.report.pictures import annotated_png, check_unused, write_manifest


def test_a_png_carries_what_is_known_about_it_in_any_script():
    about = {"prompt": "größer, αβγ", "seed": 2**40, "variant": None, "file": "00000.png"}
    picture = Image.new("RGB", (4, 2), "red")
    with Image.open(io.BytesIO(annotated_png(picture, about))) as read:
        assert read.text == {"prompt": "größer, αβγ", "seed": str(2**40)}
        assert read.getpixel((3, 1)) == (255, 0, 0)


def test_a_folder_is_closed_by_its_manifest(tmp_path):
    check_unused(tmp_path / "not there")
    check_unused(tmp_path)
    write_manifest({"model": "m"}, [{"file": "00000.png"}], tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == {"model": "m", "pictures": [{"file": "00000.png"}]}
    with pytest.raises(UserError, match="choose another output_dir"):
        check_unused(tmp_path)
