"""The parts counted without memory are those that are built with it, and the published ones."""

from src.amused import Amused
from src.tasks.report_parameters import count_parameters, sizes_of

PUBLISHED = {"amused_256": 603_537_664, "amused_512": 608_257_792}


def test_the_counts_are_the_published_ones():
    for name, of_uvit in PUBLISHED.items():
        counts = count_parameters(name)
        assert counts["U-ViT"] == of_uvit
        assert counts["VQGAN"] == 146_244_675
        assert counts["text encoder"] == 123_650_304
        found = {each.name: each.value for each in sizes_of(name)}
        assert found["all, parameters"] == of_uvit + 146_244_675 + 123_650_304
        assert found["VQGAN, MB in float16"] == 292.48935


def test_nothing_is_left_out_of_the_sum(monkeypatch):
    system = Amused.embedded()
    parts = system.transformer, system.image_tokenizer, system.text_encoder
    from src.image_tokenizer import config as image_tokenizer_config
    from src.transformer import config as transformer_config

    monkeypatch.setattr(transformer_config, "preset", lambda name: parts[0].config)
    monkeypatch.setattr(image_tokenizer_config, "preset", lambda name: parts[1].config)
    counts = count_parameters("amused_256")
    for key, part in zip(("U-ViT", "VQGAN"), parts[:2], strict=True):
        assert counts[key] == sum(weight.numel() for weight in part.parameters())
