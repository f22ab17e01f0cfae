"""Tensors must fit the module exactly."""

from pathlib import Path

import pytest
import torch
from torch import nn

from src.checkpoint.fit import fit
from src.errors import UserError

FILE = Path("transformer/model.safetensors")
TENSORS = {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}


def fit_linear(tensors, dtype=torch.float32) -> nn.Module:
    with torch.device("meta"):
        module = nn.Linear(2, 3)
    fit(module, tensors, FILE, dtype, dict, dict)
    return module


def test_a_module_without_memory_takes_over_the_tensors():
    module = fit_linear(TENSORS)
    assert module(torch.ones(1, 2)).tolist() == [[2, 2, 2]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_precision_is_the_one_asked_for(dtype):
    assert {p.dtype for p in fit_linear(TENSORS, dtype).parameters()} == {dtype}


def test_a_table_that_old_files_carry_along_is_passed_over():
    fit_linear({**TENSORS, "text_model.embeddings.position_ids": torch.arange(7)})


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"weight": torch.ones(3, 2)}, "model.safetensors lacks 'bias'"),
        ({}, "lacks 'bias' and 1 more"),
        ({**TENSORS, "extra": torch.ones(1)}, "holds 'extra', for which"),
        ({**TENSORS, "weight": torch.ones(2, 3)}, r"shape \(2, 3\).* asks for \(3, 2\)"),
    ],
)
def test_a_misfit_names_file_and_tensor(tensors, sentence):
    with pytest.raises(UserError, match=sentence):
        fit_linear(tensors)
