"""Which picture of a generation is looked at, by its number from 0."""

from typing import Any

from src.errors import UserError, shown


def check_picture(picture: Any, num_pictures: int) -> None:
    """Refuse what is no number of a picture; raises UserError."""
    if type(picture) is not int or not 0 <= picture < num_pictures:
        raise UserError(
            f"picture={shown(picture)} is not there; this generation has {num_pictures}, from 0."
        )
