"""What every test may lean on: no network, few threads, a seeded source of randomness."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported, or it has no effect
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pytest_addoption(parser):
    parser.addoption("--record", metavar="PATH", help="write what was shown to a JSON file")


def pytest_runtest_logreport(report):
    """Keep the outcome, the seconds and whatever a test told `record_property`."""
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES[report.nodeid] = {
            "outcome": report.outcome,
            "seconds": round(report.duration, 1),
            **dict(report.user_properties),
        }


OUTCOMES: dict[str, dict] = {}


def pytest_sessionfinish(session):
    path = session.config.getoption("--record")
    if path is None or not OUTCOMES:
        return
    from src.experiments import ROOT
    from src.report.code_identity import code_hashes, commit_and_dirt
    from src.whole_files import write_whole

    commit, is_dirty = commit_and_dirt(ROOT)
    record = {
        "name": "verify",
        "command": "make verify",
        "recorded": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "code": code_hashes(ROOT),
        "commit": commit,
        "is_dirty": is_dirty,
        "claims": OUTCOMES,
    }
    write_whole(Path(path), json.dumps(record, indent=2, ensure_ascii=False) + "\n")
