import pytest

from src.amused import Amused


@pytest.fixture(scope="session")
def tiny(tiny_settings):
    """A model of random weights, so that prompts, tokens and conditions all have their effect."""
    return Amused.from_config(tiny_settings, seed=5)
