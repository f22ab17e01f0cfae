import pytest

from src.amused import Amused
from src.theatre.stage import Stage
from tests.browser.jupyter import browser, lab, voila  # noqa: F401  fixtures

PROMPT = "a small red sun on a white background"
STEPS = 4


@pytest.fixture(scope="session")
def tiny(tiny_settings):
    """A model of random weights, so that prompts and tokens have their effect; 8 x 8 tokens."""
    return Amused.from_config(tiny_settings, seed=5)


@pytest.fixture(scope="session")
def drawn(tiny):
    """One picture's branch; branches never change, so every test may start with it."""
    stage = Stage(tiny)
    stage.draw(PROMPT, seed=3, num_steps=STEPS, guidance_scale=3.0)
    return stage.node.branch


@pytest.fixture
def stage(tiny, drawn):
    """A stage with one branch, looked at after step 2 of 4."""
    stage = Stage(tiny)
    stage.add(drawn)
    stage.look(2)
    return stage
