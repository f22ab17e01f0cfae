"""What every test may lean on: no network, few threads, seeded randomness, a tiny model."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported, or it has no effect
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER" in os.environ:  # two tests of two threads each on two cores take tenfold
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
import yaml

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))

TINY = {
    "transformer": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "in_channels": 16,
        "block_out_channels": 16,
        "num_res_blocks": 1,
        "block_num_heads": 2,
        "codebook_size": 32,
        "vocab_size": 40,
        "sample_size": 8,
        "encoder_hidden_size": 16,
        "cond_embed_dim": 16,
        "micro_cond_encode_dim": 8,
        "micro_cond_embed_dim": 40,
    },
    "vqvae": {
        "block_out_channels": [8, 8, 16],
        "layers_per_block": 1,
        "latent_channels": 4,
        "num_vq_embeddings": 32,
        "norm_num_groups": 4,
        "sample_size": 8,
    },
    "text_encoder": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "max_position_embeddings": 32,
        "projection_dim": 16,
    },
}


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def world():
    """The world of the shipped model."""
    from src.data.config import DataConfig
    from src.data.scenes import World
    from src.experiments import CONF

    return World(DataConfig(**yaml.safe_load((CONF / "data" / "glyphs.yaml").read_text())))


@pytest.fixture(scope="session")
def tiny_settings(world) -> dict:
    """All of aMUSEd in a few thousand parameters, for pictures and captions of that world."""
    from src.data.captions import vocabulary

    return TINY | {"tokenizer": {"words": vocabulary(world)}}


def pytest_addoption(parser):
    parser.addoption("--record", metavar="PATH", help="write what was shown to a JSON file")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note a claim's outcome, its seconds and what it told `record_property`, as soon as known.

    Claims not asked for this time keep what was noted of them: the long ones may be shown one at
    a time, and a killed run loses only the one it was at.
    """
    report = yield
    path = item.config.getoption("--record")
    if path is None or (report.when != "call" and report.outcome == "passed"):
        return report
    from src.experiments import ROOT
    from src.report.code_identity import code_hashes, commit_and_dirt
    from src.whole_files import write_whole

    path = Path(path)
    commit, is_dirty = commit_and_dirt(ROOT)
    known = json.loads(path.read_text(encoding="utf-8"))["claims"] if path.exists() else {}
    claim = {
        "outcome": report.outcome,
        "seconds": round(report.duration, 1),
        **dict(report.user_properties),
        "recorded": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "code": code_hashes(ROOT),
        "commit": commit,
        "is_dirty": is_dirty,
    }
    claims = known | {report.nodeid: claim}
    record = {"name": "verify", "command": "make verify", "claims": claims}
    write_whole(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return report
