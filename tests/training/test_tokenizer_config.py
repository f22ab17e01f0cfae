from dataclasses import replace

import pytest

from src.errors import UserError
from src.training.tokenizer_config import TokenizerLossConfig, check_losses


def test_the_defaults_need_no_file_and_pass():
    check_losses(TokenizerLossConfig())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"gan_weight": -1.0}, r"tokenizer\.gan_weight=-1\.0 is impossible"),
        ({"l1_weight": float("nan")}, r"tokenizer\.l1_weight=nan is impossible"),
        ({"revive_after": -1}, r"tokenizer\.revive_after=-1 is impossible"),
        ({"discriminator_layers": 0}, r"discriminator_layers=0 .* from 1 to 6"),
        ({"discriminator_channels": 20}, "give a multiple of 8"),
        ({"l1_weight": 0.0}, "nothing would ask for the picture back"),
        ({"perceptual_weight": 1.0}, r"needs tokenizer\.vgg_weights, a file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        check_losses(replace(TokenizerLossConfig(), **changes))


def test_any_one_reconstruction_loss_is_enough():
    check_losses(TokenizerLossConfig(l1_weight=0.0, l2_weight=1.0))
    check_losses(TokenizerLossConfig(l1_weight=0.0, perceptual_weight=1.0, vgg_weights="vgg.pth"))
