"""What could not be looked at is refused by its key."""

import pytest

from src.errors import UserError
from src.interpret.inspection_config import InspectionConfig, check_inspection


def test_the_defaults_are_valid():
    check_inspection(InspectionConfig())


def test_how_many_are_swept_is_asked_where_they_are_swept():
    few = InspectionConfig(num_pictures=12)
    check_inspection(few, "inspect_words")
    with pytest.raises(UserError, match=r"num_swept=100 .* from 2 to inspection.num_pictures=12"):
        check_inspection(few, "inspect_micro_cond")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_pictures", 3),
        ("num_swept", 301),
        ("num_traced", 1),
        ("num_bins", 0),
        ("num_hidings", 0),
        ("num_shuffles", 0),
        ("path_steps", 0),
        ("mask_ratio", 0.0),
        ("mask_ratio", float("nan")),
        ("mask_ratios", [0.5, 1.1]),
        ("mask_ratios", []),
        ("guidance_scales", [2.0, 2.0]),
        ("guidance_scales", [-1.0]),
    ],
)
def test_an_impossible_setting_is_named(key, value):
    with pytest.raises(UserError, match=f"inspection.{key}.* impossible"):
        check_inspection(InspectionConfig(**{key: value}))
