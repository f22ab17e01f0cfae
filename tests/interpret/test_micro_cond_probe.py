"""The probe: a model that hears nothing of its numbers gains nothing by the truth."""

import pytest
import torch
from torch import Generator

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.micro_cond_probe import NAMES, column_of, gain_of_truth, strangers
from src.interpret.teacher_forcing import ask, hide_share, mean_of_pictures, told

COUNT, MASK = 24, 39
MICROS = [MicroCond(16 + 4 * k, 32 + k, k, 2 * k, 2.0 + k / 2) for k in range(COUNT)]


def listener(settings: dict) -> Amused:
    """A random model that leans on its numbers more than on anything else."""
    amused = Amused.from_config(settings, seed=5)
    amused.transformer.condition_in.weight.data[:, amused.transformer.config.cond_embed_dim :] *= 5
    return amused


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    return listener(tiny_settings)


@pytest.fixture(scope="module")
def rows(tiny):
    return told(tiny, ["a star"] * COUNT, MICROS)


def deaf_to(amused: Amused, names: tuple[str, ...]) -> None:
    """Zero the weights by which the transformer hears of some numbers."""
    config = amused.transformer.config
    weight = amused.transformer.condition_in.weight.data
    for name in names:
        start = config.cond_embed_dim + column_of(name) * config.micro_cond_encode_dim
        weight[:, start : start + config.micro_cond_encode_dim] = 0


@pytest.fixture
def deaf(tiny_settings):
    amused = listener(tiny_settings)
    deaf_to(amused, NAMES)
    return amused


@pytest.fixture(scope="module")
def hidden(tiny, rows):
    """Tokens as the model itself draws them under each picture's own numbers."""
    masked, rng = torch.full((COUNT, 8, 8), MASK), Generator().manual_seed(0)
    with torch.no_grad():
        logits = tiny.transformer(masked, *rows.text, rows.micro_cond)
    drawn = torch.multinomial(logits.flatten(0, 1).softmax(-1), 1, generator=rng)
    return hide_share(drawn.view(COUNT, 8, 8), 1.0, MASK, rng)


def test_pictures_that_follow_their_numbers_show_who_listens(tiny, deaf, hidden, rows):
    listening = gain_of_truth(tiny, hidden, rows, Generator().manual_seed(0))
    assert listening.mean() > 3 * listening.std() / COUNT**0.5
    assert (gain_of_truth(deaf, hidden, rows, Generator().manual_seed(0)) == 0).all()


def test_only_the_named_numbers_are_shuffled(tiny_settings, hidden, rows):
    half_deaf = listener(tiny_settings)
    deaf_to(half_deaf, NAMES[2:])
    gain = gain_of_truth(half_deaf, hidden, rows, Generator().manual_seed(0), NAMES[2:])
    assert (gain == 0).all()
    gain = gain_of_truth(half_deaf, hidden, rows, Generator().manual_seed(0), NAMES[:2])
    assert (gain != 0).all()


def test_one_shuffle_is_the_plain_difference(tiny, hidden, rows):
    gain = gain_of_truth(tiny, hidden, rows, Generator().manual_seed(3), num_shuffles=1)
    others = strangers(COUNT, Generator().manual_seed(3))
    strange = told(tiny, ["a star"] * COUNT, [MICROS[other] for other in others])
    means = [
        mean_of_pictures(answers.log_likelihood, answers.pictures, COUNT)
        for answers in (ask(tiny, hidden, rows), ask(tiny, hidden, strange))
    ]
    torch.testing.assert_close(gain, means[0] - means[1])


@pytest.mark.parametrize("num_pictures", [2, 3, 50])
def test_nobody_is_their_own_stranger_and_everybody_is_one(num_pictures):
    for seed in range(20):
        found = strangers(num_pictures, Generator().manual_seed(seed))
        assert (found != torch.arange(num_pictures)).all()
        assert found.sort().values.tolist() == list(range(num_pictures))


def test_a_lone_picture_and_an_unknown_number_are_refused(tiny, hidden, rows, rng):
    with pytest.raises(UserError, match="no other to be confused with"):
        strangers(1, rng)
    with pytest.raises(UserError, match="no micro-condition 'crop_topp'; did you mean 'crop_top'"):
        gain_of_truth(tiny, hidden, rows, rng, ["crop_topp"])


@pytest.mark.parametrize("num_shuffles", [0, -1, 1.5])
def test_without_strangers_there_is_no_gain(tiny, hidden, rows, rng, num_shuffles):
    with pytest.raises(UserError, match=r"num_shuffles=.* is impossible; give a whole number"):
        gain_of_truth(tiny, hidden, rows, rng, num_shuffles=num_shuffles)
