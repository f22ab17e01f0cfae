"""The committed index of experiments is what the records say today."""

import pytest

from src.experiments import RECORDS
from src.report.index import index
from src.report.record import read_record
from src.tasks import index as task
from src.tasks.index import INDEX, rows


def test_the_committed_index_claims_nothing_that_is_not_so():
    assert INDEX.read_text(encoding="utf-8") == index(rows()), (
        "an experiment, a record or the code has changed: python -m src.run +exp=index"
    )


@pytest.mark.slow
def test_a_record_of_other_weights_is_stale(monkeypatch):
    recorded = read_record(RECORDS / "evaluate").weights

    def reasons(weights):
        monkeypatch.setattr(task, "shipped_weights", lambda: weights)
        (row,) = (row for row in rows() if row.header.name == "evaluate")
        return [reason for reason in row.stale_reasons if "weights" in reason]

    assert reasons(recorded) == []
    assert reasons(recorded | {"model": "0" * 12}) == ["the weights of model have changed"]
