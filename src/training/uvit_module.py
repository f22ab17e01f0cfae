"""Train a U-ViT: some tokens are hidden, it says what was hidden, the answer is scored.

The objective of MaskGIT (Chang et al. 2022, section 3.1) as aMUSEd trains it (report section 2.3):
cross-entropy on the hidden tokens, the share hidden drawn from the cosine schedule.
Dimensions: batch, rows and columns of the token grid, seq = rows * columns, words, codes.
"""

import lightning
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from src.checkpoint.few_bits import refuse_few_bits
from src.conditioning.dropout import drop_prompts
from src.conditioning.text import Text, TextEncoder
from src.image_tokenizer.vqgan import VQGAN
from src.masking.corrupt import IGNORED_TARGET, MaskedTokens, corrupt
from src.training.attention import quick_attention
from src.training.averaging import moving_average
from src.training.batches import Dealt
from src.training.config import TrainingConfig
from src.training.gradient_checkpointing import recompute_activations
from src.training.learning_rate import optimizer
from src.training.prompt_probe import ProbeLosses, probe_prompts
from src.training.sharding import is_shared, share_weights
from src.training.step_facts import StepFacts, dropped_prompts
from src.training.uvit_batches import TrainingBatch
from src.training.vqgan_module import to_unit_pixels

ADAPTER_MARK = ".lora_"  # in the names of PEFT's parameters


class UvitModule(lightning.LightningModule):
    """A U-ViT, and the frozen parts that tell it the prompt and, given pictures, their tokens."""

    is_watched = False  # whether a step leaves `step_facts`, which keep its logits alive
    step_facts: StepFacts | None = None

    def __init__(
        self,
        uvit: nn.Module,
        text_encoder: TextEncoder,
        config: TrainingConfig,
        dealt: Dealt,
        vqgan: VQGAN | None = None,
    ):
        """Train `uvit` in place.

        vqgan: needed where the batches hold pictures instead of token ids.
        """
        super().__init__()
        refuse_few_bits((uvit, text_encoder), "the model cannot be trained")
        self.uvit, self.config, self.dealt = uvit, config, dealt
        self.average = moving_average(uvit, config) if config.ema_decay else None
        adapters = [p for name, p in text_encoder.named_parameters() if ADAPTER_MARK in name]
        self.text_adapter = nn.ParameterList(adapters)  # the very parameters of the text encoder
        self.strict_loading = not self._is_adapted
        frozen = [text_encoder, *([vqgan] if vqgan else [])]
        self.frozen = [part.requires_grad_(False).eval() for part in frozen]  # not in checkpoints
        self.text_adapter.requires_grad_(True)
        self.totals = {}  # of the step's parts so far
        if config.gradient_checkpointing:
            recompute_activations(uvit)
        if config.compile:
            uvit.compile()  # in place, and after the average was copied: names stay as they are

    @property
    def _is_adapted(self) -> bool:
        """Whether only an adapter learns, and the U-ViT's own weights stand still."""
        return any(ADAPTER_MARK in name for name, _ in self.uvit.named_parameters())

    @property
    def averaged(self) -> nn.Module:
        """The model to sample from and to ship."""
        return self.uvit if self.average is None else self.average.module

    def configure_model(self) -> None:
        """Lightning calls this when the processes know each other."""
        if self.device_mesh is None or is_shared(self.uvit):
            return
        mesh = self.device_mesh["data_parallel"]
        for model in (self.uvit, self.averaged):
            if not is_shared(model):
                share_weights(model, model.layers, mesh)

    def on_fit_start(self) -> None:
        for part in self.frozen:
            part.to(self.device)

    def training_step(self, batch: TrainingBatch, number: int) -> Tensor:
        """The part's share of the step's loss, so that the mean over all parts is that loss."""
        hidden = corrupt(self._token_ids(batch), batch.corruption, self.uvit.mask_token_id)
        text, null_text = self._texts(batch)
        told = drop_prompts(text, null_text, batch.is_dropped)
        by_picture = self._predict(hidden, told, batch)  # (batch, seq, codes)
        logits = by_picture.flatten(0, 1)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        originals = torch.where(hidden.is_masked, hidden.targets, hidden.token_ids).flatten()
        is_masked = hidden.is_masked.flatten()
        losses = functional.cross_entropy(
            logits, originals, reduction="none", label_smoothing=self.config.label_smoothing
        )
        weights = torch.where(is_masked, 1.0, self.config.visible_weight)
        total = (losses * weights).sum()
        hits = (logits.argmax(-1) == originals) & is_masked
        self._log(number, batch.num_masked, loss=total.detach(), token_accuracy=hits.sum())
        whole = self._total_weight(batch.num_masked) / self.dealt.num_parts
        loss = total / (weights.sum() if self.config.loss_mean == "per_rank" else whole)
        if self.is_watched:
            is_scored = (weights > 0).view_as(hidden.is_masked)
            targets = originals.view_as(is_scored).masked_fill(~is_scored, IGNORED_TARGET)
            is_dropped = dropped_prompts(text, null_text, told)
            facts = (hidden.token_ids, targets, hidden.is_masked, loss.detach(), is_dropped)
            self.step_facts = StepFacts(by_picture.detach(), *facts)
            self.latest = (batch, hidden)
        return loss

    @torch.no_grad()
    def probe_losses(self) -> ProbeLosses:
        """What the prompts of the latest watched batch are worth, none of them dropped."""
        batch, hidden = self.latest
        text, _ = self._texts(batch)
        was_training = self.uvit.training
        self.uvit.eval()
        with torch.compiler.set_stance("force_eager"):  # else a compiler runs again for two passes
            losses = probe_prompts(
                lambda told: self._predict(hidden, told, batch),
                text,
                batch.samples.prompt_ids,
                hidden.targets,
            )
        self.uvit.train(was_training)
        return losses

    def _predict(
        self, hidden: MaskedTokens, told: Text, batch: TrainingBatch
    ) -> Float[Tensor, "batch seq codes"]:
        told = told.to(self.uvit.logits_out.weight.dtype)
        with quick_attention(self.device):
            return self.uvit(hidden.token_ids, *told, batch.samples.micro_cond)

    def _total_weight(self, num_masked: Tensor) -> Tensor:
        """The weights of all tokens of a step: of its whole global batch, whoever has them."""
        num_tokens = self.dealt.global_batch * self.uvit.config.sample_size**2
        return num_masked + self.config.visible_weight * (num_tokens - num_masked)

    def _log(self, number: int, num_masked: Tensor, **sums: Tensor) -> None:
        """Log a step's means with its last part: over all hidden tokens of the global batch."""
        for name, value in sums.items():
            self.totals[name] = self.totals.get(name, 0) + value
        if (number + 1) % self.dealt.accumulation:
            return
        weights = {"loss": self._total_weight(num_masked), "token_accuracy": num_masked}
        for name, total in self.totals.items():
            self.log(name, self._over_ranks(total) / weights[name], prog_bar=True)
        self.totals = {}

    def _over_ranks(self, total: Tensor) -> Tensor:
        if self.dealt.num_ranks == 1:
            return total
        return self.trainer.strategy.reduce(total, reduce_op="sum")

    @torch.no_grad()
    def _token_ids(self, batch: TrainingBatch) -> Int[Tensor, "batch rows columns"]:
        tokens = batch.samples.tokens
        if tokens.ndim == 3:
            return tokens.long()
        with torch.autocast(self.device.type, enabled=False):  # half precision changes ids
            return self.frozen[1].encode(to_unit_pixels(tokens))

    def _texts(self, batch: TrainingBatch) -> tuple[Text, Text]:
        """Every row's own prompt, and the empty one."""
        encoder = self.frozen[0]
        with torch.set_grad_enabled(len(self.text_adapter) > 0):
            return encoder(batch.samples.prompt_ids), encoder(encoder.prompt_ids([""]))

    def optimizer_step(self, *args, **kwargs) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update_parameters(self.uvit)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Of an adapted model, keep the adapter alone: the rest is the model it began with."""
        if self._is_adapted:
            learned = {name for name, p in self.named_parameters() if p.requires_grad}
            state = checkpoint["state_dict"]
            checkpoint["state_dict"] = {name: state[name] for name in state if name in learned}

    def configure_optimizers(self):
        ends = (self.uvit.embedding, self.uvit.logits_out)
        learning = nn.ModuleList([self.uvit, self.text_adapter])
        stepper, schedule = optimizer(learning, self.config, ends)
        return {
            "optimizer": stepper,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
