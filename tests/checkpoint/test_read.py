"""A state dict that torch pickled is read for its tensors alone; nothing else in it is opened."""

from collections import OrderedDict

import pytest
import torch

from src.checkpoint.checksums import write_checksums
from src.checkpoint.read import read_tensors
from src.errors import UserError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pytorch_model.bin"


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_state_dict_is_read_as_torch_saved_it(path, is_zip):
    module = torch.nn.Linear(3, 2)
    torch.save(module.state_dict(), path, _use_new_zipfile_serialization=is_zip)
    read = read_tensors(path, path.parent)
    assert read.keys() == {"weight", "bias"}
    assert torch.equal(read["weight"], module.weight)


def test_a_pickle_that_would_run_code_is_refused_before_it_does(path):
    marker = path.parent / "opened"
    path.write_bytes(f"c__builtin__\nopen\n(V{marker}\nVw\ntR.".encode())  # makes a file
    with pytest.raises(UserError, match="holds more than tensors, which is not opened"):
        read_tensors(path, path.parent)
    assert not marker.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_pickle_is_one_sentence(path, share):
    torch.save({"weight": torch.arange(1000.0)}, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"pytorch_model.bin is truncated or damaged") as raised:
        read_tensors(path, path.parent)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [torch.ones(2), [torch.ones(2)], {"model": {"weight": torch.ones(2)}}, {1: torch.ones(2)}],
)
def test_a_pickle_of_something_else_is_refused(path, content):
    torch.save(content, path)
    with pytest.raises(UserError, match="should hold a model's tensors by their names"):
        read_tensors(path, path.parent)


def test_numbers_that_are_not_finite_are_refused(path):
    torch.save(OrderedDict(weight=torch.tensor([1.0, torch.inf])), path)
    with pytest.raises(UserError, match=r"pytorch_model.bin holds .* not finite in 'weight'"):
        read_tensors(path, path.parent)


def test_a_changed_byte_is_noticed_where_there_are_checksums(path):
    torch.save({"weight": torch.ones(2)}, path)
    write_checksums(path.parent, {})
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match=r"pytorch_model.bin is damaged"):
        read_tensors(path, path.parent)
