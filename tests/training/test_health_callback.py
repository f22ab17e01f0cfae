"""The monitor in a real Lightning run: a tiny U-ViT that tells its facts as step_facts.py asks."""

import csv
import warnings
from dataclasses import replace

import lightning
import pytest
import torch
from torch import nn

from src.conditioning.dropout import draw_dropped, drop_prompts
from src.conditioning.text import Text
from src.masking.config import MaskingConfig
from src.masking.corrupt import IGNORED_TARGET, hide_tokens
from src.training.batches import step_generator
from src.training.fit import fit
from src.training.health import HealthMonitor
from src.training.health_callback import Health
from src.training.health_config import HealthConfig
from src.training.health_warnings import HealthWarning
from src.training.prompt_probe import probe_prompts
from src.training.step_facts import StepFacts, dropped_prompts

SETTINGS = HealthConfig(window_logs=2, probe_every=3, grace_steps=0)


class WatchedUvit(lightning.LightningModule):
    def __init__(self, uvit, config, seed=0):
        super().__init__()
        self.uvit, self.config, self.seed = uvit, config, seed
        self.step_facts, self.num_probes = None, 0

    def training_step(self, token_ids, _):
        assert self.step_facts is None  # the callback has set the last one's logits free
        rng = step_generator(self.seed, self.global_step)
        prompt_ids = token_ids[:, 0, :1]
        text = Text(prompt_ids[:, :, None].expand(-1, 3, 16) / 32, prompt_ids.expand(-1, 16) / 32)
        null = Text(torch.zeros(1, 3, 16), torch.zeros(1, 16))
        is_dropped = draw_dropped(len(token_ids), self.config.drop_prob, rng, is_inverted=True)
        told = drop_prompts(text, null, is_dropped)
        hidden = hide_tokens(token_ids, self.uvit.mask_token_id, MaskingConfig(), rng)
        self.latest = (text, prompt_ids, hidden)
        logits = self._logits(told)
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1), hidden.targets.flatten(), ignore_index=IGNORED_TARGET
        )
        self.step_facts = StepFacts(
            logits.detach(), *hidden, loss.detach(), dropped_prompts(text, null, told)
        )
        self.log("loss", loss)
        return loss

    def _logits(self, text):
        return self.uvit(self.latest[2].token_ids, *text, torch.ones(len(text.pooled_text), 5))

    def probe_losses(self):
        self.num_probes += 1
        text, prompt_ids, hidden = self.latest
        return probe_prompts(self._logits, text, prompt_ids, hidden.targets)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.uvit.parameters(), 1e-3)


class Stop(lightning.Callback):
    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step >= 7


def draw_batch(step, _part=None):
    return torch.randint(32, (16, 8, 8), generator=torch.Generator().manual_seed(step))


@pytest.fixture
def run(parts, config, tmp_path):
    start = {name: each.clone() for name, each in parts.transformer.state_dict().items()}
    config = replace(config, max_steps=12, log_every=2, max_grad_norm=0.01)

    def train(name, callbacks=(), module_class=WatchedUvit):
        parts.transformer.load_state_dict(start)
        monitor = HealthMonitor(32, parts.transformer.mask_token_id, config.drop_prob, SETTINGS)
        module = module_class(parts.transformer, config)
        fit(module, draw_batch, config, tmp_path / name, [Health(monitor), *callbacks])
        return monitor, module

    return train


def logged(folder):
    rows = [row for path in sorted(folder.glob("csv_*/metrics.csv")) for row in read(path)]
    return {int(row["step"]): row for row in rows if row.get("health/unigram_entropy")}


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_reach_the_log_and_a_warning_the_user_once(run, tmp_path):
    with pytest.warns(HealthWarning, match="inverted keep-mask") as caught:
        monitor, module = run("whole")
    assert len([each for each in caught if each.category is HealthWarning]) == 1
    assert monitor.run.num_steps == 12
    assert module.num_probes == 4
    rows = logged(tmp_path / "whole")
    assert {3, 7, 11} <= set(rows)
    last = rows[11]
    assert float(last["health/dropped_share"]) > 0.7
    assert float(last["health/gradient_norm"]) > 0.01  # before clipping
    assert float(last["health/loss_80_100"]) == pytest.approx(3.5, abs=0.2)
    assert "health/prompt_gain" in last


def test_a_run_in_pieces_counts_as_one_and_warns_once(run):
    with pytest.warns(HealthWarning):
        whole, _ = run("whole")
    with pytest.warns(HealthWarning):
        run("pieces", [Stop()])
    with warnings.catch_warnings():
        warnings.simplefilter("error", HealthWarning)
        pieces, module = run("pieces")
    assert module.global_step == 12
    assert str(pieces.state_dict()) == str(whole.state_dict())
    assert pieces.told.keys() == {"wrong_dropping"}


def test_a_module_without_prompts_to_probe_is_watched_too(run):
    class Unprobed(WatchedUvit):
        probe_losses = property()  # hasattr says no

    with pytest.warns(HealthWarning):
        monitor, _ = run("unprobed", module_class=Unprobed)
    assert monitor.prompt_gain is None
