"""The memory of fine-tuning, reported beside what +exp=bench_recipes has measured.

Nothing is measured a second time: the numbers come from that experiment's record.
"""

from pathlib import Path

from src.config import RunConfig
from src.experiments import RECORDS
from src.tasks.reported_rows import print_rows


def run(config: RunConfig, folder: Path) -> None:
    """Print the table, and in one sentence what is missing of it."""
    print_rows(
        "memory of fine-tuning",
        RECORDS,
        "Memory of full-size models is measured on a GPU, by +exp=bench_recipes save_record=true.",
    )
