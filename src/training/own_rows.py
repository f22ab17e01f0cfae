"""People's own data as rows to train on: pictures, a folder of token ids, or a table of them."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from src.amused import Amused
from src.checkpoint.fingerprint import SHORT_LENGTH, weights_hash
from src.data.bad_rows import BadRowError
from src.data.captioned import CaptionedPictures
from src.data.config import DataConfig
from src.data.source import open_source
from src.data.token_source import open_token_table
from src.errors import UserError
from src.training.encoded_folder import as_scenes, check_made_for, read_folder
from src.training.rows import PictureRows, Rows, TokenRows

NUM_CAPTIONS = 32


class OwnRows(NamedTuple):
    """Rows to train on, and what is told about them."""

    rows: Rows
    captions: list[str]  # of some of them, to be drawn on the way
    content: str  # a hash: another one when the data have changed


def open_own_rows(amused: Amused, data: DataConfig, seed: int) -> OwnRows:
    """Open what `data` names for the training of this model.

    Raises UserError for data that cannot be opened, or are of another size or image tokenizer.
    """
    if data.tokens is not None:
        return _folder(amused, Path(data.tokens), seed)
    if data.token_ids_column is not None:
        return _table(amused, data, seed)
    return _pictures(amused, data, seed)


def _folder(amused: Amused, folder: Path, seed: int) -> OwnRows:
    encoded, made_with = read_folder(folder)
    tokenizer = weights_hash(amused.image_tokenizer.state_dict())[:SHORT_LENGTH]
    check_made_for(encoded, made_with, folder, tokenizer, amused.transformer.config.sample_size)
    rows = TokenRows(as_scenes(encoded, amused.text_encoder), seed)
    captions = [each.caption for each in encoded[:NUM_CAPTIONS]]
    return OwnRows(rows, captions, made_with["data.path, content"])


def _table(amused: Amused, data: DataConfig, seed: int) -> OwnRows:
    settings = amused.transformer.config
    table = open_token_table(data, settings.sample_size, settings.codebook_size, amused.height)
    rows = TokenRows(as_scenes(table.rows, amused.text_encoder), seed)
    return OwnRows(rows, [each.caption for each in table.rows[:NUM_CAPTIONS]], table.fingerprint)


def _pictures(amused: Amused, data: DataConfig, seed: int) -> OwnRows:
    if data.picture_size != amused.height:
        raise UserError(
            f"data.picture_size={data.picture_size}, and the model draws {amused.height} pixels: "
            f"give data.picture_size={amused.height}."
        )
    source = open_source(data)
    pictures = CaptionedPictures(source, data, amused.height, seed)
    captions = []
    for row in range(min(len(source), 4 * NUM_CAPTIONS)):
        with suppress(BadRowError):
            captions.append(source.row(row).caption)
    return OwnRows(
        PictureRows(pictures, amused.text_encoder), captions[:NUM_CAPTIONS], source.fingerprint
    )
