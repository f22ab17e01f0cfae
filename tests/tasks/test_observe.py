"""Prompts to panels: picture, steps and trace on disk, and the trace can be read again."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from src.errors import UserError
from src.interpret.replay import differences, replay
from src.interpret.trace_file import load_trace
from src.tasks.inputs import open_model
from src.tasks.observe import run


def test_every_picture_has_a_panel_and_a_trace_that_ends_in_it(config, tmp_path):
    chosen = config(
        "observe",
        prompts=["a red star", "a green sun"],
        seeds=[4, 9],
        negative_prompts=["a moon"],
    )
    run(chosen, tmp_path)
    model = open_model(chosen)
    for stem, seed in (("00000", 4), ("00001", 9)):
        assert (tmp_path / f"{stem}_steps.png").stat().st_size > 5000
        with safe_open(tmp_path / f"{stem}_trace.safetensors", "pt") as trace:
            assert json.loads(trace.metadata()["drawn"])["seed"] == seed
        saved = load_trace(tmp_path / f"{stem}_trace.safetensors")
        assert saved.recipe.seeds == [seed]
        assert saved.recipe.negative_prompts == ["a moon"]
        assert differences(saved, replay(saved, model)) == []
        trace = saved.trace
        assert trace.token_ids.shape == (3, 1, 8, 8)
        assert not trace.is_masked[-1].any()
        assert torch.equal(trace.token_ids == model.transformer.mask_token_id, trace.is_masked)
        last = np.asarray(model.decode_tokens(trace.token_ids[-1])[0])
        assert np.array_equal(last, np.asarray(Image.open(tmp_path / f"{stem}.png")))
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["seed"] for entry in manifest["pictures"]] == [4, 9]
    assert [entry["negative_prompt"] for entry in manifest["pictures"]] == ["a moon"] * 2

    before = (tmp_path / "00000.png").read_bytes()
    with pytest.raises(UserError, match="pictures of another run"):
        run(config("observe", prompts=["x"], output_dir=str(tmp_path)), tmp_path)
    assert (tmp_path / "00000.png").read_bytes() == before
