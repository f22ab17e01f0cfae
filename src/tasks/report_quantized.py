"""What the report says of quantized models, beside ours."""

from pathlib import Path

from src.config import RunConfig
from src.experiments import RECORDS
from src.tasks.reported_rows import print_rows


def run(config: RunConfig, folder: Path) -> None:
    """Print the table, and in one sentence why nothing is measured."""
    print_rows(
        "quantization",
        RECORDS,
        "Nothing was measured: this workspace has no quantized model yet.",
    )
