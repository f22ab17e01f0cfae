"""However many processes draw: every prompt has its picture, and it is the same one."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest
import torch

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.tasks import draw_many as module
from src.tasks.draw_many import draw_many
from src.tasks.drawing import generate_pictures
from src.tasks.inputs import open_model

PROMPTS = [f"a {size} {color} sun" for size in ("small", "large") for color in ("red", "green")] * 3
ASKED = [(PROMPTS[:7], 0), (PROMPTS[7:], 40)]


@pytest.fixture(autouse=True)
def one_thread():
    """As in the processes: how many threads share a sum decides its last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(config, told=lambda _: None, **settings) -> list[list[bytes]]:
    chosen = replace(config("evaluate"), evaluation=EvaluationConfig(**settings))
    model = open_model(chosen)
    lists = draw_many(model, chosen, ASKED, told)
    assert model.pictures_per_pass == 1, "the model was left as it was"
    return [[image.tobytes() for image in images] for images in lists]


def test_every_list_has_a_picture_of_every_prompt_with_its_seed(config):
    alone = open_model(config("evaluate"))
    expected = [
        [
            generate_pictures(alone, config("evaluate"), [prompt], [seed]).images[0].tobytes()
            for seed, prompt in enumerate(prompts, start=first_seed)
        ]
        for prompts, first_seed in ASKED
    ]
    assert drawn(config) == expected


@pytest.mark.slow
def test_two_processes_draw_the_pictures_of_one(config):
    counted = []
    both = drawn(config, counted.append, pictures_per_pass=3, num_processes=2)
    assert sum(counted) == len(PROMPTS)
    assert both == drawn(config, pictures_per_pass=3)


@pytest.mark.parametrize("each", [3, 16])
def test_a_pass_holds_pictures_of_one_list_alone(config, monkeypatch, each):
    seen, real = [], module.generate_pictures

    def generate(model, chosen, prompts, seeds):
        seen.append((model.pictures_per_pass, seeds))
        return real(model, chosen, prompts, seeds)

    monkeypatch.setattr(module, "generate_pictures", generate)
    drawn(config, pictures_per_pass=each)
    parts = {3: [range(6), range(6, 7), range(40, 45)], 16: [range(7), range(40, 45)]}[each]
    assert seen == [(each, list(part)) for part in parts]


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_in_a_sentence(config, monkeypatch):
    class Killing(ProcessPoolExecutor):
        def map(self, *work):
            found = super().map(*work)
            os.kill(next(iter(self._processes)), signal.SIGKILL)
            return found

    monkeypatch.setattr(module, "ProcessPoolExecutor", Killing)
    with pytest.raises(UserError, match=r"One of evaluation.num_processes=2 ended before its work"):
        drawn(config, num_processes=2)
