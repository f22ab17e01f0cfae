"""diffusers' pipeline as a process of its own: pictures for every line that comes in.

    python tests/peers/diffusers_latency.py CHECKPOINT THREADS DEVICE DTYPE [compiled]

Lines are JSON. The first one out says {"ready": version} or {"missing": why}; each line in is
{"prompt": ..., "seed": ..., "num_steps": ..., "guidance_scale": ..., "num_images": ...}, its answer
{"pixels": hash}, and with "is_shown" the first picture's bytes, {"shown": base64} besides.
"""

import base64
import hashlib
import json
import sys


def main(folder: str, num_threads: str, device: str, dtype: str, mode: str = "eager") -> None:
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
    if mode == "compiled":
        pipeline.transformer = torch.compile(pipeline.transformer)
    tell({"ready": f"diffusers {diffusers.__version__}"})
    for line in sys.stdin:
        asked = json.loads(line)
        generator = torch.Generator().manual_seed(asked["seed"])
        pictures = pipeline(
            asked["prompt"],
            generator=generator,
            num_inference_steps=asked["num_steps"],
            guidance_scale=asked["guidance_scale"],
            num_images_per_prompt=asked.get("num_images", 1),
        ).images
        pixels = b"".join(picture.tobytes() for picture in pictures)
        answer = {"pixels": hashlib.sha256(pixels).hexdigest()}
        if asked.get("is_shown"):
            answer["shown"] = base64.b64encode(pictures[0].tobytes()).decode()
        tell(answer)


def tell(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
