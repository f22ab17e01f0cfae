"""Settings of the decoding: how many steps, how much guidance, which sampler and which randomness.

Imports no torch, so that composing a configuration stays quick.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.errors import UserError, nearest, shown
from src.limits import between, one_of
from src.masking.config import BY_HAND, read_schedule

RULES = Path(__file__).parent / "rules"
# a file of sampler/rules each
KNOWN_SAMPLERS = tuple(sorted(x.stem for x in RULES.glob("*.py") if not x.stem.startswith("_")))
GUIDANCE_LAWS = ("constant", "linear", "cosine")  # of sampler/plan.py
PROXIES = ("entropy", "max_probability", "margin")  # what the entropy-bounded sampler sorts by
STRATEGIES = ("cap", "rescale", "confidence", "loop")  # of rules/remask.py
MOST_STEPS = 10_000  # beyond all use; the trace keeps every one
AMUSED_GUIDANCE = 10.0  # of a checkpoint that names none, as the published ones
LARGEST_SIDE = 2**14  # pixels of a picture; memory allows less before long
LARGEST = 1e6  # of a scale or temperature: beyond all use, and far from any overflow
LARGEST_POWER = 100.0  # of a law; beyond it, it is a step


@dataclass
class MomentConfig:
    """How the moment sampler sharpens; see rules/moment.py."""

    position_exponent: float | None = None  # b of the positions' weights; None = 1 + 1/temperature
    token_exponent: float | None = None  # b of the codes' distribution; None = likewise


@dataclass
class EntropyBoundConfig:
    """How much is revealed at once; see rules/entropy_bounded.py."""

    bound: float = 8.0  # nats a step; 0 = one token a step
    sort_by: str = "entropy"  # one of PROXIES: the surest first


@dataclass
class RemaskConfig:
    """How often the ancestral sampler hides a settled token again; see rules/remask.py."""

    strategy: str = "cap"  # one of STRATEGIES
    eta: float | None = None  # 0..1, the strength; 0 = the plain ancestral step; None = its own
    loop_from: float = 0.4  # progress at which the loop begins; the hidden share stands still
    loop_to: float = 0.8  # progress at which it ends


@dataclass
class CorrectorConfig:
    """What is drawn anew after each step; see corrector.py."""

    num_positions: int = 0  # settled tokens a step; 0 = no corrector
    temperature: float = 0.0  # times Gumbel noise on which


@dataclass
class SamplerConfig:
    """What a sampler follows; the defaults are aMUSEd's."""

    name: str = "confidence"  # one of KNOWN_SAMPLERS
    num_steps: int = 12  # model passes, from 1; of an adaptive sampler, the most it may take
    # from 0: 0 = without the prompt, 1 = guidance off; a run's None is the checkpoint's own
    guidance_scale: float | None = AMUSED_GUIDANCE
    choice_temperature_start: float = 2.0  # times Gumbel noise on which position is kept ...
    choice_temperature_end: float = 0.0  # ... in the last step; linear in between
    sampling_temperature: float = 1.0  # divides the logits that codes are drawn from; 0 = best code
    schedule: str | None = "cosine"  # one of masking's; a run's None is the checkpoint's own

    then: str | None = None  # one of KNOWN_SAMPLERS, which takes over from `name` ...
    then_after: float = 0.5  # ... after this share of the steps
    guidance: str = "constant"  # one of GUIDANCE_LAWS
    guidance_power: float = 1.0  # of the progress in linear and cosine
    guidance_from: float = 1.0  # hidden share, 1..0, with which guidance begins ...
    guidance_to: float = 0.0  # ... and below which it ends
    stop_entropy: float | None = None  # nats; a picture ends once so sure; see early_stop.py
    # 1 = exact; above, the steps between compute what is new; see src/transformer/local_steps.py
    full_step_every: int = 1
    choice_temperature_power: float = 1.0  # of the way from start to end; below 1 it stays longer
    sampling_temperature_end: float | None = None  # of the last step; None = no change
    sampling_temperature_power: float = 1.0
    guidance_scales: list[float] | None = None  # one a step, instead of the laws above
    choice_temperatures: list[float] | None = None
    sampling_temperatures: list[float] | None = None

    moment: MomentConfig = field(default_factory=MomentConfig)
    entropy_bound: EntropyBoundConfig = field(default_factory=EntropyBoundConfig)
    remask: RemaskConfig = field(default_factory=RemaskConfig)
    corrector: CorrectorConfig = field(default_factory=CorrectorConfig)
    path: str | None = None  # a file of all these, as the autotuner writes it; see from_file.py


@dataclass
class CalibrationConfig:
    """What the entropy bound is calibrated to."""

    mean_steps: float = 8.0  # over the pictures


SCALES = (
    *("guidance_scale", "choice_temperature_start", "choice_temperature_end"),
    *("sampling_temperature", "sampling_temperature_end"),
)
LISTS = ("guidance_scales", "choice_temperatures", "sampling_temperatures")
POWERS = ("guidance_power", "choice_temperature_power", "sampling_temperature_power")


def check_sampler(config: SamplerConfig, stage: str = "") -> None:
    """Refuse settings that no sampler can follow; raises UserError.

    stage: what stands before their names where they are keys of a run, "sampler."
    """
    for name in (config.name, *([] if config.then is None else [config.then])):
        if name not in KNOWN_SAMPLERS:
            raise UserError(
                f"sampler {shown(name)} is unknown; {nearest(str(name), KNOWN_SAMPLERS)}"
            )
    steps = config.num_steps
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise UserError(
            f"{stage}num_steps={shown(steps)} is impossible; give a whole number from 1 to "
            f"{MOST_STEPS:,}."
        )
    if config.schedule is not None:
        _check_schedule(config.schedule, steps, stage)
    for name in SCALES:
        value = getattr(config, name)
        if value is not None or name not in ("guidance_scale", "sampling_temperature_end"):
            _check_scale(f"{stage}{name}", value)
    for name in LISTS:
        _check_list(f"{stage}{name}", getattr(config, name), steps)
    _check_laws(config, stage)
    _check_parts(config, stage)
    _check_are_read(config, stage)


def _check_schedule(schedule: object, num_steps: int, stage: str) -> None:
    law, shares = read_schedule(schedule)
    if law == BY_HAND and len(shares) != num_steps:
        raise UserError(
            f"{stage}schedule={shown(schedule)} has {len(shares)} shares for "
            f"{stage}num_steps={num_steps}; give one a step."
        )


def _check_scale(key: str, value: object) -> None:
    if not _is_number(value) or not 0 <= value <= LARGEST:  # NaN is neither
        raise UserError(
            f"{key}={shown(value)} is impossible; give a number from 0 to {LARGEST:,.0f}."
        )


def _check_list(key: str, values: Sequence[float] | None, num_steps: int) -> None:
    if values is None:
        return
    if len(values) != num_steps:
        raise UserError(
            f"{key} has {len(values)} numbers for num_steps={num_steps}; give one a step."
        )
    for index, value in enumerate(values):
        _check_scale(f"{key}[{index}]", value)


def _check_laws(config: SamplerConfig, stage: str) -> None:
    one_of(f"{stage}guidance", config.guidance, GUIDANCE_LAWS)
    for name in POWERS:
        between(f"{stage}{name}", getattr(config, name), 0, LARGEST_POWER)
    for name in ("guidance_from", "guidance_to", "then_after"):
        between(f"{stage}{name}", getattr(config, name), 0, 1)
    if config.stop_entropy is not None:
        between(f"{stage}stop_entropy", config.stop_entropy, 0, LARGEST)
    every = config.full_step_every
    if type(every) is not int or not 1 <= every <= MOST_STEPS:
        raise UserError(
            f"{stage}full_step_every={shown(every)} is impossible; give a whole number from 1, "
            f"every step, to {MOST_STEPS:,}."
        )
    if config.guidance_from < config.guidance_to:
        raise UserError(
            f"{stage}guidance_from={config.guidance_from} lies below {stage}guidance_to="
            f"{config.guidance_to}: the hidden share falls from 1 to 0, so the interval begins at "
            "the larger number."
        )


def _check_parts(config: SamplerConfig, stage: str) -> None:
    for name in ("position_exponent", "token_exponent"):
        value = getattr(config.moment, name)
        if value is not None:
            between(f"{stage}moment.{name}", value, 0, LARGEST)
    between(f"{stage}entropy_bound.bound", config.entropy_bound.bound, 0, LARGEST)
    one_of(f"{stage}entropy_bound.sort_by", config.entropy_bound.sort_by, PROXIES)
    remask = config.remask
    one_of(f"{stage}remask.strategy", remask.strategy, STRATEGIES)
    for name in ("eta", "loop_from", "loop_to"):
        value = getattr(remask, name)
        if value is not None or name != "eta":
            between(f"{stage}remask.{name}", value, 0, 1)
    if remask.loop_from > remask.loop_to:
        raise UserError(
            f"{stage}remask.loop_from={remask.loop_from} lies behind {stage}remask.loop_to="
            f"{remask.loop_to}; progress runs from 0 to 1, so give the smaller number first."
        )
    count = config.corrector.num_positions
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= LARGEST_SIDE:
        raise UserError(
            f"{stage}corrector.num_positions={shown(count)} is impossible; give a whole number "
            f"from 0 to {LARGEST_SIDE:,}."
        )
    between(f"{stage}corrector.temperature", config.corrector.temperature, 0, LARGEST)


def _check_are_read(config: SamplerConfig, stage: str) -> None:
    """Refuse the settings of a sampler that is not the one chosen."""
    usual = SamplerConfig()
    for part in ("moment", "entropy_bound", "remask"):
        owner = "entropy_bounded" if part == "entropy_bound" else part
        is_read = owner in (config.name, config.then)
        if not is_read and getattr(config, part) != getattr(usual, part):
            raise UserError(
                f"{stage}{part} has no effect: {stage}name is {config.name}, and only {owner} "
                "reads it."
            )
    for key, (is_read, why) in _conditions(config).items():
        part, _, name = key.rpartition(".")
        own, common = (getattr(x, part) if part else x for x in (config, usual))
        if not is_read and getattr(own, name) != getattr(common, name):
            raise UserError(f"{stage}{key}={getattr(own, name)} has no effect {why}.")
    if config.remask.strategy == "loop" and config.then is not None:
        raise UserError(
            f"{stage}remask.strategy=loop stops the schedule's clock for all steps, so it goes "
            f"with no other sampler: leave {stage}then={config.then} out, or take another strategy."
        )
    if config.then is None and config.then_after != usual.then_after:
        raise UserError(
            f"{stage}then_after={config.then_after} has no effect without {stage}then, the "
            "sampler that takes over."
        )


def _conditions(config: SamplerConfig) -> dict[str, tuple[bool, str]]:
    """Whether a setting is read, which depends on another one, and what it would take."""
    loops = config.remask.strategy == "loop"
    rises = config.guidance != "constant"
    changes = config.sampling_temperature_end is not None
    corrects = config.corrector.num_positions > 0
    return {
        "remask.loop_from": (loops, "without remask.strategy=loop"),
        "remask.loop_to": (loops, "without remask.strategy=loop"),
        "guidance_power": (rises, "on guidance=constant, which has no power"),
        "sampling_temperature_power": (changes, "without sampling_temperature_end"),
        "corrector.temperature": (corrects, "without corrector.num_positions"),
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
