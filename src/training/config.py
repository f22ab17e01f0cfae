"""Settings of a training run of the embedded models; `conf/training/*.yaml` holds one a model."""

from dataclasses import dataclass, field

from src.training.health_config import HealthConfig

DTYPES = ("float32", "float16", "bfloat16")
MODELS = ("vqgan", "clip", "uvit")
# Lightning's names; weights stay float32 but for 64-true, which shows what is rounding and what not
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
OPTIMIZERS = ("adamw", "adamw_8bit", "muon")
LOSS_MEANS = ("global", "per_rank")
BEGINNINGS = ("anew", "model")
MICRO_CONDS = ("kept", "dropped", "shuffled")  # of micro_cond_rows.py
METHODS = ("full", "lora")
SERVICES = ("wandb", "mlflow")
STRATEGIES = ("ddp", "fsdp")
FSDP_PRECISIONS = ("32-true", "bf16-mixed")
SHARED_KEYS = ("max_minutes", "num_workers", "num_threads")  # train_all hands them to every model
FREE_KEYS = {  # may change from one piece of a run to the next
    *("max_steps", "max_minutes", "decay_ratio", "checkpoint_every", "sample_every", "log_every"),
    *("num_workers", "num_threads", "precision", "compile", "image_tokenizer", "text_encoder"),
    *("worker_timeout", "gradient_checkpointing", "fused", "logger", "health", "saved_dtype"),
    "strategy",
}

OWN_KEYS = {  # what means something to one model only
    "vqgan": {"commitment_weight", "continuous_steps", "codebook_decay", "move_every", "num_moved"}
    | {"useless_below", "merge_within", "locality_weight"},
    "clip": {"narrow_prob"},
    "uvit": {"drop_prob", "label_smoothing", "num_cached", "begin", "loss_mean", "method"}
    | {"micro_cond", "visible_weight", "is_dropout_inverted", "is_embedding_decayed"}
    | {"image_tokenizer", "text_encoder", "saved_dtype", "gradient_checkpointing"},
}
TOKENIZER_KEYS = {  # what the task train_vqgan has a use for
    *("model", "preset", "begin", "image_tokenizer", "max_steps", "max_minutes", "batch_size"),
    *("accumulation", "num_devices", "num_nodes", "optimizer", "fused", "learning_rate"),
    *("warmup_steps", "decay_ratio", "weight_decay", "beta2", "max_grad_norm", "ema_decay"),
    *("ema_ramp", "checkpoint_every", "sample_every", "log_every", "logger", "num_workers"),
    *("num_threads", "precision", "worker_timeout"),
}


@dataclass
class LoggerConfig:
    """Where a training's numbers go besides the files of the run."""

    service: str | None = None  # one of SERVICES
    project: str = "amused"


@dataclass
class StrategyConfig:
    """What each of several processes holds."""

    name: str = "ddp"  # one of STRATEGIES: the whole model, or a part of every weight


@dataclass
class TrainingConfig:
    model: str = "uvit"  # which of MODELS is trained
    preset: str | None = "glyphs"  # presets/NAME.json beside the model's code; None = as `model`
    image_tokenizer: str | None = None  # a finished run's folder; None = the shipped one
    text_encoder: str | None = None  # a finished run's folder; None = the shipped one

    max_steps: int = 10_000
    max_minutes: float = 60.0  # one piece; the same command continues where it ended
    batch_size: int = 64  # in one pass through the model
    accumulation: int = 1  # U-ViT: passes before the weights move
    num_devices: int = 1  # U-ViT: processes on each machine, one a GPU
    num_nodes: int = 1  # U-ViT: machines; Slurm and torchrun tell each its number
    strategy: StrategyConfig = field(default_factory=StrategyConfig)  # U-ViT
    optimizer: str = "adamw"  # one of OPTIMIZERS
    fused: bool = False  # AdamW: all parameters in one kernel
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    decay_ratio: float = 0.25  # share of max_steps over which the rate falls to 0 at the end
    weight_decay: float = 0.01
    is_embedding_decayed: bool = True  # U-ViT: the weight decay also holds for the codes' table
    beta2: float = 0.98
    max_grad_norm: float = 1.0
    ema_decay: float = 0.999  # 0 = no average: the weights themselves are kept
    ema_ramp: bool = False  # the decay rises to it as (1 + n) / (10 + n) over the steps n

    begin: str = "anew"  # one of BEGINNINGS: random weights, or those of `model`
    method: str = "full"  # U-ViT, one of METHODS: all weights learn, or an adapter (`lora`)
    drop_prob: float = 0.1  # U-ViT: share of prompts replaced by the empty one
    is_dropout_inverted: bool = False  # U-ViT: that share is kept, as in aMUSEd's released script
    loss_mean: str = "global"  # U-ViT, one of LOSS_MEANS: per_rank is upstream's
    micro_cond: str = "kept"  # U-ViT, one of MICRO_CONDS: told of each picture, or of none
    visible_weight: float = 0.0  # U-ViT: of the loss on tokens that are not hidden; 1 = as hidden
    label_smoothing: float = 0.0  # U-ViT: 0.1 in aMUSEd's pre-training (report section 2.3)
    num_cached: int = 100_000  # U-ViT: scenes encoded to tokens before training starts
    narrow_prob: float = 0.5  # CLIP: share of batches drawn from few names: hard to tell apart
    commitment_weight: float = 0.25  # VQGAN (report section 2.1)
    continuous_steps: int = 300  # VQGAN: first steps, whose decoder sees unquantized latents
    codebook_decay: float = 0.98  # VQGAN: how slowly codes follow the latents they stand for
    move_every: int = 20  # VQGAN: steps between moves of useless codes to where the error is
    num_moved: int = 16  # VQGAN: at most so many at a time
    useless_below: float = 0.5  # VQGAN: useless = saves less than this share of a code's mean error
    merge_within: float = 0.15  # VQGAN: codes nearer than this share of their spread become one
    locality_weight: float = 0.6  # VQGAN: how strongly a token is held to speak of its place only

    checkpoint_every: int = 250  # steps
    sample_every: int = 1_000  # steps between sample pictures
    log_every: int = 20  # steps
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    health: HealthConfig = field(default_factory=HealthConfig)  # U-ViT
    num_workers: int = 1  # processes that draw pictures
    worker_timeout: float = 600.0  # seconds that one may take for a batch; 0 = for ever
    num_threads: int = 0  # CPU threads of torch; 0 = torch's own choice
    precision: str = "32-true"  # one of PRECISIONS
    compile: bool = False  # torch.compile the model
    saved_dtype: str = "float32"  # U-ViT: of the finished model's files
    gradient_checkpointing: bool = False  # U-ViT: recompute activations, for memory
