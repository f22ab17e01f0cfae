"""A model card: a header that the Hub reads, and no number of other weights."""

import yaml

from src.evaluation.measurement import Measurement
from src.report.model_card import model_card
from tests.report.test_beside import record


def test_the_header_is_metadata_of_the_hub():
    card = model_card("me/tiny", {"pictures": "32 x 32 pixels"}, 2.0, license_name="openrail++")
    _, header, body = card.split("---\n", 2)
    assert yaml.safe_load(header) == {
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "license": "openrail++",
        "tags": ["text-to-image", "masked-image-modeling", "vqgan"],
    }
    assert "# me/tiny" in body
    assert "| pictures | 32 x 32 pixels |" in body
    assert 'pipeline("a red heart", guidance_scale=2)' in body


def test_a_license_is_named_only_if_it_is_known():
    assert "license" not in model_card("me/tiny", {}, 2.0)


def test_numbers_come_with_their_command():
    measured = record([Measurement("FD[x]", 2.5, 1000)])
    card = model_card("me/tiny", {}, 2.0, measured)
    assert "| FD[x] | 2.50 | 1,000 |" in card
    assert "By `python -m src.run +exp=x`" in card
    assert "Nothing was measured of these weights." in model_card("me/tiny", {}, 2.0)
