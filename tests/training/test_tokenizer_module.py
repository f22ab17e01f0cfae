"""Training a VQGAN against a discriminator: what a step does, and that runs are exact."""

from dataclasses import replace

import lightning
import numpy as np
import pytest
import torch
from torch import nn

from src.errors import UserError
from src.training.checkpoint import averaged_weights
from src.training.fit import fit
from src.training.picture_batches import PictureBatch
from src.training.tokenizer_config import TokenizerLossConfig
from src.training.tokenizer_module import TokenizerModule
from src.training.vqgan_module import to_unit_pixels

LOSSES = TokenizerLossConfig(
    gan_start=0, discriminator_channels=8, discriminator_layers=2, revive_after=0
)


class Watch(lightning.Callback):
    """Keep every step's numbers; end the piece after so many steps."""

    def __init__(self, until=10**9):
        self.until, self.seen = until, []

    def on_train_batch_end(self, trainer, *_):
        self.seen.append({name: float(each) for name, each in trainer.callback_metrics.items()})
        trainer.should_stop = trainer.global_step >= self.until


def pictures_of(step, _part=None):
    """Eight toy pictures, the same at every step: colours that change smoothly over 32 pixels."""
    corners = torch.from_numpy(np.random.default_rng(0).random((8, 3, 3, 3), dtype=np.float32))
    smooth = nn.functional.interpolate(corners, size=32, mode="bilinear")
    return PictureBatch((smooth * 255).byte().movedim(1, -1))


@pytest.fixture
def train(parts, config, tmp_path):
    """Train the same start for some steps; the module, and each step's numbers."""
    torch.set_num_threads(1)
    start = {name: each.clone() for name, each in parts.image_tokenizer.state_dict().items()}

    def run(losses, until=10**9, folder=None, edit=None, **settings):
        parts.image_tokenizer.load_state_dict(start)
        if edit:
            edit(parts.image_tokenizer)
        settings = replace(config, **settings)
        module = TokenizerModule(parts.image_tokenizer, settings, losses, seed=1)
        watch = Watch(until)
        run.count += 1
        steps = fit(module, pictures_of, settings, folder or tmp_path / str(run.count), [watch])
        state = {name: each.clone() for name, each in module.state_dict().items()}
        return steps, state, watch.seen

    run.count, run.start = 0, start
    return run


def differing(one, other):
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


@pytest.mark.parametrize(
    ("gan_start", "stop", "settings"),
    [(3, 2, {}), (1, 4, {}), (1, 4, {"precision": "bf16-mixed", "num_workers": 1})],
)
def test_a_run_in_pieces_ends_with_the_same_bits(gan_start, stop, settings, train, tmp_path):
    losses = replace(LOSSES, gan_start=gan_start, revive_after=1)
    settings |= {"max_steps": 8}
    steps, whole, seen = train(losses, **settings)
    assert steps == len(seen) == 8  # a batch is a step, though both sides move
    assert sum(each["revived"] for each in seen) > 0
    assert train(losses, stop, tmp_path / "pieces", **settings)[0] == stop
    steps, pieces, _ = train(losses, folder=tmp_path / "pieces", **settings)
    assert steps == 8
    assert differing(whole, pieces) == []
    averaged = averaged_weights(tmp_path / "pieces")
    assert averaged.keys() == train.start.keys()
    assert not torch.equal(averaged["decoder.head.weight"], train.start["decoder.head.weight"])


def test_before_its_start_the_discriminator_does_not_exist_for_the_generator(train):
    with_game, without = replace(LOSSES, gan_start=3), replace(LOSSES, gan_weight=0.0)
    for steps, is_same in ((3, True), (4, False)):
        (_, one, _), (_, other, _) = train(with_game, steps), train(without, steps)
        names = differing(one, other)
        assert (not names) == is_same
        assert any(name.startswith("discriminator") for name in names) != is_same


def both_sides(vqgan, judge, pixels):
    """The generator's and the discriminator's loss and the adaptive weight, from the papers."""
    latents = vqgan.to_codes(vqgan.encoder(pixels)).movedim(1, -1)
    codebook = vqgan.quantizer.codebook
    codes = codebook[(latents[..., None, :] - codebook).square().sum(-1).argmin(-1)]
    through = latents + (codes - latents).detach()
    back = vqgan.decode_codes(through.movedim(-1, 1))
    reconstruction = (back - pixels).abs().mean() + 2 * ((back - pixels) ** 2).mean()
    fooled = -judge(back).mean()
    last = vqgan.decoder.head.weight
    pull, push = (
        torch.autograd.grad(each, last, retain_graph=True)[0].norm()
        for each in (reconstruction, fooled)
    )
    distances = (codes - latents.detach()) ** 2, (codes.detach() - latents) ** 2
    codes_follow, latents_stay = (each.mean() for each in distances)
    drawn = reconstruction + 0.5 * (pull / push) * fooled + codes_follow + 0.25 * latents_stay
    real, fake = judge(pixels), judge(back.detach())
    judged = ((1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()) / 2
    return drawn, judged, pull / push


def test_steps_are_those_of_two_optimizers_written_by_hand(train, parts, config):
    losses = replace(LOSSES, l2_weight=2.0, gan_weight=0.5, discriminator_learning_rate=3e-3)
    _, after, seen = train(losses, until=2, weight_decay=0.1)

    vqgan = parts.image_tokenizer
    vqgan.load_state_dict(train.start)
    judge = TokenizerModule(vqgan, config, losses, seed=1).discriminator
    codebook = vqgan.quantizer.codebook
    decays = [each for each in vqgan.parameters() if each.ndim > 1 and each is not codebook]
    stays = [each for each in vqgan.parameters() if each.ndim == 1 or each is codebook]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": stays, "weight_decay": 0.0}]
    draws = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))
    judges = torch.optim.AdamW(judge.parameters(), lr=3e-3, betas=(0.5, 0.9), weight_decay=0.0)
    for step in range(2):
        drawn, judged, weight = both_sides(vqgan, judge, to_unit_pixels(pictures_of(step).pictures))
        assert seen[step]["adaptive_weight"] == pytest.approx(weight.item(), rel=1e-3)
        assert seen[step]["loss"] == pytest.approx((drawn + judged).item(), rel=1e-4)
        for side, loss in ((vqgan, drawn), (judge, judged)):
            own = list(side.parameters())
            gradients = torch.autograd.grad(loss, own, retain_graph=True)
            for each, gradient in zip(own, gradients, strict=True):
                each.grad = gradient
            torch.nn.utils.clip_grad_norm_(own, 1.0)
        draws.step()
        judges.step()

    for prefix, side in (("vqgan", vqgan), ("discriminator", judge)):
        for name, expected in side.state_dict().items():
            assert torch.allclose(after[f"{prefix}.{name}"], expected, atol=5e-5), name
    head = "decoder.head.weight"  # has moved by far more than may differ
    assert (after[f"vqgan.{head}"] - train.start[head]).abs().max() > 1e-3


def test_pictures_come_back_better_with_every_loss_on(train):
    """Better than the best single colour, and the discriminator learns to tell the two apart."""
    losses = replace(LOSSES, gan_start=60, revive_after=5, discriminator_learning_rate=1e-2)
    _, _, seen = train(losses, max_steps=100, learning_rate=3e-3, checkpoint_every=100)
    pixels = to_unit_pixels(pictures_of(0).pictures)
    one_color = -10 * (pixels - pixels.mean((0, 2, 3), keepdim=True)).square().mean().log10()
    before, after = (np.mean([each["psnr"] for each in part]) for part in (seen[:5], seen[-5:]))
    assert before < one_color < after - 1
    assert "discriminator" not in seen[59]
    gaps = [each["logits_real"] - each["logits_fake"] for each in seen[60:]]
    assert np.mean(gaps[-5:]) > gaps[0] + 0.2
    assert seen[-1]["discriminator"] < 1  # what it loses while it gives both the same small logit


def lonely(vqgan):
    """Leave one code of 32 where latents are."""
    with torch.no_grad():
        vqgan.quantizer.codebook[1:] = 1e3


@pytest.mark.parametrize("revive_after", [0, 2])
def test_a_codebook_of_one_living_code_is_brought_back_to_life(train, revive_after):
    losses = replace(LOSSES, gan_weight=0.0, revive_after=revive_after)
    _, state, seen = train(losses, edit=lonely, max_steps=10, decay_ratio=0.1)
    used = [round(32 * each["codes_used"]) for each in seen]
    assert used[:2] == [1, 1]
    if not revive_after:
        assert used[-1] == 1
        assert seen[-1]["perplexity"] == 1
        return
    assert max(used) > 8
    assert seen[-1]["perplexity"] > 2
    distances = torch.cdist(
        state["vqgan.quantizer.codebook"], state["average.module.quantizer.codebook"]
    )
    assert distances.diagonal().max() < 1  # the average has jumped along: it was a thousand away


def test_codes_stay_where_they_are_while_the_rate_falls(train):
    losses = replace(LOSSES, gan_weight=0.0, revive_after=2)
    _, _, seen = train(losses, edit=lonely, max_steps=10, decay_ratio=0.8)
    assert all(each["revived"] == 0 for each in seen)


def test_each_side_is_clipped_by_its_own_norm(parts, config):
    module = TokenizerModule(parts.image_tokenizer, config, LOSSES, seed=1)
    for each in module.vqgan.parameters():
        each.grad = torch.full_like(each, 1e-5)
    for each in module.discriminator.parameters():
        each.grad = torch.full_like(each, 1e3)
    module.configure_gradient_clipping(None, 1.0)
    assert all((each.grad == 1e-5).all() for each in module.vqgan.parameters())
    norm = torch.nn.utils.get_total_norm([each.grad for each in module.discriminator.parameters()])
    assert norm.item() == pytest.approx(1, rel=1e-4)


def test_the_perceptual_loss_is_weighed_and_left_out_of_checkpoints(parts, config):
    class Grey(nn.Module):
        """A distance whose gradient is known: how bright the reconstruction is."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(3.0))

        def forward(self, pixels, back):
            return self.scale * back.mean()

    losses = replace(LOSSES, perceptual_weight=0.5, vgg_weights="unused")
    module = TokenizerModule(parts.image_tokenizer, config, losses, 1, Grey())
    plain = TokenizerModule(parts.image_tokenizer, config, LOSSES, 1)
    pixels, back = to_unit_pixels(pictures_of(0).pictures), torch.full((8, 3, 32, 32), 0.25)
    loss, values = module._reconstruction(pixels, back)
    assert loss.item() == pytest.approx(plain._reconstruction(pixels, back)[0].item() + 0.375)
    assert values["lpips"].item() == pytest.approx(0.75)
    assert module.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(
    ("settings", "losses", "sentence"),
    [
        ({"precision": "16-mixed"}, {}, "give bf16-mixed or 32-true"),
        ({"precision": "64-true"}, {}, "give bf16-mixed or 32-true"),
        ({"optimizer": "muon"}, {}, "give adamw"),
        ({}, {"perceptual_weight": 1.0}, "no VGG16 weights were opened"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_sentence(
    settings, losses, sentence, parts, config
):
    with pytest.raises(UserError, match=sentence):
        TokenizerModule(
            parts.image_tokenizer, replace(config, **settings), replace(LOSSES, **losses), 1
        )
