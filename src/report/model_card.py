"""A checkpoint's README.md as the Hub reads it: facts in its header, then words and numbers."""

import json
from collections.abc import Mapping

from src.report.record import Record
from src.report.tables import markdown_table

TAGS = ("text-to-image", "masked-image-modeling", "vqgan")


def model_card(
    name: str,
    facts: Mapping[str, object],
    guidance_scale: float,
    record: Record | None = None,
    license_name: str | None = None,
) -> str:
    """The whole page.

    Args:
        name: what the model is called.
        facts: in words, what stands in the table: {"pictures": "256 x 256 pixels", ...}.
        guidance_scale: what it draws well at; diffusers would take 10 for any checkpoint.
        record: numbers of these very weights; None where none were measured.
        license_name: as the Hub calls it, "openrail++"; None = nothing is said.
    """
    header = ["---", "library_name: diffusers", "pipeline_tag: text-to-image"]
    header += [f"license: {json.dumps(license_name)}"] if license_name else []
    header += ["tags:", *(f"- {tag}" for tag in TAGS), "---"]
    parts = ["\n".join(header), f"# {name}"]
    parts.append(
        "An [aMUSEd](https://arxiv.org/abs/2401.01808) masked image model in diffusers' layout: a "
        "U-ViT, a VQGAN and CLIP's text tower."
    )
    table = ["| | |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in facts.items())]
    parts.append("\n".join(table))
    parts.append("## How to draw with it\n\n" + _use(name, guidance_scale))
    parts.append("## What it measures\n\n" + _numbers(record))
    return "\n\n".join(parts) + "\n"


def _use(name: str, guidance_scale: float) -> str:
    return (
        "```python\nfrom diffusers import AmusedPipeline\n\n"
        f'pipeline = AmusedPipeline.from_pretrained("{name}")\n'
        f'pipeline("a red heart", guidance_scale={guidance_scale:g}).images[0]\n```'
    )


def _numbers(record: Record | None) -> str:
    if record is None or not record.measurements:
        return "Nothing was measured of these weights."
    origin = f"By `{record.command}`, {record.recorded}, {record.device}."
    return f"{markdown_table(record.measurements)}\n{origin}"
