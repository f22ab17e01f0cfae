"""Which column is the picture, which the caption: as configured, or by its usual name."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from src.data.config import PicturesConfig
from src.errors import UserError, nearest

USUAL_IMAGE = ("image", "jpg", "jpeg", "png", "webp", "img", "picture", "file_name")
USUAL_CAPTION = ("text", "caption", "txt", "prompt", "description")


class Columns(NamedTuple):
    """Column names, dotted for what lies inside a column of groups; None = the table has none."""

    image: str
    caption: str | None  # None = the file's name is the caption
    original_width: str | None
    original_height: str | None
    aesthetic_score: str | None

    @property
    def tops(self) -> list[str]:
        """The columns to read, each once, in the order of their first use."""
        return list(dict.fromkeys(name.partition(".")[0] for name in self if name))


def find_columns(
    config: PicturesConfig, names: Sequence[str], is_captioned: bool = True
) -> Columns:
    """Choose from a table's column names; raises UserError that lists them.

    is_captioned: whether a caption and what else is told about a picture are looked for at all.
    """
    wanted = ("image", "caption", "original_width", "original_height", "aesthetic_score")
    for key in wanted if is_captioned else wanted[:1]:
        given = getattr(config, f"{key}_column")
        if given is not None and given.partition(".")[0] not in names:
            raise UserError(
                f"data.{key}_column={given}: {config.path} has no such column; "
                f"{nearest(given, names)}"
            )
    if not is_captioned:
        image = config.image_column or usual_column("image", USUAL_IMAGE, config, names)
        return Columns(image, None, None, None, None)
    if config.is_caption_file_name and config.caption_column is not None:
        raise UserError(
            "data.is_caption_file_name and data.caption_column are both given; give one of them."
        )
    caption = config.caption_column
    if caption is None and not config.is_caption_file_name:
        caption = usual_column("caption", USUAL_CAPTION, config, names)
    return Columns(
        image=config.image_column or usual_column("image", USUAL_IMAGE, config, names),
        caption=caption,
        original_width=config.original_width_column,
        original_height=config.original_height_column,
        aesthetic_score=config.aesthetic_score_column,
    )


def cell(row: Mapping[str, Any], name: str | None) -> Any:
    """What stands in a column of a row, also inside groups; None where there is nothing."""
    value: Any = row
    for part in name.split(".") if name else ():
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if name else None


def usual_column(
    what: str, usual: Sequence[str], config: PicturesConfig, names: Sequence[str]
) -> str:
    """The first of the usual names that a table has; raises UserError that lists what it has."""
    found = [name for name in usual if name in names]
    if not found:
        remedy = ", or data.is_caption_file_name=true" if what == "caption" else ""
        raise UserError(
            f"{config.path} has no column named {' or '.join(usual)}: give "
            f"data.{what}_column=NAME{remedy}. It has {', '.join(names) or 'no column'}."
        )
    return found[0]
