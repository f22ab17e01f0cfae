"""diffusers' image tokenizer alone as a process of its own: token ids become pixels.

    python tests/peers/diffusers_decode.py CHECKPOINT THREADS DEVICE DTYPE

Lines are JSON. The first one out says {"ready": version} or {"missing": why}; each line in is
{"seed": ..., "grid": [rows, columns]}, decoded alone; its answer {"mean": of the pixels}
and what the process ever held, {"peak_bytes": ...}.
"""

import json
import re
import sys
from pathlib import Path


def main(folder: str, num_threads: str, device: str, dtype: str) -> None:
    """Decode until the lines end."""
    try:
        import diffusers
        import torch
    except ImportError as error:
        tell({"missing": str(error)})
        return
    torch.set_num_threads(int(num_threads))
    torch.set_grad_enabled(False)
    kind = getattr(torch, dtype)
    vqvae = diffusers.VQModel.from_pretrained(folder, subfolder="vqvae", torch_dtype=kind)
    vqvae = vqvae.to(device).eval()
    tell({"ready": f"diffusers {diffusers.__version__}"})
    for line in sys.stdin:
        asked = json.loads(line)
        rows, columns = asked["grid"]
        rng = torch.Generator().manual_seed(asked["seed"])
        ids = torch.randint(vqvae.config.num_vq_embeddings, (1, rows, columns), generator=rng)
        shape = (1, rows, columns, vqvae.config.latent_channels)
        found = vqvae.decode(ids.to(device), force_not_quantize=True, shape=shape)
        tell({"mean": float(found.sample.clip(0, 1).float().mean()), "peak_bytes": peak()})


def peak() -> int:
    """Bytes that this process ever held; 0 where Linux does not say it."""
    status = Path("/proc/self/status")
    said = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return int(said[1]) * 1024 if said else 0


def tell(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
