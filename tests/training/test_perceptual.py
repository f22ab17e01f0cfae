"""LPIPS against torchmetrics', on a VGG16 of random weights: there is nothing to download."""

import pytest
import torch
from safetensors.torch import save_file
from torchmetrics.functional.image.lpips import _LPIPS
from torchvision.models import vgg16

from src.errors import UserError
from src.training.perceptual import Lpips, open_perceptual
from src.training.tokenizer_config import TokenizerLossConfig


@pytest.fixture(scope="module")
def features():
    """torchvision's `features` on random weights."""
    with torch.random.fork_rng(), torch.device("meta"):
        model = vgg16(weights=None).features
    model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for each in model.state_dict().values():
        fan_in = each[0].numel() if each.ndim > 1 else 100
        each.normal_(std=(2 / fan_in) ** 0.5, generator=generator)
    return {f"features.{name}": each for name, each in model.state_dict().items()}


@pytest.fixture(scope="module")
def vgg_file(features, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save({**features, "classifier.0.bias": torch.zeros(3)}, path)
    return path


@pytest.fixture
def pictures(rng):
    return torch.rand(2, 2, 3, 32, 32, generator=rng)


def test_is_the_number_torchmetrics_gives(features, vgg_file, pictures):
    with torch.random.fork_rng():
        theirs = _LPIPS(pretrained=True, net="vgg", pnet_rand=True)  # its channel weights, no VGG
    own = {name.split(".", 1)[1]: each for name, each in features.items()}
    for index in range(1, 6):
        part = getattr(theirs.net, f"slice{index}")
        part.load_state_dict({name: own[name] for name in part.state_dict()})
    with torch.no_grad():
        expected = theirs.eval()(*pictures, normalize=True).mean()
    ours = Lpips.open(vgg_file)(*pictures)
    assert expected > 1e-3
    assert torch.allclose(ours, expected, rtol=1e-4)


def test_equal_pictures_are_at_distance_0_and_farther_ones_farther(vgg_file, pictures):
    lpips, (pixels, other) = Lpips.open(vgg_file), pictures
    distances = [lpips(pixels, pixels + share * (other - pixels)) for share in (0.0, 0.3, 1.0)]
    assert distances[0] == 0
    assert distances[0] < distances[1] < distances[2]


def test_the_gradient_goes_to_the_picture_and_to_no_weight(vgg_file, pictures):
    lpips = Lpips.open(vgg_file)
    back = pictures[1].requires_grad_()
    lpips(pictures[0], back).backward()
    assert back.grad.abs().sum() > 0
    assert not any(each.requires_grad for each in lpips.parameters())


def test_a_safetensors_file_and_its_folder_are_the_same(features, vgg_file, tmp_path, pictures):
    save_file(
        {name: each.contiguous() for name, each in features.items()}, tmp_path / "v.safetensors"
    )
    expected = Lpips.open(vgg_file)(*pictures)
    assert Lpips.open(tmp_path / "v.safetensors")(*pictures) == expected
    assert Lpips.open(tmp_path)(*pictures) == expected


def test_files_that_are_no_vgg16_are_told_in_a_sentence(features, tmp_path):
    with pytest.raises(UserError, match="There are no VGG16 weights at"):
        Lpips.open(tmp_path / "nothing.pth")
    with pytest.raises(UserError, match="holds 0 files of weights"):
        Lpips.open(tmp_path)
    other = tmp_path / "other.pth"
    torch.save({**features, "features.5.weight": torch.zeros(1)}, other)
    with pytest.raises(
        UserError, match=r"features\.5\.weight should be of shape \(128, 64, 3, 3\)"
    ):
        Lpips.open(other)
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"half a file")
        with pytest.raises(UserError, match="cannot be opened as weights"):
            Lpips.open(tmp_path / name)


def test_a_pickle_that_would_run_code_is_not_run(tmp_path):
    path = tmp_path / "evil.pth"

    class Runs:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"features.0.weight": Runs()}, path)
    with pytest.raises(UserError, match="cannot be opened as weights"):
        Lpips.open(path)
    assert not (tmp_path / "ran").exists()


def test_it_is_off_unless_it_has_a_weight(vgg_file):
    assert open_perceptual(TokenizerLossConfig()) is None
    assert open_perceptual(TokenizerLossConfig(vgg_weights="nowhere.pth")) is None
    asked = TokenizerLossConfig(perceptual_weight=1.0, vgg_weights=str(vgg_file))
    assert isinstance(open_perceptual(asked), Lpips)
