"""The list of bad rows of a run: told by whoever read them, kept by the process that trains."""

from lightning.pytorch.callbacks import Callback

from src.data.bad_rows import FILE_NAME, BadRows


def name_of_list(rank: int) -> str:
    """The list's file name: every process keeps its own."""
    return FILE_NAME if rank == 0 else FILE_NAME.replace(".", f"_rank{rank}.")


class NoteBadRows(Callback):
    """Before every pass: note the rows it would have met; end the run where too many are bad.

    Pictures are read in worker processes, whose own lists would be lost.
    """

    def __init__(self, bad: BadRows):
        self.bad = bad

    def on_train_batch_start(self, _trainer, _module, batch, _number) -> None:
        found = getattr(batch, "samples", batch)  # a U-ViT's batch holds more than its samples
        self.bad.note(list(found.rows), list(found.refused))
