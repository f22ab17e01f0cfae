"""CLIP score as torchmetrics computes it with a local model."""

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.clip_score import clip_score, pair_scores
from src.evaluation.features import CaptionTooLong, ClipEncoder


def test_equals_the_definition_written_in_numpy(clip, pictures, captions, draws):
    image, text = clip.picture_features(pictures), clip.caption_features(captions)
    image /= np.linalg.norm(image, axis=1, keepdims=True)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    expected = max(0.0, 100 * (image * text).sum(axis=1).mean())
    assert expected > 1  # not hidden by the cut at 0
    measured = clip_score(pictures, captions, clip, draws)
    assert measured.value == pytest.approx(expected, abs=1e-3)
    assert measured.low <= measured.value <= measured.high
    assert measured.name == "CLIP score[tiny-clip]"
    assert measured.num_samples == 11


def test_does_not_depend_on_batches(clip, pictures, captions, draws):
    one_by_one = ClipEncoder(
        clip.model, clip.text_tokenizer, clip.picture_processor, clip.name, batch_size=1
    )
    assert clip_score(pictures, captions, one_by_one, draws).value == pytest.approx(
        clip_score(pictures, captions, clip, draws).value, abs=1e-3
    )


def test_other_captions_change_it(clip, pictures, captions, draws):
    turned = captions[1:] + captions[:1]
    assert clip_score(pictures, turned, clip, draws).value != pytest.approx(
        clip_score(pictures, captions, clip, draws).value, abs=1e-2
    )


def test_opposite_features_score_minus_100_and_the_mean_is_cut_at_0(
    clip, pictures, captions, draws
):
    features = clip.picture_features(pictures)
    np.testing.assert_allclose(pair_scores(features, -2 * features), -100)

    class Contrary(ClipEncoder):
        """Looks at pictures with the sign turned: every fitting caption scores below 0."""

        def embed_pictures(self, pixel_values):
            return -super().embed_pictures(pixel_values)

    contrary = Contrary(clip.model, clip.text_tokenizer, clip.picture_processor, "contrary")
    assert clip_score(pictures, captions, clip, draws).value > 0
    assert clip_score(pictures, captions, contrary, draws).value == 0


def test_float_pictures_and_missing_captions_are_refused(clip, pictures, captions, draws):
    with pytest.raises(UserError, match="holds float32, not uint8"):
        clip_score((pictures / 255).astype(np.float32), captions, clip, draws)
    with pytest.raises(UserError, match="10 captions for 11 pictures"):
        clip_score(pictures, captions[:10], clip, draws)


def test_a_caption_over_the_window_is_warned_of_and_scored_up_to_it(clip, pictures, draws):
    """Words past the window must not count, and the words before it must."""
    start = 8 * "a large heart " + "on a"  # with both ends exactly the window
    longer = [f"{start} red star"]
    with pytest.warns(CaptionTooLong):
        cut = clip_score(pictures[:1], longer, clip, draws)
    whole = clip_score(pictures[:1], [start], clip, draws)
    assert cut.value == pytest.approx(whole.value, abs=1e-4)
