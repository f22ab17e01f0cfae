"""Illnesses are planted in a small, real training; each is told by its own name and no other.

The toy world: pictures of 4 x 4 tokens, mostly of one of 8 codes, which the prompt narrows to two.
"""

import io
import math
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.nn import functional

from src.conditioning.dropout import draw_dropped, drop_prompts
from src.conditioning.text import Text
from src.errors import UserError
from src.masking.config import MaskingConfig
from src.masking.corrupt import IGNORED_TARGET, hide_tokens
from src.training.health import HealthMonitor
from src.training.health_config import HealthConfig
from src.training.prompt_probe import probe_prompts
from src.training.step_facts import StepFacts, dropped_prompts

CODES, MASK_ID, SIDE, PROMPTS, BATCH = 8, 8, 4, 4, 32
DROP_PROB, WINDOW, STEPS = 0.1, 20, 140
CONFIG = HealthConfig(grace_steps=80, probe_every=2)


class ToyModel(nn.Module):
    """Logits linear in the tokens around and in the prompt."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Conv2d(CODES + 1, CODES, 3, padding=1)
        self.prompt = nn.Linear(PROMPTS, CODES, bias=False)

    def forward(self, token_ids, text_states, pooled_text):
        seen = functional.one_hot(token_ids, CODES + 1).movedim(-1, 1).float()
        logits = self.tokens(seen) + self.prompt(pooled_text)[:, :, None, None]
        return logits.flatten(2).movedim(1, 2)


def draw(rng):
    """Pictures and, one each, the ids of their prompts."""
    prompts = torch.randint(PROMPTS, (BATCH, 1), generator=rng)
    code = 2 * prompts[:, :, None] + torch.randint(2, (BATCH, 1, 1), generator=rng)
    any_code = torch.randint(CODES, (BATCH, SIDE, SIDE), generator=rng)
    is_other = torch.rand(BATCH, SIDE, SIDE, generator=rng) < 0.2
    return torch.where(is_other, any_code, code), prompts


def text_of(prompts):
    pooled = functional.one_hot(prompts[:, 0], PROMPTS).float()
    return Text(pooled[:, None], pooled)


NULL = Text(torch.zeros(1, 1, PROMPTS), torch.zeros(1, PROMPTS))


class Training:
    """A healthy one; the illnesses below each change one method or setting."""

    drop_prob, learning_rate, config = DROP_PROB, 0.03, CONFIG
    monitored: ClassVar = {}  # further arguments of the monitor

    def __init__(self, seed=0):
        self.rng = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = ToyModel()
        self.optimizer = torch.optim.Adam(self.model.parameters(), self.learning_rate)
        self.monitor = HealthMonitor(CODES, MASK_ID, DROP_PROB, self.config, **self.monitored)
        self.outputs = []

    def corrupt(self, token_ids):
        return hide_tokens(token_ids, MASK_ID, MaskingConfig(), self.rng)

    def predict(self, hidden, text, token_ids):
        return self.model(hidden.token_ids, *text)

    def text(self, prompts):
        return text_of(prompts)

    def step(self):
        token_ids, prompts = draw(self.rng)
        text, hidden = self.text(prompts), self.corrupt(token_ids)
        told = drop_prompts(text, NULL, draw_dropped(len(prompts), self.drop_prob, self.rng))
        logits = self.predict(hidden, told, token_ids)
        loss = functional.cross_entropy(logits.flatten(0, 1), hidden.targets.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([each.grad for each in self.model.parameters()]).item()
        self.optimizer.step()
        dropped = dropped_prompts(text, NULL, told)
        facts = StepFacts(
            logits.detach(),
            hidden.token_ids,
            hidden.targets,
            hidden.is_masked,
            loss.detach(),
            dropped,
            norm,
        )

        def predict_logits(text):
            return self.predict(hidden, text, token_ids)

        return facts, lambda: probe_prompts(predict_logits, text, prompts, hidden.targets)

    def watch(self, first=0, last=STEPS):
        """Train, and return the names of the warnings in the order they came."""
        names = []
        for step in range(first + 1, last + 1):
            facts, probe = self.step()
            found = self.monitor.update(facts)
            if step % self.config.probe_every == 0:
                found += self.monitor.update_probe(*probe())
            if step % WINDOW == 0:
                numbers, more = self.monitor.close_window()
                self.outputs.append(numbers)
                found += more
            names += [each.name for each in found]
        return names


class InvertedDropping(Training):
    """T1: the probability is used as that of keeping."""

    drop_prob = 1 - DROP_PROB


class TooMuchDropping(Training):
    drop_prob = 2 * DROP_PROB


class UnmaskedInput(Training):
    """The original ids are fed in (lucidrains/muse-maskgit-pytorch, issue 11)."""

    def corrupt(self, token_ids):
        return super().corrupt(token_ids)._replace(token_ids=token_ids)


class OneHiddenTokenShown(Training):
    """A single place of every picture keeps its id."""

    def corrupt(self, token_ids):
        hidden = super().corrupt(token_ids)
        hidden.token_ids[:, 0, 0] = token_ids[:, 0, 0]
        return hidden


class VisibleScored(Training):
    def corrupt(self, token_ids):
        return super().corrupt(token_ids)._replace(targets=token_ids)


class AnswerByAnotherWay(Training):
    """The input is masked as it should be, and something else brings the answer."""

    def predict(self, hidden, text, token_ids):
        answer = functional.one_hot(token_ids.flatten(1), CODES)
        return super().predict(hidden, text, token_ids) + 20 * answer


class NoPrompts(Training):
    """The model hears nothing of what it is told."""

    def predict(self, hidden, text, token_ids):
        return super().predict(hidden, Text(*(torch.zeros_like(each) for each in text)), token_ids)


class ForeignPrompts(Training):
    """Captions have slipped against the pictures: the model has learned that they say nothing."""

    config = HealthConfig(grace_steps=100, probe_every=1, min_prompt_gain=0.01)

    def text(self, prompts):
        return text_of(prompts.roll(1, dims=0))


class NothingReachesTheModel(Training):
    def predict(self, hidden, text, token_ids):
        nothing = hidden._replace(token_ids=torch.full_like(hidden.token_ids, MASK_ID))
        silence = Text(*(torch.zeros_like(each) for each in text))
        return super().predict(nothing, silence, token_ids)


class NoLearning(Training):
    learning_rate = 0.0


class TooFast(Training):
    learning_rate = 1e37


class NoReplacement(Training):
    """T3: random replacement is configured and never happens."""

    monitored: ClassVar = {"random_replace": 1.0}


class Replacement(Training):
    """Healthy: every hidden token shows a random code, by chance sometimes the true one."""

    monitored: ClassVar = {"random_replace": 1.0}

    def corrupt(self, token_ids):
        hidden = super().corrupt(token_ids)
        noise = torch.randint(CODES, token_ids.shape, generator=self.rng)
        return hidden._replace(token_ids=torch.where(hidden.is_masked, noise, token_ids))


@pytest.mark.parametrize(
    ("illness", "name", "number"),
    [
        (InvertedDropping, "wrong_dropping", "inverted"),
        (TooMuchDropping, "wrong_dropping", "drop_prob=0.1"),
        (UnmaskedInput, "visible_ids", "(100.0 %)"),
        (OneHiddenTokenShown, "visible_ids", "hidden tokens"),
        (VisibleScored, "visible_ids", "visible tokens"),
        (AnswerByAnotherWay, "visible_ids", "over 80.0 %"),
        (NoPrompts, "prompts_ignored", "with those of other pictures"),
        (NothingReachesTheModel, "nothing_learned", "unigram entropy 2.0"),
        (NoLearning, "nothing_learned", "unigram entropy 2.0"),
        (TooFast, "not_finite", "The loss is "),
        (NoReplacement, "wrong_noise", "100.0 %"),
    ],
)
def test_an_illness_is_told_once_by_its_own_name_with_its_number(illness, name, number):
    training = illness()
    assert training.watch() == [name]
    assert training.monitor.told.keys() == {name}
    assert number in training.monitor.told[name]


def test_prompts_that_slipped_against_their_pictures_are_found_to_be_ignored():
    assert ForeignPrompts().watch(last=500) == ["prompts_ignored"]


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_run_stays_silent(seed):
    training = Training(seed)
    assert training.watch() == []
    assert training.monitor.has_learned  # else the prompts were never judged
    assert training.monitor.run.num_probes >= 2


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_run_with_random_replacement_stays_silent(seed):
    training = Replacement(seed)
    assert training.watch() == []
    assert training.monitor.run.num_true_shown > 0


def test_what_has_to_be_learned_is_not_judged_before_the_grace_is_over():
    training = NoLearning()
    assert training.watch(last=CONFIG.grace_steps - WINDOW) == []
    assert training.watch(first=CONFIG.grace_steps - WINDOW) == ["nothing_learned"]


def test_a_monitor_from_a_checkpoint_goes_on_as_if_it_had_never_stopped():
    """Saved amid a window; the warnings told before are not told again, the others are."""
    whole, pieces = InvertedDropping(), InvertedDropping()
    names = whole.watch()
    assert pieces.watch(last=53) == names == ["wrong_dropping"]
    file = io.BytesIO()
    torch.save(pieces.monitor.state_dict(), file)
    file.seek(0)
    pieces.monitor = HealthMonitor(CODES, MASK_ID, DROP_PROB, CONFIG)
    pieces.monitor.load_state_dict(torch.load(file, weights_only=True))
    assert pieces.watch(first=53) == []
    assert pieces.outputs == whole.outputs
    assert len(whole.outputs) == STEPS // WINDOW
    assert flat(pieces.monitor.state_dict()) == flat(whole.monitor.state_dict())


def flat(state, name=""):
    if isinstance(state, dict):
        parts = [flat(each, f"{name}.{key}") for key, each in state.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {name: state.tolist() if isinstance(state, torch.Tensor) else state}


def test_a_state_is_a_copy_that_later_steps_leave_alone():
    training = Training()
    training.watch(last=3)
    state = training.monitor.state_dict()
    before = flat(state)
    training.watch(first=3, last=6)
    assert flat(state) == before


def test_a_checkpoint_with_other_buckets_is_refused():
    state = HealthMonitor(CODES, MASK_ID, 0.1).state_dict()
    finer = HealthMonitor(CODES, MASK_ID, 0.1, HealthConfig(num_buckets=10))
    with pytest.raises(UserError, match=r"\(5, 6\).*\(10, 6\).*num_buckets"):
        finer.load_state_dict(state)


@pytest.mark.parametrize(
    "setting", [{"num_buckets": 0}, {"probe_every": 0}, {"grace_steps": -1}, {"min_gain": 1.5}]
)
def test_impossible_settings_are_refused_by_name(setting):
    (name,) = setting
    with pytest.raises(UserError, match=rf"health\.{name}="):
        HealthMonitor(CODES, MASK_ID, 0.1, HealthConfig(**setting))


def facts_of(loss=1.0, norm=1.0, is_scaled=False):
    token_ids = torch.zeros(2, SIDE, SIDE, dtype=torch.int64)
    hidden = hide_tokens(token_ids, MASK_ID, MaskingConfig(), torch.Generator().manual_seed(0))
    logits = torch.zeros(2, SIDE * SIDE, CODES)
    return StepFacts(logits, *hidden, torch.tensor(loss), None, norm, is_scaled)


@pytest.mark.parametrize(
    ("loss", "norm", "words"),
    [
        (math.nan, 1.0, "loss is nan"),
        (math.inf, 1.0, "loss is inf"),
        (1.0, math.nan, "gradient's norm is nan"),
        (1.0, math.inf, "gradient's norm is inf"),
    ],
)
def test_a_number_that_is_none_is_told_at_its_step_and_once(loss, norm, words):
    monitor = HealthMonitor(CODES, MASK_ID, 0.1)
    assert monitor.update(facts_of()) == []
    (warning,) = monitor.update(facts_of(loss, norm))
    assert warning.name == "not_finite"
    assert words in str(warning)
    assert monitor.update(facts_of(loss, norm)) == []
    numbers, _ = monitor.close_window()  # without the bad steps
    assert all(math.isfinite(value) for value in numbers.values())


def test_a_loss_scaler_may_overflow_now_and_then_but_not_for_ever():
    monitor = HealthMonitor(CODES, MASK_ID, 0.1)
    overflow = facts_of(norm=math.inf, is_scaled=True)
    for _ in range(16):  # what a fresh scaler may need
        assert monitor.update(overflow) == []
    assert monitor.update(facts_of(is_scaled=True)) == []
    names = [each.name for _ in range(40) for each in monitor.update(overflow)]
    assert names == ["not_finite"]


def test_targets_where_nothing_is_hidden_are_welcome_to_a_loss_that_wants_them():
    class Wanted(VisibleScored):
        monitored: ClassVar = {"scores_visible": True}

    assert Wanted().watch() == []


def test_numbers_of_a_window_by_hand():
    """Two pictures of four tokens: three quarters and all hidden; two buckets share them."""
    mask, none = MASK_ID, IGNORED_TARGET
    facts = StepFacts(
        logits=torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0]]).log().clamp(min=-1e4).expand(2, 4, 8),
        token_ids=torch.tensor([[[0, mask], [mask, mask]], [[3, 1], [1, mask]]]),
        targets=torch.tensor([[[none, 0], [0, 0]], [[none, none], [none, 0]]]),
        is_masked=torch.tensor([[[False, True], [True, True]], [[False] * 2, [False, True]]]),
        loss=torch.tensor(0.0),
        is_dropped=torch.tensor([True, False]),
        gradient_norm=3.0,
    )
    monitor = HealthMonitor(8, mask, 0.5, HealthConfig(num_buckets=2))
    monitor.update(facts._replace(gradient_norm=5.0))
    monitor.update(facts)
    numbers, _ = monitor.close_window()
    assert numbers == {
        "loss_0_50": 0.0,
        "token_accuracy_0_50": 1.0,
        "copy_accuracy_0_50": 0.0,
        "predicted_entropy_0_50": 0.0,
        "num_tokens_0_50": 2.0,
        "loss_50_100": 0.0,
        "token_accuracy_50_100": 1.0,
        "copy_accuracy_50_100": 1.0,
        "predicted_entropy_50_100": 0.0,
        "num_tokens_50_100": 6.0,
        "unigram_entropy": 0.0,
        "gain_over_unigram": 0.0,
        "codebook_usage": 1 / 8,
        "codebook_perplexity": 1.0,
        "gradient_norm": 4.0,
        "dropped_share": 0.5,
    }
    assert monitor.close_window() == ({}, [])
