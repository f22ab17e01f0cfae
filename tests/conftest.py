"""What every test may lean on: no network, one thread, and a seeded source of randomness."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported, or it has no effect
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
