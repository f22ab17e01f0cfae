"""What `data` names, opened: people's pictures where `data.path` says so, else the drawn world."""

from src.config import RunConfig
from src.data.bad_rows import BadRowError
from src.data.captioned import CaptionedPicture, CaptionedPictures
from src.data.scenes import World
from src.data.source import open_source
from src.data.survey import DrawnRows, Rows
from src.errors import UserError


def check_size(config: RunConfig, model) -> None:
    """Refuse pictures of another size than the model's; drawn scenes say so elsewhere."""
    size = config.data.picture_size
    if config.data.path is not None and size != model.height:
        raise UserError(
            f"data.picture_size={size}, and model={config.model} draws {model.height} pixels: give "
            f"data.picture_size={model.height}, or the model that is to be trained."
        )


def open_rows(config: RunConfig, num_drawn: int) -> tuple[Rows, str]:
    """The rows, and a hash of what they are; of a world, which has no end, the first `num_drawn`.

    Raises UserError for data that cannot be opened.
    """
    data = config.data
    if data.path is None:
        return DrawnRows(World(data), config.seed, num_drawn), ""
    source = open_source(data)
    return CaptionedPictures(source, data, data.picture_size, config.seed), source.fingerprint


def every_row(rows: CaptionedPictures, num_rows: int, path: str | None) -> list[CaptionedPicture]:
    """All rows of a small set; raises UserError for one that cannot be looked at."""
    found = []
    for number in range(num_rows):
        try:
            found.append(rows.row(number))
        except BadRowError as error:
            raise UserError(
                f"Row {number} of data.path={path} is bad: {error}; mend it, or take it away."
            ) from error
    return found
