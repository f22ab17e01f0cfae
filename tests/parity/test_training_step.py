"""One training step of ours against a step written by hand with diffusers' model."""

from dataclasses import asdict, replace

import pytest
import torch
from diffusers import UVit2DModel
from diffusers.loaders import AmusedLoraLoaderMixin
from peft import get_peft_model_state_dict
from torch.nn import functional

from src.adapters.config import LoraConfig
from src.adapters.file import lora_tensors, save_lora
from src.adapters.layers import base_state
from src.adapters.lora import add_lora, lora_parameters
from src.masking.config import MaskingConfig
from src.training.checkpoint import trained_state
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.ranks import dealt_by
from src.training.rows import TokenRows
from src.training.token_cache import EncodedScenes
from src.training.uvit_batches import UvitBatches
from src.training.uvit_module import UvitModule
from src.transformer import weights as transformer_weights

CONFIG = TrainingConfig(
    max_steps=1,
    batch_size=6,
    learning_rate=1e-3,
    warmup_steps=0,
    decay_ratio=0.0,
    weight_decay=0.1,
    beta2=0.999,
    max_grad_norm=0.0,
    ema_decay=0.0,
    drop_prob=0.5,
    num_workers=0,
    log_every=1,
    precision="64-true",  # Adam divides by tiny gradients, whose float32 rounding would decide
)


@pytest.fixture
def parts(tiny_settings):
    from src.assembly import build_parts

    return build_parts(tiny_settings, seed=0, init="random")


@pytest.fixture
def batches(parts):
    rng = torch.Generator().manual_seed(0)
    captions = ["a red heart on a white background", "a blue star", "a green sun"] * 2
    scenes = EncodedScenes(
        torch.randint(32, (6, 8, 8), generator=rng),
        parts.text_encoder.prompt_ids(captions).int(),
        torch.tensor([[48.0, 32, 0, 8, 6.0]]).repeat(6, 1),
    )
    rows, dealt = TokenRows(scenes, seed=0), dealt_by(CONFIG)
    return UvitBatches(rows, parts.transformer.config, MaskingConfig(), CONFIG, 0, dealt)


def reference_loss(theirs, parts, batch) -> torch.Tensor:
    """Cross-entropy on hidden tokens: nothing of ours but facts."""
    ids, is_masked = batch.samples.tokens.long(), batch.corruption.is_masked
    with torch.no_grad():
        clip = parts.text_encoder.clip
        texts = clip(batch.samples.prompt_ids.long(), output_hidden_states=True)
        empty = clip(parts.text_encoder.prompt_ids([""]), output_hidden_states=True)
    states, pooled = texts.hidden_states[-2].clone(), texts.text_embeds.clone()
    for row in batch.is_dropped.nonzero().flatten().tolist():
        states[row], pooled[row] = empty.hidden_states[-2][0], empty.text_embeds[0]
    logits = theirs(
        ids.masked_fill(is_masked, parts.transformer.config.vocab_size - 1),
        states.double(),
        pooled.double(),
        batch.samples.micro_cond.double(),
    )
    return functional.cross_entropy(logits.movedim(1, -1)[is_masked], ids[is_masked])


def reference_step(parts, batch, config, weights) -> tuple[float, dict]:
    """A step of AdamW without decay on vectors."""
    theirs = UVit2DModel(**asdict(parts.transformer.config)).double()
    theirs.load_state_dict(transformer_weights.to_published(weights))
    loss = reference_loss(theirs, parts, batch)
    loss.backward()
    matrices = [p for p in theirs.parameters() if p.ndim >= 2]
    vectors = [p for p in theirs.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.999), eps=1e-8).step()
    return loss.item(), transformer_weights.from_published(theirs.state_dict())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("is_recomputed", [False, True], ids=["plain", "gradient checkpointing"])
def test_a_step_moves_all_weights_as_the_reference_does(parts, batches, tmp_path, is_recomputed):
    config = replace(CONFIG, gradient_checkpointing=is_recomputed)
    before = {name: each.clone() for name, each in parts.transformer.state_dict().items()}
    batch = batches(0, slice(6))
    assert 0 < batch.is_dropped.sum() < 6
    loss, expected = reference_step(parts, batch, config, before)

    module = UvitModule(parts.transformer, parts.text_encoder, config, dealt_by(config))
    losses = []
    module.log = lambda name, value, **_: losses.append((name, float(value)))
    assert fit(module, batches, config, tmp_path, device="cpu") == 1
    assert dict(losses)["loss"] == pytest.approx(loss, rel=1e-6)
    found = {name.removeprefix("uvit."): each for name, each in trained_state(tmp_path).items()}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        difference = (found[name] - tensor).norm()
        assert difference <= 1e-6 * tensor.norm(), name
        assert difference <= 1e-3 * (tensor - before[name]).norm(), name  # the step, not its start
        assert not torch.equal(found[name].float(), before[name]), name


@pytest.mark.filterwarnings("ignore")
def test_a_step_moves_an_adapter_as_the_reference_does(parts, batches, tmp_path):
    """The same with LoRA: diffusers opens the adapter's file, and PEFT's maps alone learn."""
    add_lora(parts, LoraConfig(rank=3, alpha=5.0), torch.Generator().manual_seed(1))
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():  # with one of the two maps at zero the other would not learn
        for weight in lora_parameters(parts):
            weight.normal_(std=0.2, generator=rng)
    start = {name: each.clone() for name, each in lora_tensors(parts).items()}
    theirs = UVit2DModel(**asdict(parts.transformer.config))
    theirs.load_state_dict(transformer_weights.to_published(base_state(parts.transformer)))
    state, alphas, header = AmusedLoraLoaderMixin.lora_state_dict(
        save_lora(parts, tmp_path / "lora").parent, return_lora_metadata=True
    )
    AmusedLoraLoaderMixin.load_lora_into_transformer(state, alphas, theirs, metadata=header)
    theirs.double()
    for name, parameter in theirs.named_parameters():
        parameter.requires_grad_(".lora_" in name)
    config = replace(CONFIG, method="lora", begin="model")
    loss = reference_loss(theirs, parts, batches(0, slice(6)))
    loss.backward()
    learned = [p for p in theirs.parameters() if p.requires_grad]
    torch.optim.AdamW(learned, 1e-3, (0.9, 0.999), 1e-8, config.weight_decay).step()
    expected = get_peft_model_state_dict(theirs, adapter_name="default_0")

    module = UvitModule(parts.transformer, parts.text_encoder, config, dealt_by(config))
    losses = []
    module.log = lambda name, value, **_: losses.append((name, float(value)))
    assert fit(module, batches, config, tmp_path, device="cpu") == 1
    assert dict(losses)["loss"] == pytest.approx(loss.item(), rel=1e-6)
    saved = trained_state(tmp_path)
    assert all(".lora_" in name for name in saved)
    found = lora_tensors(parts)
    assert len(found) == len(saved) == len(expected)
    for name, tensor in found.items():
        difference = (tensor - expected[name.removeprefix("transformer.")]).norm()
        assert difference <= 1e-6 * tensor.norm(), name
        assert difference <= 1e-3 * (tensor - start[name]).norm(), name
