"""What preprocessor_config.json does to a picture's size, in words."""

from PIL import Image
from transformers import CLIPImageProcessorPil


def resizer_in_words(processor: CLIPImageProcessorPil) -> str:
    """How pictures are brought to the model's size; as published, "CLIP's bicubic to 224"."""
    settings = processor.to_dict()
    crop = settings["crop_size"] if settings["do_center_crop"] else None
    if not settings["do_resize"]:
        return "no resize" + (f", cropped to {_sides(crop)}" if crop else "")
    size, kind = settings["size"], Image.Resampling(int(settings["resample"])).name.lower()
    edge = size.get("shortest_edge")
    if edge and crop == {"height": edge, "width": edge}:
        return f"CLIP's {kind} to {edge}"
    words = f"CLIP's {kind} to {f'{edge} on the shorter side' if edge else _sides(size)}"
    return f"{words}, cropped to {_sides(crop)}" if crop else f"{words}, not cropped"


def _sides(size: dict[str, int]) -> str:
    return f"{size['width']}x{size['height']}"
