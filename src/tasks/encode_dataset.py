"""Captioned pictures to token ids on disk, once, for many trainings; the same command continues."""

from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.errors import UserError
from src.experiments import RECORDS
from src.tasks.data_rows import check_size, open_rows
from src.tasks.drawing import drawing_progress
from src.tasks.inputs import open_model
from src.whole_files import alone_in


def run(config: RunConfig, folder: Path) -> None:
    """Encode all rows into `output_dir`, or into a folder of the experiment named by their content.

    Neither depends on when the command is given, so that giving it again continues.
    """
    from src.training.encode import DONE, check_own, encode_rows, encoding_identity, encoding_key

    if config.output_dir:
        check_own(Path(config.output_dir))
    data, encoding = config.data, config.encoding
    rows, data_hash = open_rows(config, encoding.num_scenes)
    model = open_model(config)
    check_size(config, model)
    num_codes = model.image_tokenizer.codebook_size
    if num_codes > 2**16:
        raise UserError(
            f"model={config.model} has {num_codes} codes; a token takes 16 bits, enough "
            f"for {2**16}."
        )
    identity = encoding_identity(model, data, encoding, config.seed, data_hash)
    name = encoding_key(identity)[:12]
    place = RECORDS / config.name / "runs" / f"tokens-{name}"
    place = Path(config.output_dir) if config.output_dir else place
    with alone_in(place), drawing_progress() as progress:
        was_done = (place / DONE).is_file()
        bar = progress.add_task("Encoding", total=len(rows))
        encoded = encode_rows(
            rows,
            model,
            encoding,
            identity,
            place,
            data.max_bad_ratio,
            lambda num: progress.advance(bar, num),
        )
    beginning = "Was done already: " if was_done else ""
    Console(highlight=False).print(
        f"{beginning}{encoded.num_pictures:,} pictures of {encoded.num_rows:,} rows, "
        f"{encoded.num_bad:,} of them bad; {encoded.num_codes_used:,} of {num_codes:,} "
        f"codes used:\n  {place}",
        soft_wrap=True,
        markup=False,
    )
