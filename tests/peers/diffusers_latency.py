"""diffusers' pipeline as a process of its own: a picture for every line that comes in.

    python tests/peers/diffusers_latency.py CHECKPOINT THREADS DEVICE DTYPE

Lines are JSON. The first one out says {"ready": version} or {"missing": why}; each line in is
{"prompt": ..., "seed": ..., "num_steps": ..., "guidance_scale": ...}, its answer {"pixels": hash}.
"""

import hashlib
import json
import sys


def main(folder: str, num_threads: str, device: str, dtype: str) -> None:
    """Draw until the lines end."""
    try:
        import diffusers
        import torch
    except ImportError as error:
        tell({"missing": str(error)})
        return
    torch.set_num_threads(int(num_threads))
    pipeline = diffusers.AmusedPipeline.from_pretrained(folder, torch_dtype=getattr(torch, dtype))
    pipeline.to(device).set_progress_bar_config(disable=True)
    tell({"ready": f"diffusers {diffusers.__version__}"})
    for line in sys.stdin:
        asked = json.loads(line)
        generator = torch.Generator().manual_seed(asked["seed"])
        picture = pipeline(
            asked["prompt"],
            generator=generator,
            num_inference_steps=asked["num_steps"],
            guidance_scale=asked["guidance_scale"],
        ).images[0]
        tell({"pixels": hashlib.sha256(picture.tobytes()).hexdigest()})


def tell(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
