"""The one schema of a run: the stages' settings gathered, and what plain data can be checked for.

Imports no torch, so that composing a configuration and `--help` stay quick.
"""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from src.adapters.config import LoraConfig, check_lora
from src.conditioning.config import MicroCondConfig, badly_rated, check_conditions
from src.data.config import TOLD_KEYS, DataConfig, EncodingConfig, check_data, check_encoding
from src.editing.config import EditingConfig, check_editing
from src.errors import UserError, is_encodable, shown
from src.evaluation.ablation_config import AblationConfig, check_ablation, check_runs
from src.evaluation.config import EvaluationConfig, check_evaluation
from src.evaluation.latency_config import LatencyConfig, check_latency
from src.evaluation.protocol_config import (
    PictureFoldersConfig,
    ProtocolConfig,
    ShardConfig,
    check_folders,
    check_protocol,
)
from src.evaluation.style_config import StyleConfig, check_style
from src.evaluation.tuning_config import TuningConfig, check_tuning
from src.experiments import KINDS
from src.interpret.inspection_config import InspectionConfig, check_inspection
from src.limits import between, check_seed, one_of, plain_name, whole
from src.masking.config import MaskingConfig, check_masking
from src.report.publish_config import PublishConfig, check_publish
from src.sampler.config import (
    LARGEST_SIDE,
    MOST_STEPS,
    CalibrationConfig,
    SamplerConfig,
    check_sampler,
)
from src.speed.bulk_config import BulkConfig, check_bulk
from src.speed.config import SpeedConfig, check_speed, check_weights_of
from src.speed.timed_config import check_timed
from src.task_settings import READ_BY, READS_PICTURES, TASKS
from src.training.check import check_run_of, check_training
from src.training.config import DTYPES, TrainingConfig
from src.training.lesson_config import LessonConfig, check_lesson
from src.training.sizes import check_sizes
from src.training.tokenizer_config import TokenizerLossConfig, check_losses

EMBEDDED = "embedded"  # model=: the weights shipped under experiments/
PUBLISHED_MODELS = {"amused_256": "amused/amused-256", "amused_512": "amused/amused-512"}  # hub ids


@dataclass
class PreviewConfig:
    """How much of a data set is looked at before training."""

    num_rows: int = 1000  # spread over the table; all of a smaller one
    num_shown: int = 12  # with their crop and what tokens keep


@dataclass
class RunConfig:
    """Everything a run can be told. `conf/config.yaml` and `conf/exp/NAME.yaml` fill it in."""

    name: str = MISSING  # the experiment's, same as its file
    kind: str = "experiment"  # one of src.experiments.KINDS
    task: str = MISSING  # one of TASKS

    model: str = EMBEDDED  # or amused_256, amused_512, a hub id, a folder in the published layout
    variant: str | None = None  # "fp16" reads diffusion_pytorch_model.fp16.safetensors
    adapter: str | None = None  # a LoRA on top of the model: its folder or file
    adapter_scale: float = 1.0  # how many times it counts
    dtype: str = "float32"  # one of DTYPES
    device: str = "auto"  # auto = cuda where there is one; cpu, cuda, cuda:1
    speed: SpeedConfig = field(default_factory=SpeedConfig)

    prompts: list[str] = field(default_factory=list)
    prompts_file: str | None = None  # instead of `prompts`: text, table or JSON lines
    negative_prompts: list[str] | None = None  # one for each prompt, or one for all
    num_images_per_prompt: int = 1
    height: int | None = None  # pixels; None = what the model was trained on
    width: int | None = None
    micro_cond: MicroCondConfig = field(default_factory=MicroCondConfig)
    guidance_against: str = "prompt"  # one of GUIDANCE_AGAINST: what guidance pushes away from
    negative_micro_cond: MicroCondConfig = field(default_factory=badly_rated)
    seed: int = 0  # of everything that is drawn and has no seed of its own
    seeds: list[int] | None = None  # one an image; None = seed, seed + 1, ...

    output_dir: str | None = None  # None = the run's own folder
    save_record: bool = False  # replace the committed record, figures and page

    data: DataConfig = field(default_factory=DataConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    sampler: SamplerConfig = field(
        default_factory=lambda: SamplerConfig(schedule=None, guidance_scale=None)
    )
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    tokenizer: TokenizerLossConfig = field(default_factory=TokenizerLossConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    shard: ShardConfig = field(default_factory=ShardConfig)
    bulk: BulkConfig = field(default_factory=BulkConfig)
    pictures: PictureFoldersConfig = field(default_factory=PictureFoldersConfig)
    latency: LatencyConfig = field(default_factory=LatencyConfig)
    ablation: AblationConfig = field(default_factory=AblationConfig)
    tuning: TuningConfig = field(default_factory=TuningConfig)
    runs: list[str] = field(default_factory=list)  # finished ones, that `compare` compares
    style: StyleConfig = field(default_factory=StyleConfig)
    lesson: LessonConfig = field(default_factory=LessonConfig)
    preview: PreviewConfig = field(default_factory=PreviewConfig)
    encoding: EncodingConfig = field(default_factory=EncodingConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)
    inspection: InspectionConfig = field(default_factory=InspectionConfig)
    editing: EditingConfig = field(default_factory=EditingConfig)


def key_types(schema: Any = RunConfig, prefix: str = "") -> dict[str, Any]:
    """Every key there is, dotted, with its annotated type: {"sampler.num_steps": int, ...}."""
    types = {}
    for entry in fields(schema):
        key = prefix + entry.name
        types[key] = entry.type
        if is_dataclass(entry.type):
            types |= key_types(entry.type, key + ".")
    return types


def settings_read(config: RunConfig, task: str) -> dict[str, Any]:
    """The settings that a task looks at, as nested dictionaries: what its numbers can depend on."""
    read = ("name", "task", *READ_BY[task])
    return {key: value for key, value in asdict(config).items() if key in read}


def check(config: RunConfig) -> None:
    """Refuse what no task could do; raises UserError. Needs no model, no torch, presets alone."""
    one_of("task", config.task, TASKS)
    one_of("kind", config.kind, KINDS)
    one_of("dtype", config.dtype, DTYPES)
    _check_opening(config)
    whole("num_images_per_prompt", config.num_images_per_prompt, 1, 10**6)
    for side in ("height", "width"):
        if getattr(config, side) is not None:
            whole(side, getattr(config, side), 1, LARGEST_SIDE)
    _check_prompts(config)
    _check_seeds(config)
    conditions = (config.micro_cond, config.guidance_against, config.negative_micro_cond)
    check_conditions(*conditions, config.negative_prompts is not None)
    check_speed(config.speed, config.sampler.full_step_every)
    check_weights_of(config.speed, config.task)
    check_bulk(config.bulk)
    check_masking(config.masking)
    check_lora(config.lora)
    check_losses(config.tokenizer)
    between("adapter_scale", config.adapter_scale, -100, 100)
    check_sampler(config.sampler, "sampler.")
    between("calibration.mean_steps", config.calibration.mean_steps, 1, MOST_STEPS)
    check_evaluation(config.evaluation)
    check_protocol(config.protocol, config.shard)
    check_folders(config.pictures)
    check_ablation(config.ablation, config.prompts_file)
    _check_measuring(config)
    check_latency(config.latency)
    check_timed(config, tuple(PUBLISHED_MODELS))
    check_publish(config.publish)
    check_inspection(config.inspection, config.task)
    check_editing(config.editing, config.task)
    check_style(config.style)
    if config.task == "teach_glyph":
        check_lesson(config.lesson, config.data)
    check_training(config.training)
    check_data(config.data)
    check_encoding(config.encoding, config.data)
    _check_reads_data(config)
    check_run_of(config.training, config.task, config.dtype)
    whole("preview.num_rows", config.preview.num_rows, 1, 100_000)
    whole("preview.num_shown", config.preview.num_shown, 1, 64)
    if config.task == "train":
        check_sizes(config.training, config.data)


def _check_opening(config: RunConfig) -> None:
    """Refuse a model, variant or device that cannot be opened."""
    if not config.model.strip():
        raise UserError(
            "model is empty; give embedded, amused_256, amused_512, a folder, a hub id."
        )
    if config.model == EMBEDDED and config.variant is not None:
        raise UserError(f"variant={config.variant}: model={EMBEDDED} has none; leave variant out.")
    if config.variant is not None:
        plain_name("variant", config.variant, "fp16")
    kind, _, index = config.device.partition(":")
    is_numbered = ":" in config.device
    if kind not in ("auto", "cpu", "cuda") or (
        is_numbered and (kind != "cuda" or not (index.isascii() and index.isdecimal()))
    ):
        raise UserError(f"device='{config.device}' is unknown; give auto, cpu, cuda or cuda:N.")


def _check_reads_data(config: RunConfig) -> None:
    """Refuse data that the task would not look at."""
    data, task = config.data, config.task
    if data.path is not None and task not in READS_PICTURES:
        raise UserError(
            f"data.path={data.path} has no effect: the task {task} draws its scenes; pictures are "
            f"read by {', '.join(READS_PICTURES)}."
        )
    for key in ("tokens", "token_ids_column"):
        if getattr(data, key) is not None and task != "train_uvit":
            raise UserError(
                f"data.{key}={getattr(data, key)} has no effect: token ids are read by train_uvit "
                f"alone, and the task is {task}."
            )
    for key in TOLD_KEYS if task == "train_vqgan" else ():
        if getattr(data, key) != getattr(DataConfig(), key):
            raise UserError(
                f"data.{key}={getattr(data, key)} has no effect: train_vqgan reads pictures alone, "
                "not what is told about them; leave it out."
            )
    if data.tokens is not None and data.path is not None:
        raise UserError("data.path and data.tokens are both given; give one of them.")


def _check_measuring(config: RunConfig) -> None:
    """Refuse what the task's own way of measuring overrides, and a measurement of nothing."""
    if config.task == "report_quality" and config.sampler.guidance_scale is not None:
        raise UserError(
            f"sampler.guidance_scale={config.sampler.guidance_scale} has no effect: the task "
            "report_quality draws with every number of protocol.guidance."
        )
    if config.task == "bench_bulk" and config.bulk.num_alone is not None:
        raise UserError(
            f"bulk.num_alone={config.bulk.num_alone} has no effect: the task bench_bulk measures "
            "one worker by a command of its own; leave it out."
        )
    if config.task == "evaluate_pictures" and not config.pictures.folders:
        raise UserError("There are no pictures: give 'pictures.folders=[FOLDER]'.")
    if config.task == "compare":
        check_runs(config.runs)
    if config.task == "autotune":
        check_tuning(config.tuning, config.sampler, config.prompts_file)


def _check_prompts(config: RunConfig) -> None:
    if config.prompts and config.prompts_file is not None:
        raise UserError("prompts and prompts_file are both given; give one of them.")
    if config.prompts_file == "":
        raise UserError("prompts_file is empty; give a text file, a prompt a line.")
    if (
        config.task in ("generate", "observe")
        and not config.prompts
        and config.prompts_file is None
    ):
        raise UserError(
            """There are no prompts: give 'prompts=["a red heart"]', or prompts_file=PATH."""
        )
    for key in ("prompts", "negative_prompts"):
        for index, prompt in enumerate(getattr(config, key) or []):
            if not isinstance(prompt, str):
                raise UserError(f"{key}[{index}] is {shown(prompt)}; a prompt is text in quotes.")
            if not is_encodable(prompt):
                raise UserError(f"{key}[{index}] is {shown(prompt)}, which is not text in UTF-8.")
    negative = config.negative_prompts
    if negative is not None and config.prompts and len(negative) not in (1, len(config.prompts)):
        raise UserError(
            f"negative_prompts has {len(negative)} entries for {len(config.prompts)} prompts; "
            "give one for each prompt, or one for all."
        )


def _check_seeds(config: RunConfig) -> None:
    check_seed("seed", config.seed)
    for index, seed in enumerate(config.seeds or []):
        check_seed(f"seeds[{index}]", seed)
    if config.seeds is not None and config.prompts:
        check_seed_count(len(config.seeds), len(config.prompts), config.num_images_per_prompt)
    elif config.prompts:
        check_last_seed(config.seed, len(config.prompts) * config.num_images_per_prompt)


def check_last_seed(first: int, num_images: int) -> None:
    """Seeds are counted up from the first one; raises UserError where the last is too large."""
    if first + num_images > 2**63:
        raise UserError(
            f"seed={first} is impossible for {num_images} images, whose seeds count up from it to "
            f"2**63 - 1 at most; give a smaller one."
        )


def check_seed_count(num_seeds: int, num_prompts: int, num_images_per_prompt: int) -> None:
    """Every image has exactly one seed; raises UserError otherwise."""
    num_images = num_prompts * num_images_per_prompt
    if num_seeds != num_images:
        raise UserError(
            f"seeds has {num_seeds} entries for {num_images} images ({num_prompts} prompts x "
            f"{num_images_per_prompt}); give one an image, or leave seeds out."
        )
