"""Training steps to be timed, without Lightning around them: their batches, and the step itself."""

from collections.abc import Callable, Iterator

from src.config import RunConfig

MANY_STEPS = 10**6


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
