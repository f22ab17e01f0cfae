"""The shipped world, small pieces of it, and its oracle."""

import pytest
import yaml

from src.data.config import DataConfig
from src.data.oracle import Oracle
from src.data.scenes import World
from src.experiments import CONF


def world_named(name: str) -> World:
    return World(DataConfig(**yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())))


@pytest.fixture(scope="session")
def world() -> World:
    return world_named("glyphs")


@pytest.fixture(scope="session")
def rich_world() -> World:
    return world_named("glyphs_rich")


@pytest.fixture(scope="session")
def oracle(world) -> Oracle:
    return Oracle(world)
