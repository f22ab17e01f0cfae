"""diffusers' U-ViT in training as a process of its own: a step for every line that comes in.

    python tests/peers/diffusers_train_step.py CHECKPOINT THREADS DEVICE DTYPE BATCH SETTINGS

BATCH is a safetensors file of token_ids, targets (-100 where nothing is scored), text_states,
pooled_text and micro_cond; SETTINGS is JSON with learning_rate, weight_decay, beta2, fused, is_half
and is_compiled. The first line out says {"ready": version} or {"missing": why}; each line in is
answered by {"loss": before the step}.
"""

import json
import sys


def main(
    folder: str, num_threads: str, device: str, dtype: str, batch_file: str, settings: str
) -> None:
    """Take a step of AdamW on the one batch, until the lines end."""
    try:
        import diffusers
        import torch
        from safetensors.torch import load_file
    except ImportError as error:
        tell({"missing": str(error)})
        return
    torch.set_num_threads(int(num_threads))
    told, batch = json.loads(settings), load_file(batch_file, device=device)
    uvit = diffusers.UVit2DModel.from_pretrained(folder, subfolder="transformer").to(device).train()
    model = torch.compile(uvit) if told["is_compiled"] else uvit
    decayed = [p for p in uvit.parameters() if p.ndim >= 2]
    others = [p for p in uvit.parameters() if p.ndim < 2]
    stepper = torch.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}],
        lr=told["learning_rate"],
        betas=(0.9, told["beta2"]),
        weight_decay=told["weight_decay"],
        fused=told["fused"] or None,
    )
    tell({"ready": f"diffusers {diffusers.__version__}"})
    for _ in sys.stdin:
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=told["is_half"]):
            logits = model(
                batch["token_ids"], batch["text_states"], batch["pooled_text"], batch["micro_cond"]
            )
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(2), batch["targets"])
        loss.backward()
        stepper.step()
        stepper.zero_grad()
        tell({"loss": loss.item()})


def tell(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
