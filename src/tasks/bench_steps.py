"""Training steps to be timed, without Lightning around them: their batches, and the step itself."""

from collections.abc import Callable, Iterator

from src.config import RunConfig

MANY_STEPS = 10**6
NOT_SCORED = -100  # the target that cross_entropy leaves out


def batches(rows, config: RunConfig, settings) -> Iterator:
    """A training's own batches of these rows."""
    from src.training.batches import BatchesByNumber, batch_loader
    from src.training.ranks import dealt_by
    from src.training.uvit_batches import UvitBatches

    training, dealt = config.training, dealt_by(config.training)
    draw = UvitBatches(rows, settings, config.masking, training, config.seed, dealt)
    return iter(batch_loader(BatchesByNumber(draw, MANY_STEPS, dealt), 0, training.num_workers))


def stepper(config: RunConfig, amused, settings, device: str) -> Callable[[object], None]:
    """A whole training step of a fresh U-ViT, given its batch, in the training's own precision."""
    import torch

    from src.training.learning_rate import optimizer
    from src.training.ranks import dealt_by
    from src.training.uvit_module import UvitModule
    from src.transformer.uvit import UViT

    uvit = UViT(settings, generator=torch.Generator().manual_seed(config.seed)).to(device)
    parts = amused.text_encoder.to(device), amused.image_tokenizer.to(device)
    module = UvitModule(uvit, parts[0], config.training, dealt_by(config.training), parts[1])
    module.log = lambda *_, **__: None
    stepper, _ = optimizer(uvit, config.training)
    is_half = config.training.precision == "bf16-mixed"

    def take_step(batch: object) -> None:
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=is_half):
            loss = module.training_step(moved(batch, device), 0)
        loss.backward()
        stepper.step()
        stepper.zero_grad()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    return take_step


def moved(batch, device: str):
    from lightning.fabric.utilities import move_data_to_device

    return move_data_to_device(batch, device)


def bare_batch(settings, num_words: int, batch_size: int, seed: int) -> dict:
    """A batch in memory, told at random: half of the tokens hidden, and scored."""
    import torch

    rng, side = torch.Generator().manual_seed(seed), settings.sample_size
    token_ids = torch.randint(settings.codebook_size, (batch_size, side, side), generator=rng)
    is_masked = torch.rand(token_ids.shape, generator=rng) < 0.5
    words = (batch_size, num_words, settings.encoder_hidden_size)
    return {
        "token_ids": token_ids.masked_fill(is_masked, settings.vocab_size - 1),
        "targets": token_ids.masked_fill(~is_masked, NOT_SCORED).flatten(1),
        "text_states": torch.randn(words, generator=rng),
        "pooled_text": torch.randn((batch_size, settings.cond_embed_dim), generator=rng),
        "micro_cond": torch.tensor([[16.0 * side, 16.0 * side, 0, 0, 6.0]] * batch_size),
    }


def bare_stepper(uvit, batch: dict, config: RunConfig, device: str) -> tuple[Callable, dict]:
    """A step of the U-ViT alone on one batch, which gives its loss; and the optimizer's numbers."""
    import torch
    from torch.nn.functional import cross_entropy

    from src.training.attention import quick_attention
    from src.training.learning_rate import optimizer

    uvit = uvit.to(device).train()
    stepper, _ = optimizer(uvit, config.training)
    if config.training.compile:
        uvit.compile()
    here = {name: tensor.to(device) for name, tensor in batch.items()}
    targets, told = here.pop("targets"), list(here.values())
    is_half = config.training.precision == "bf16-mixed"

    def take_step() -> float:
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=is_half):
            with quick_attention(torch.device(device)):
                logits = uvit(*told)
        loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()
        stepper.step()
        stepper.zero_grad()
        return loss.item()

    numbers = {
        "learning_rate": stepper.param_groups[0]["lr"],  # of the first step, where it is warming up
        "weight_decay": config.training.weight_decay,
        "beta2": config.training.beta2,
        "fused": config.training.fused,
        "is_half": is_half,
        "is_compiled": config.training.compile,
    }
    return take_step, numbers
