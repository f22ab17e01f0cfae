"""One training step of the U-ViT: what the loss is, what is drawn, and how a step is dealt out."""

import copy
from dataclasses import replace
from itertools import chain

import pytest
import torch
from torch import Generator

from src.adapters.config import LoraConfig
from src.adapters.lora import add_lora
from src.conditioning.dropout import draw_dropped, drop_prompts
from src.data.examples import example
from src.masking.config import MaskingConfig
from src.masking.corrupt import corrupt, hide_tokens
from src.training.batches import Dealt, step_generator
from src.training.gradient_checkpointing import recompute_activations
from src.training.rows import Samples, TokenRows
from src.training.token_cache import encode_scenes
from src.training.uvit_batches import UvitBatches
from src.training.uvit_module import UvitModule


@pytest.fixture
def half(config):
    """Half of all prompts are dropped, eight samples a step."""
    return replace(config, drop_prob=0.5, batch_size=8)


@pytest.fixture
def uvit(parts):
    """A U-ViT with an opinion."""
    parts.transformer.reset_parameters("random", torch.Generator().manual_seed(0))
    return parts.transformer


@pytest.fixture
def rows(parts, world, tmp_path, monkeypatch):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    scenes = encode_scenes(world, parts.image_tokenizer, parts.text_encoder, 64, 0, tmp_path)
    return TokenRows(scenes, seed=0)


def batch_of(rows, uvit, config, step=0, part=slice(8), masking=None, seed=3):
    """What lies there in the batch of a step of eight samples."""
    masking = masking or MaskingConfig()
    return UvitBatches(rows, uvit.config, masking, config, seed, Dealt(8))(step, part)


def module_of(uvit, parts, config, dealt=None):
    module = UvitModule(uvit, parts.text_encoder, config, dealt or Dealt(8), parts.image_tokenizer)
    module.logged = {}  # there is no trainer to log to
    module.log = lambda name, value, **_: module.logged.update({name: float(value)})
    return module


def test_the_loss_is_the_cross_entropy_of_the_hidden_tokens_given_all_the_rest(
    uvit, parts, rows, half
):
    batch = batch_of(rows, uvit, half)
    rng, encoder = step_generator(3, 0), parts.text_encoder
    text, null = encoder(batch.samples.prompt_ids), encoder(encoder.prompt_ids([""]))
    told = drop_prompts(text, null, draw_dropped(8, 0.5, rng))
    ids = batch.samples.tokens.long()
    size = uvit.config.codebook_size
    hidden = hide_tokens(ids, uvit.mask_token_id, MaskingConfig(), rng, size)
    logits = uvit(hidden.token_ids, *told, batch.samples.micro_cond)
    logs = logits.log_softmax(-1).gather(-1, ids.flatten(1)[..., None])[..., 0]
    expected = -logs[hidden.is_masked.flatten(1)].mean()
    module = module_of(uvit, parts, half)
    loss = module.training_step(batch, 0)
    assert torch.isclose(loss, expected, atol=1e-5)
    assert module.logged["loss"] == pytest.approx(expected.item(), abs=1e-5)
    assert abs(loss - torch.tensor(32.0).log()) > 0.05  # else any tokens would do
    is_dropped = (told.pooled_text == null.pooled_text).all(dim=1)
    assert 0 < is_dropped.sum() < 8

    loss.backward()
    assert uvit.embedding.weight.grad.abs().sum() > 0
    assert all(each.grad is None for each in encoder.parameters())


def test_visible_tokens_count_with_their_weight(uvit, parts, rows, half):
    batch = batch_of(rows, uvit, half)

    def loss(weight: float) -> float:
        module = module_of(uvit, parts, replace(half, visible_weight=weight))
        return module.training_step(batch, 0).item()

    num_masked, num_tokens = batch.num_masked.item(), 8 * 64
    hidden_sum = loss(0.0) * num_masked
    visible_sum = loss(1.0) * num_tokens - hidden_sum
    expected = (hidden_sum + 0.1 * visible_sum) / (num_masked + 0.1 * (num_tokens - num_masked))
    assert loss(0.1) == pytest.approx(expected, rel=1e-5)
    assert visible_sum > 0


def test_what_is_hidden_and_dropped_changes_with_the_step_and_the_seed_only(uvit, rows, half):
    first, again, other = (batch_of(rows, uvit, half, step) for step in (2, 2, 3))
    assert torch.equal(first.corruption.is_masked, again.corruption.is_masked)
    assert torch.equal(first.is_dropped, again.is_dropped)
    assert not torch.equal(first.corruption.is_masked, other.corruption.is_masked)
    seeded = batch_of(rows, uvit, half, step=2, seed=4)
    assert not torch.equal(first.corruption.is_masked, seeded.corruption.is_masked)


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own(uvit, rows, half):
    micro = rows.scenes.prompt_ids * 0 + torch.arange(64, dtype=torch.int32)[:, None]
    rows = TokenRows(rows.scenes._replace(prompt_ids=micro), seed=0)
    batches = [batch_of(rows, uvit, half, step) for step in range(16)]
    seen = [batch.samples.prompt_ids[:, 0].tolist() for batch in batches]
    first, second = (list(chain.from_iterable(half)) for half in (seen[:8], seen[8:]))
    assert sorted(first) == sorted(second) == list(range(64))
    assert first != second


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "num_ranks"), [(2, 4, 1), (4, 1, 2), (1, 4, 2)]
)
@pytest.mark.parametrize("visible_weight", [0.0, 0.5])
def test_the_loss_and_gradient_of_a_step_are_the_same_however_it_is_dealt_out(
    uvit, parts, rows, half, batch_size, accumulation, num_ranks, visible_weight
):
    """The mean over hidden tokens of the whole step, not the mean of the parts' means."""
    half = replace(half, visible_weight=visible_weight)

    def gradient(dealt) -> tuple[torch.Tensor, float]:
        uvit.zero_grad()
        shares = []
        for rank in range(dealt.num_ranks):
            module = module_of(uvit, parts, half, dealt)
            module._over_ranks = lambda total: total
            for number in range(dealt.accumulation):
                batch = batch_of(rows, uvit, half, *dealt.part(number, rank))
                loss = module.training_step(batch, number) / dealt.num_parts
                loss.backward()
            shares.append(module.logged["loss"])
        return torch.cat([p.grad.flatten() for p in uvit.parameters()]), sum(shares)

    whole, loss = gradient(Dealt(8))
    parts_gradient, parts_loss = gradient(Dealt(batch_size, accumulation, num_ranks))
    assert torch.allclose(parts_gradient, whole, atol=1e-6 * whole.abs().max())
    assert parts_loss == pytest.approx(loss, rel=1e-6)


def test_upstreams_mean_of_means_is_another_number(uvit, parts, rows, half):
    dealt = Dealt(1, 8)

    def loss(loss_mean: str) -> float:
        module = module_of(uvit, parts, replace(half, loss_mean=loss_mean), dealt)
        of_step = [batch_of(rows, uvit, half, 0, slice(n, n + 1)) for n in range(8)]
        return sum(module.training_step(part, n).item() / 8 for n, part in enumerate(of_step))

    assert loss("per_rank") != pytest.approx(loss("global"), rel=1e-3)


def test_gradient_checkpointing_changes_no_number(uvit, parts, rows, half):
    batch = batch_of(rows, uvit, half)
    passes = 0

    def count(*_):
        nonlocal passes
        passes += 1

    def gradient() -> torch.Tensor:
        uvit.zero_grad()
        module_of(uvit, parts, half).training_step(batch, 0).backward()
        return torch.cat([p.grad.flatten() for p in uvit.parameters()])

    uvit.layers[0].feed_forward.register_forward_pre_hook(count)
    plain, plain_passes = gradient(), passes
    recompute_activations(uvit)
    assert torch.equal(gradient(), plain)
    assert passes == 3 * plain_passes  # one pass, and then one more to recompute


def test_random_replacement_shows_no_mask_token(uvit, parts, rows, half):
    """Upstream's test for it is always true, so its branch is never reached."""
    shown = []
    uvit.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    for prob in (0.0, 1.0):
        masking = MaskingConfig(random_prob=prob)
        batch = batch_of(rows, uvit, half, masking=masking)
        module_of(uvit, parts, half).training_step(batch, 0)
    plain, replaced = shown
    assert (plain == uvit.mask_token_id).sum() == batch.num_masked
    assert (replaced < uvit.config.codebook_size).all()
    is_masked = batch.corruption.is_masked
    assert torch.equal(replaced[~is_masked], plain[~is_masked])
    assert 0 < (replaced[is_masked] != batch.samples.tokens[is_masked]).float().mean()


@pytest.mark.parametrize("has_text_encoder", [False, True])
def test_all_that_learns_is_in_the_optimizer_and_moves(parts, rows, half, has_text_encoder):
    """An adapter of the text encoder lies outside the U-ViT; left out, it would never learn."""
    parts = copy.deepcopy(parts)
    parts.transformer.reset_parameters("random", Generator().manual_seed(0))
    add_lora(parts, LoraConfig(rank=2, has_text_encoder=has_text_encoder), Generator())
    module = module_of(parts.transformer, parts, half)
    stepper = module.configure_optimizers()["optimizer"]
    learning = {p for p in module.parameters() if p.requires_grad}
    assert {p for group in stepper.param_groups for p in group["params"]} == learning
    before = {p: p.detach().clone() for p in learning}
    for _ in range(3):  # the first moves the maps that begin at 0, the second what feeds them
        stepper.zero_grad()
        module.training_step(batch_of(rows, parts.transformer, half), 0).backward()
        stepper.step()
    names = {p: name for name, p in module.named_parameters()}
    assert [names[p] for p in learning if torch.equal(p, before[p])] == []


def test_smoothed_labels_give_a_part_to_every_code(uvit, parts, rows, half):
    """0.1 of the weight is spread over all codes: the loss by hand from plain logits."""
    batch = batch_of(rows, uvit, half)
    smooth = replace(half, label_smoothing=0.1)
    plain = module_of(uvit, parts, half).training_step(batch, 0)
    module = module_of(uvit, parts, smooth)
    loss = module.training_step(batch, 0)
    hidden = corrupt(batch.samples.tokens.long(), batch.corruption, uvit.mask_token_id)
    text, null = module._texts(batch)
    logits = module._predict(hidden, drop_prompts(text, null, batch.is_dropped), batch)
    spread = -logits.log_softmax(-1).mean(-1)[hidden.is_masked.flatten(1)].mean()
    assert torch.isclose(loss, 0.9 * plain + 0.1 * spread, atol=1e-5)
    assert not torch.isclose(loss, plain, atol=1e-4)


@pytest.mark.parametrize("is_half", [False, True])
def test_pictures_are_trained_on_as_their_token_ids(uvit, parts, world, half, is_half):
    scenes = [example(world, 0, index) for index in range(8)]
    pictures = torch.stack([torch.from_numpy(each.picture) for each in scenes])
    prompt_ids = parts.text_encoder.prompt_ids([each.caption for each in scenes])
    micro = torch.tensor([each.micro_cond for each in scenes], dtype=torch.float32)
    token_ids = parts.image_tokenizer.encode(pictures.movedim(-1, 1).float() / 255)

    class Given:
        def __init__(self, tokens):
            self.tokens = tokens

        def __len__(self):
            return 8

        def samples(self, numbers):
            return Samples(self.tokens, prompt_ids, micro)

    losses = []
    for tokens in (pictures, token_ids):
        batch = batch_of(Given(tokens), uvit, half)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):  # ids stay those of float32
            losses.append(module_of(uvit, parts, half).training_step(batch, 0))
    assert torch.equal(*losses)


def test_the_frozen_parts_stay_out_of_checkpoints(uvit, parts, config):
    module = module_of(uvit, parts, config)
    assert {name.split(".")[0] for name in module.state_dict()} == {"uvit", "average"}
    module = module_of(uvit, parts, replace(config, ema_decay=0.0))
    assert {name.split(".")[0] for name in module.state_dict()} == {"uvit"}
    assert module.averaged is uvit
