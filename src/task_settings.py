"""Which tasks there are, and what of a run's settings each of them reads."""

from src.training.config import SHARED_KEYS

# files of src/tasks
TASKS = (
    "train",
    "train_all",
    "train_uvit",
    "styledrop",
    "teach_glyph",
    "train_vqgan",
    "memorise",
    "generate",
    "draw_bulk",
    "vary",
    "inpaint",
    "outpaint",
    "edit_regions",
    "video",
    "evaluate",
    "evaluate_pictures",
    "report_quality",
    "report_latency",
    "report_parameters",
    "report_finetune_memory",
    "report_quantized",
    "report",
    "publish",
    "ablate",
    "ablate_training",
    "compare",
    "autotune",
    "observe",
    "calibrate_entropy_bound",
    "first_light",
    "preview_data",
    "encode_dataset",
    "bench_training_step",
    "bench_recipes",
    "bench_recording",
    "bench_bulk",
    "bench_generate",
    "bench_decode",
    "bench_train_step",
    "bench_scaling",
    "profile",
    "inspect_calibration",
    "inspect_micro_cond",
    "inspect_words",
    "doctor",
    "index",
    "pages",
)
# what train_all hands to every model besides data
CHAIN_KEYS = ("seed", "device", "save_record", *(f"training.{key}" for key in SHARED_KEYS))
OF_THE_RUN = ("name", "kind", "task")
OPENING = ("model", "variant", "adapter", "adapter_scale", "dtype", "device", "speed")
DRAWING = (
    *("prompts", "prompts_file", "negative_prompts", "num_images_per_prompt", "height", "width"),
    *("micro_cond", "guidance_against", "negative_micro_cond"),
    *("seed", "seeds", "sampler", "output_dir"),
)
JUDGING = (
    *("data", "evaluation", "sampler", "micro_cond", "guidance_against", "negative_micro_cond"),
    *("output_dir", "save_record"),
)
LEAVING = ("output_dir", "save_record")
EDITING = (
    *("prompts", "negative_prompts", "num_images_per_prompt", "sampler", "seed", "seeds"),
    *("editing", "data", "evaluation", "output_dir", "save_record"),
)
LEARNING = ("training", "masking", "seed")
OWN_VQGAN = ("model", "variant", "device", "training", "tokenizer")
BENCH = ("data", "training", "masking", "encoding", "seed", "output_dir", "save_record")
EDITORS = ("vary", "inpaint", "outpaint", "edit_regions", "video")
READ_BY = {  # what of RunConfig each task looks at
    "train": ("training", "data", "masking", "seed", "device", "save_record"),
    "train_all": ("training", "data", "seed", "device", "save_record"),
    "train_uvit": (*OPENING, *LEARNING, "lora", "data", *LEAVING),
    "styledrop": (*OPENING, *LEARNING, "lora", "style", *JUDGING),
    "teach_glyph": (*OPENING, *LEARNING, "lora", "lesson", *JUDGING),
    "train_vqgan": (*OWN_VQGAN, "data", "evaluation", "seed", *LEAVING),
    "memorise": (*OPENING, *LEARNING, "lora", *JUDGING),
    "generate": (*OPENING, *DRAWING),
    "draw_bulk": (
        *(*OPENING, *(key for key in DRAWING if key != "seeds")),
        *("data", "bulk", "shard"),
    ),
    "observe": (*OPENING, *DRAWING, "save_record"),
    **dict.fromkeys(EDITORS, (*OPENING, *EDITING)),
    "calibrate_entropy_bound": (
        *(*OPENING, *DRAWING, "data", "evaluation"),
        "calibration",
    ),
    "evaluate": (*OPENING, *JUDGING),
    "evaluate_pictures": ("device", "pictures", "prompts_file", "evaluation", "output_dir"),
    "ablate": (*OPENING, *JUDGING, "prompts_file", "ablation"),
    "ablate_training": (*OPENING, *LEARNING, "lora", *JUDGING, "prompts_file", "ablation"),
    "autotune": (*OPENING, *JUDGING, "prompts_file", "ablation", "tuning", "seed"),
    "compare": ("runs", "evaluation", "ablation", "output_dir"),
    "report_quality": (*OPENING, *JUDGING, "protocol", "shard"),
    "report_latency": (*OPENING, "sampler", "latency", "seed", *LEAVING),
    "report_parameters": LEAVING,
    "report_finetune_memory": (),
    "report_quantized": ("device", *JUDGING, "seed"),
    "report": (),
    "publish": (*OPENING, "publish", "output_dir"),
    "first_light": (*OPENING, *DRAWING, *JUDGING),
    "preview_data": (*OPENING, "data", "training", "preview", "seed", "output_dir"),
    "encode_dataset": (*OPENING, "data", "encoding", "seed", "output_dir"),
    "bench_training_step": (*OPENING, *BENCH),
    "bench_recipes": ("model", "training", "masking", "seed", "device", *LEAVING),
    "bench_recording": ("dtype", "device", "sampler", "seed", *LEAVING),
    "bench_bulk": ("model", "device", "bulk", "seed", *LEAVING),
    "bench_generate": (*OPENING, "sampler", "latency", "seed", *LEAVING),
    "bench_decode": (*OPENING, "latency", "seed", *LEAVING),
    "bench_train_step": ("model", "training", "latency", "seed", "device", *LEAVING),
    "bench_scaling": (*OPENING, "sampler", "latency", "seed", *LEAVING),
    "profile": (*OPENING, "sampler", "latency", "seed", *LEAVING),
    "inspect_calibration": (*OPENING, "data", "inspection", "seed", *LEAVING),
    "inspect_micro_cond": (*OPENING, "data", "inspection", "seed", *LEAVING),
    "inspect_words": (*OPENING, "data", "inspection", "seed", *LEAVING),
    "doctor": ("output_dir",),
    "index": (),
    "pages": ("output_dir",),
}
# tasks that look at data.path
READS_PICTURES = (
    "preview_data",
    "encode_dataset",
    "train_uvit",
    "train_vqgan",
    "styledrop",
    "memorise",
    "report_quality",
    "ablate_training",
)
# tasks whose runs are the cells of one table: src/tasks/sweep.py holds them together
SWEPT = ("ablate", "ablate_training")
# tasks whose jobs draw into one folder, each its own share of it
SHARED = ("draw_bulk",)
