import pytest
import torch

from src.image_tokenizer.usage import code_counts, perplexity, share_used


def test_counts_sum_to_the_number_of_tokens_and_include_unused_codes():
    counts = code_counts(torch.tensor([[[0, 3], [3, 3]]]), 5)
    assert counts.tolist() == [1, 0, 0, 3, 0]
    assert share_used(counts).item() == pytest.approx(2 / 5)


def test_perplexity_is_the_codebook_if_all_are_equal_and_1_if_one_has_all():
    assert perplexity(torch.full((16,), 7)).item() == pytest.approx(16, rel=1e-5)
    assert perplexity(torch.tensor([0, 9, 0])).item() == 1
    assert perplexity(torch.tensor([2, 0, 1, 1])).item() == pytest.approx(2**1.5, rel=1e-5)
