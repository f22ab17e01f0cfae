"""Captioned pictures from wherever they lie, opened by the `datasets` library as one table of rows.

A hub id, a picture, a folder of pictures with metadata.jsonl, Parquet, lists in JSON or CSV that
name picture files, WebDataset tars, and what `Dataset.save_to_disk` wrote. Random access to any
row; what has to be unpacked for that lies in the library's own cache.
"""

import glob
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from src.data.bad_rows import BadRowError
from src.data.columns import cell, find_columns
from src.data.config import PicturesConfig
from src.errors import UserError

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
BUILDERS = {  # the library's loader for files of that kind
    ".tar": "webdataset",
    ".parquet": "parquet",
    ".jsonl": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".arrow": "arrow",
}
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")  # of a folder of pictures
SAVED = ("state.json", "dataset_dict.json")  # of `Dataset.save_to_disk`


class RawRow(NamedTuple):
    """One row as it was written, before the picture is read."""

    picture: bytes | str  # a file's content, or its path
    place: str  # the file's name, for sentences about it
    caption: str  # "" of a table that is opened without captions
    original_width: float | None  # pixels; None = the picture's own size
    original_height: float | None
    aesthetic_score: float | None


class PictureSource:
    """An opened table. Rows are numbered from 0 and always stand in the same order."""

    def __init__(
        self, table: Any, config: PicturesConfig, root: Path | None, is_captioned: bool = True
    ):
        """Choose the columns of a `datasets.Dataset`.

        Args:
            root: the folder that relative picture paths start from.
            is_captioned: whether a row without caption is bad; otherwise captions are not read.

        Raises:
            UserError: no row, no such column, or a picture column that holds something else.
        """
        if len(table) == 0:
            raise UserError(
                f"data.path={config.path}, split {config.split}: there is no row in it."
            )
        self.config, self.root, self.is_captioned = config, root, is_captioned
        self.columns = find_columns(config, table.column_names, is_captioned)
        self.names = tuple(table.column_names)
        self.table = _undecoded(table.select_columns(self.columns.tops))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def fingerprint(self) -> str:
        """The library's hash of the table: another one when a file was changed, added or taken."""
        return self.table._fingerprint

    def row(self, index: int) -> RawRow:
        """Row number `index`; raises BadRowError for one without picture or caption."""
        try:
            row = self.table[index]
        except UnicodeDecodeError as error:
            raise BadRowError("its text is not UTF-8") from error
        columns = self.columns
        picture, place = self._picture(cell(row, columns.image))
        caption = Path(place).stem if columns.caption is None else cell(row, columns.caption)
        return RawRow(
            picture,
            place,
            _caption(caption) if self.is_captioned else "",
            number_of(cell(row, columns.original_width), "original width"),
            number_of(cell(row, columns.original_height), "original height"),
            number_of(cell(row, columns.aesthetic_score), "aesthetic score"),
        )

    def place(self, index: int) -> str:
        """The picture's file name where it has one, for the list of bad rows."""
        try:
            return self._picture(cell(self.table[index], self.columns.image))[1]
        except (BadRowError, UnicodeDecodeError):
            return ""

    def _picture(self, value: Any) -> tuple[bytes | str, str]:
        content, path = value, None
        if isinstance(value, dict):
            content, path = value.get("bytes"), value.get("path")
        if isinstance(content, bytes):
            return content, str(path or "")
        path = path or content
        if not isinstance(path, str) or not path:
            raise BadRowError("no picture")
        full = Path(path) if self.root is None else self.root / path
        return str(full), path


def open_source(config: PicturesConfig, is_captioned: bool = True) -> PictureSource:
    """Open the pictures that `data.path` names; raises UserError if that cannot be.

    is_captioned: False where pictures alone are of use, whatever is written about them.
    """
    if is_captioned:
        _check_list(config)
    table, root = open_table(config)
    return PictureSource(table, config, root, is_captioned)


def open_table(config: PicturesConfig) -> tuple[Any, Path | None]:
    """The `datasets.Dataset` at `data.path`, and the folder that relative picture paths start from.

    Nothing that a data set brings along as code is run. Raises UserError.
    """
    import datasets  # takes a second

    path = Path(config.path)
    if any((path / name).is_file() for name in SAVED):
        return _opened(config, datasets.load_from_disk, str(path)), None
    settings, root = _loader(config)
    return _opened(config, datasets.load_dataset, **settings), root


def _check_list(config: PicturesConfig) -> None:
    """A folder's list of another name than METADATA is not read with its pictures."""
    path = Path(config.path)
    if config.is_caption_file_name or not path.is_dir():
        return
    names = sorted(each.name for each in path.iterdir() if each.is_file())
    lists = [name for name in names if Path(name).suffix.lower() in BUILDERS]
    has_pictures = any(Path(name).suffix.lower() in PICTURES for name in names)
    if has_pictures and lists and not set(lists) & {*METADATA, *SAVED}:
        raise UserError(
            f"data.path={path} holds pictures and {lists[0]}, which is read with them only under "
            f"the name {METADATA[0]}: rename it, or give the list itself, data.path="
            f"{path / lists[0]}."
        )


def _loader(config: PicturesConfig) -> tuple[dict[str, Any], Path | None]:
    """Arguments for `datasets.load_dataset`, and where relative picture paths start."""
    path, split = Path(config.path), {"split": config.split}
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        suffixes = {each.suffix.lower() for each in files if each.name not in METADATA}
        if suffixes & PICTURES:
            if glob.escape(str(path)) == str(path):
                return {"path": "imagefolder", "data_dir": str(path), **split}, None
            inside = {config.split: f"{glob.escape(str(path))}/**"}  # or brackets would be patterns
            return {"path": "imagefolder", "data_files": inside, **split}, None
        for suffix, builder in BUILDERS.items():
            if suffix in suffixes:
                found = [_named(each) for each in files if each.suffix.lower() == suffix]
                return {"path": builder, "data_files": {config.split: found}, **split}, path
        lists = [each.name for each in files if each.name in METADATA]
        if lists:
            raise UserError(
                f"data.path={path} holds {lists[0]} and no picture: the files that it names have "
                "to lie in the same folder, or in one below."
            )
        kinds = ", ".join((*sorted(PICTURES), *BUILDERS))
        raise UserError(f"data.path={path} is a folder without any file of a known kind: {kinds}.")
    if path.is_file() or "*" in config.path:
        if path.suffix.lower() in PICTURES:
            return {
                "path": "imagefolder",
                "data_files": {config.split: _named(path)},
                **split,
            }, None
        builder = BUILDERS.get(path.suffix.lower())
        if builder is None:
            known = ", ".join((*sorted(PICTURES), *BUILDERS))
            raise UserError(f"data.path={path} is of no known kind; known: {known}.")
        files = {"data_files": {config.split: _named(path) if path.is_file() else config.path}}
        return {"path": builder, **files, **split}, path.parent
    is_hub_id = config.path.count("/") == 1 and not config.path.startswith((".", "/", "~"))
    if not is_hub_id:
        raise UserError(
            f"data.path={path} is not there; give a folder, a file, a pattern such as 'part-*.tar' "
            "or a hub id OWNER/NAME."
        )
    return {"path": config.path, "revision": config.revision, **split}, None


def _named(path: Path) -> str:
    """A file by its very name, which the library would take for a pattern."""
    return glob.escape(str(path))


def _opened(config: PicturesConfig, load: Callable, *args: Any, **settings: Any) -> Any:
    """Call the library; whatever goes wrong with people's files becomes a sentence."""
    import datasets

    try:
        table = load(*args, **settings)
    except (ConnectionError, datasets.exceptions.DatasetNotFoundError) as error:
        raise UserError(
            f"data.path={config.path} is no file or folder here, and the hub does not give it: "
            f"{_first_line(error)}"
        ) from error
    except Exception as error:  # the library's readers raise all kinds, chained
        reason = _broken_line(Path(config.path)) or _first_line(error.__cause__ or error)
        raise UserError(f"data.path={config.path} cannot be read: {reason}") from error
    if isinstance(table, datasets.DatasetDict):
        if config.split not in table:
            raise UserError(
                f"data.split={config.split} is not in {config.path}; it has {', '.join(table)}."
            )
        table = table[config.split]
    return table


def _broken_line(path: Path) -> str | None:
    """The first line of a list in JSON that is none; the library's reader does not name it."""
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    for file in files:
        if file.suffix != ".jsonl" or not file.is_file():
            continue
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    is_row = not line.strip() or isinstance(json.loads(line), dict)
                    why = "it is no JSON object"
                except (ValueError, RecursionError) as error:
                    is_row, why = False, _first_line(error).removesuffix(".")
                if not is_row:
                    return f"line {number} of {file} is broken ({why})."
    return None


def _undecoded(table: Any) -> Any:
    """Pictures as files' content: decoding is ours, or one damaged file would end the epoch."""
    import datasets

    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            table = table.cast_column(name, datasets.Image(decode=False))
    return table


def _caption(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadRowError("its caption is not UTF-8") from error
    if not isinstance(value, str):
        raise BadRowError("no caption" if value is None else f"its caption is {value!r}, not text")
    if not value.strip():
        raise BadRowError("its caption is empty")
    return value.strip()


def number_of(value: Any, what: str) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):  # one word in a list makes text of all its numbers
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**24:
        raise BadRowError(f"its {what} is {value!r}, and a number from 0 on is wanted")
    return float(value)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".") + "."
