"""The committed index of experiments is what the records say today."""

from src.report.index import index
from src.tasks.index import INDEX, rows


def test_the_committed_index_claims_nothing_that_is_not_so():
    assert INDEX.read_text(encoding="utf-8") == index(rows()), (
        "an experiment, a record or the code has changed: python -m src.run +exp=index"
    )
