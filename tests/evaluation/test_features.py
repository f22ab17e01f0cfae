"""Features from a CLIP folder."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import CLIPModel

from src.errors import UserError
from src.evaluation.features import CaptionTooLong, ClipEncoder
from src.evaluation.little_memory import Halved


def test_picture_features_are_the_models_projected_embeddings(clip, clip_folder, pictures):
    model = CLIPModel.from_pretrained(clip_folder).eval()
    pixels = torch.tensor(pictures).permute(0, 3, 1, 2) / 255 * 2 - 1  # mean 0.5, deviation 0.5
    with torch.no_grad():
        states = model.vision_model(pixel_values=pixels)
        expected = model.visual_projection(states.pooler_output).numpy()
    np.testing.assert_allclose(clip.picture_features(pictures), expected, rtol=1e-5, atol=1e-6)
    assert expected.std(axis=0).min() > 1e-3  # the toy tells pictures apart


def test_features_depend_neither_on_order_nor_on_batches(clip, pictures, captions):
    order = np.random.default_rng(3).permutation(len(pictures))
    one_by_one = ClipEncoder(
        clip.model, clip.text_tokenizer, clip.picture_processor, clip.name, batch_size=1
    )
    whole = clip.picture_features(pictures)
    np.testing.assert_allclose(clip.picture_features(pictures[order]), whole[order], atol=1e-5)
    np.testing.assert_allclose(one_by_one.picture_features(pictures), whole, atol=1e-5)
    words = clip.caption_features(captions)
    np.testing.assert_allclose(one_by_one.caption_features(captions), words, atol=1e-5)


def test_larger_pictures_are_shrunk_by_averaging_not_by_skipping(clip):
    """Stripes one pixel wide must turn gray; a resize without a filter would keep one colour."""
    stripes = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    stripes[:, :, ::2] = 255
    prepared = clip.prepare_pictures(stripes)
    assert prepared.shape == (1, 3, 16, 16)
    assert prepared.abs().max() < 0.1  # 0 is middle gray


def test_a_picture_of_the_models_size_passes_unchanged(clip, pictures):
    prepared = clip.prepare_pictures(pictures)
    back = ((prepared + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    assert np.array_equal(back.numpy(), pictures)


def test_a_long_caption_keeps_its_end_token_and_shows_what_was_cut(clip):
    long_caption = 8 * "a large heart " + "on a red star"  # 28 words
    prompt_ids, _ = clip.prepare_captions([long_caption])
    assert prompt_ids.shape == (1, clip.window)
    assert prompt_ids[0, -1] == clip.text_tokenizer.eos_token_id
    with pytest.warns(CaptionTooLong, match=r"28 tokens and 1 of 2 .* not read 'red star'"):
        clip.caption_features(["a heart", long_caption])


def test_the_hash_names_the_weights(clip, clip_folder):
    again = ClipEncoder.open(clip_folder, name="again")
    assert clip.weights_hash == again.weights_hash
    assert len(clip.weights_hash) == 12
    with torch.no_grad():
        again.model.visual_projection.weight[0, 0] += 1e-6
    assert clip.weights_hash != again.weights_hash


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "CLIP's bicubic to 16"),
        ({"resample": 2}, "CLIP's bilinear to 16"),
        ({"size": 16, "crop_size": 16}, "CLIP's bicubic to 16"),  # as the first CLIPs have it
        ({"size": {"height": 16, "width": 16}}, "CLIP's bicubic to 16x16, cropped to 16x16"),
        ({"size": {"shortest_edge": 20}}, "CLIP's bicubic to 20 on the shorter side, cropped to"),
        ({"do_center_crop": False}, "CLIP's bicubic to 16 on the shorter side, not cropped"),
        ({"do_resize": False}, "no resize, cropped to 16x16"),
    ],
)
def test_the_resize_is_told_as_the_checkpoint_has_it(clip_folder, tmp_path, settings, words):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    assert ClipEncoder.open(folder, name="x").resizer.startswith(words)


def test_without_memory_fewer_captions_go_at_once(clip_folder, captions):
    class Short(ClipEncoder):
        """Memory for `most` captions."""

        most = 2

        def embed_captions(self, prompt_ids, attention_mask):
            if len(prompt_ids) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().embed_captions(prompt_ids, attention_mask)

    short = Short.open(clip_folder, name="short", batch_size=8)
    with pytest.warns(Halved, match="short sees 2 at once"):
        found = short.caption_features(captions)
    two = ClipEncoder.open(clip_folder, name="two", batch_size=2)
    assert (found == two.caption_features(captions)).all()
    short.most = 0
    with (
        pytest.warns(Halved),
        pytest.raises(UserError, match="not enough memory for short and a single caption"),
    ):
        short.caption_features(captions)


def test_a_caption_of_ten_thousand_letters_is_read_up_to_the_window(clip):
    long = "a large heart " * 714 + "star"
    assert len(long) == 10_000
    with pytest.warns(CaptionTooLong, match="1 of 1 captions are longer") as warned:
        found = clip.caption_features([long])
    assert len(str(warned[0].message)) < 1000
    with pytest.warns(CaptionTooLong):
        assert (found == clip.caption_features([long[:2000]])).all()


@pytest.mark.parametrize("lost", ["model.safetensors", "preprocessor_config.json"])
def test_a_missing_file_is_named(clip_folder, tmp_path, lost):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    (folder / lost).unlink()
    with pytest.raises(UserError, match=f"has no {lost}"):
        ClipEncoder.open(folder, name="broken")


def test_truncated_weights_are_one_sentence(clip_folder, tmp_path):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="cannot be opened"):
        ClipEncoder.open(folder, name="broken")
