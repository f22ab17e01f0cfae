"""Train a U-ViT on cached tokens: hide some, say what was hidden, score the answer.

The objective of MaskGIT (Chang et al. 2022, section 3.1) as aMUSEd trains it (report section 2.3):
cross-entropy on the hidden tokens only, the share hidden drawn from the cosine schedule.
Dimensions: batch, rows, columns, seq = rows * columns, words, codes.
"""

from contextlib import nullcontext

import lightning
import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from src.conditioning.dropout import drop_prompts
from src.conditioning.text import Text, TextEncoder
from src.masking.config import MaskingConfig
from src.masking.corrupt import IGNORED_TARGET, hide_tokens
from src.training.averaging import moving_average
from src.training.batches import step_generator
from src.training.config import TrainingConfig
from src.training.learning_rate import optimizer
from src.training.token_cache import EncodedScenes


def quick_attention(device: torch.device):
    """Attention as plain matrix products on a processor: torch's fused kernel has a backward pass
    there that takes, on sequences this short, as long as all the rest of the step."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


class UvitBatches:
    """Rows of step k: every scene once an epoch, in an order drawn anew for each epoch."""

    def __init__(self, scenes: EncodedScenes, batch_size: int, seed: int):
        self.scenes, self.batch_size, self.seed = scenes, batch_size, seed
        self.orders: dict[int, np.ndarray] = {}

    def __call__(self, step: int) -> EncodedScenes:
        num_scenes = len(self.scenes.token_ids)
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        rows = [self._order(place // num_scenes)[place % num_scenes] for place in places.tolist()]
        return EncodedScenes(*(part[rows] for part in self.scenes))

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self.orders:
            rng = np.random.default_rng([self.seed, epoch])
            self.orders = {epoch: rng.permutation(len(self.scenes.token_ids))} | {
                known: order for known, order in self.orders.items() if known == epoch - 1
            }
        return self.orders[epoch]


class UvitModule(lightning.LightningModule):
    """A U-ViT and the frozen text encoder that tells it the prompt."""

    def __init__(
        self,
        uvit: nn.Module,
        text_encoder: TextEncoder,
        masking: MaskingConfig,
        config: TrainingConfig,
        seed: int,
    ):
        super().__init__()
        self.uvit, self.masking, self.config, self.seed = uvit, masking, config, seed
        self.average = moving_average(uvit, config.ema_decay)
        self.text_encoder = [text_encoder.requires_grad_(False).eval()]  # not in checkpoints
        if config.compile:
            uvit.compile()  # in place, and after the average was copied: names stay as they are

    def on_fit_start(self) -> None:
        self.text_encoder[0].to(self.device)

    def training_step(self, batch: EncodedScenes, _: int) -> Tensor:
        rng = step_generator(self.seed, self.global_step)
        text = self._text(batch.prompt_ids, rng)
        hidden = hide_tokens(batch.token_ids.long(), self.uvit.mask_token_id, self.masking, rng)
        with quick_attention(self.device):
            logits = self.uvit(hidden.token_ids, *text, batch.micro_cond)  # (batch, seq, codes)
        logits, targets = logits.flatten(0, 1).float(), hidden.targets.flatten()
        loss = functional.cross_entropy(
            logits,
            targets,
            ignore_index=IGNORED_TARGET,
            label_smoothing=self.config.label_smoothing,
        )
        with torch.no_grad():
            is_masked = targets != IGNORED_TARGET
            accuracy = (logits.argmax(-1) == targets)[is_masked].float().mean()
        self.log_dict({"loss": loss, "token_accuracy": accuracy}, prog_bar=True)
        return loss

    @torch.no_grad()
    def _text(self, prompt_ids: Tensor, rng: Generator) -> Text:
        encoder = self.text_encoder[0]
        text = encoder(prompt_ids)
        null_text = encoder(encoder.prompt_ids([""]))
        return drop_prompts(text, null_text, self.config.drop_prob, rng)

    def optimizer_step(self, *args, **kwargs) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.uvit)

    def configure_optimizers(self):
        ends = (self.uvit.embedding, self.uvit.logits_out)
        stepper, schedule = optimizer(self.uvit, self.config, ends)
        return {
            "optimizer": stepper,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
