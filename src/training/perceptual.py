"""LPIPS, the perceptual distance of Zhang et al. 2018, from VGG16 weights that lie on the disk.

The loss that made VQGANs sharp (Esser et al. 2021, section 3.1). VGG16's weights are the user's
file; the 1,472 numbers that weigh its channels are installed with torchmetrics.
Dimensions: batch, height, width, channels.
"""

import importlib.util
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from src.errors import UserError
from src.training.tokenizer_config import TokenizerLossConfig

STAGES = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)  # VGG16's convolutions
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels from 0 to 1
EPS = 1e-8  # a channel vector of zeros stays one, with a gradient
CHANNEL_WEIGHTS = "functional/image/lpips_models/vgg.pth"  # inside torchmetrics


class Lpips(nn.Module):
    """A frozen VGG16 without its classifier, read after each stage's last rectifier."""

    def __init__(self):
        super().__init__()
        self.stages, width_in, place = nn.ModuleList(), 3, 0
        self.places = []  # of every convolution in torchvision's `features`
        for index, widths in enumerate(STAGES):
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if index else []
            place += bool(index)
            for width in widths:
                layers += [nn.Conv2d(width_in, width, 3, padding=1), nn.ReLU()]
                self.places.append(place)
                width_in, place = width, place + 2
            self.stages.append(nn.Sequential(*layers))
        for index, widths in enumerate(STAGES):
            self.register_buffer(f"channel_weights_{index}", torch.ones(1, widths[-1], 1, 1))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    @classmethod
    def open(cls, path: str | Path) -> "Lpips":
        """Open torchvision's VGG16: a .safetensors or .pth file, or the folder of just one.

        Raises UserError if there is none, it is damaged, or it holds something else.
        """
        path = weights_file(path)
        tensors = _read(path)
        lpips = cls()
        convolutions = [each for each in lpips.modules() if isinstance(each, nn.Conv2d)]
        for place, convolution in zip(lpips.places, convolutions, strict=True):
            for part in ("weight", "bias"):
                key, values = f"features.{place}.{part}", getattr(convolution, part)
                if key not in tensors or tensors[key].shape != values.shape:
                    found = tuple(tensors[key].shape) if key in tensors else "none"
                    raise UserError(
                        f"{path} is no VGG16 of torchvision: {key} should be of shape "
                        f"{tuple(values.shape)}, and there is {found}."
                    )
                values.copy_(tensors[key])
        lpips._weigh_channels()
        return lpips

    def forward(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        back: Float[Tensor, "batch 3 height width"],
    ) -> Float[Tensor, ""]:
        """The distance of pictures (pixels from 0 to 1), averaged over the batch; 0 if equal.

        Equation 1 of Zhang et al. 2018: channel vectors of length one, their weighted squared
        distance averaged over places, summed over stages.
        """
        before, after = ((each - self.mean) / self.std for each in (pixels, back))
        distance = torch.zeros((), device=pixels.device)
        for index, stage in enumerate(self.stages):
            before, after = stage(before), stage(after)  # (batch, channels, height, width)
            change = _of_length_one(before) - _of_length_one(after)
            weighted = change.square() * getattr(self, f"channel_weights_{index}")
            distance = distance + weighted.sum(dim=1).mean()
        return distance

    def _weigh_channels(self) -> None:
        package = importlib.util.find_spec("torchmetrics")  # found, not loaded: that takes seconds
        path = Path(package.origin).parent / CHANNEL_WEIGHTS if package else Path(CHANNEL_WEIGHTS)
        if not path.is_file():
            raise UserError(
                f"LPIPS needs the channel weights that torchmetrics brings ({CHANNEL_WEIGHTS}): "
                "install the version pinned in requirements.txt."
            )
        learned = torch.load(path, map_location="cpu", weights_only=True)
        for index in range(len(STAGES)):
            getattr(self, f"channel_weights_{index}").copy_(learned[f"lin{index}.model.1.weight"])


def open_perceptual(losses: TokenizerLossConfig) -> Lpips | None:
    """LPIPS as the settings ask for it; None where its weight is 0."""
    return Lpips.open(losses.vgg_weights) if losses.perceptual_weight > 0 else None


def _of_length_one(
    features: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels height width"]:
    return features / (features.square().sum(dim=1, keepdim=True) + EPS).sqrt()


def weights_file(place: str | Path) -> Path:
    """The one file of weights at a place; raises UserError if there is none, or several."""
    path = Path(place)
    if path.is_dir():
        found = sorted([*path.glob("*.safetensors"), *path.glob("*.pth")])
        if len(found) != 1:
            raise UserError(
                f"{path} holds {len(found)} files of weights (.safetensors, .pth) and should hold "
                "one; name the file of VGG16 itself."
            )
        return found[0]
    if not path.is_file():
        raise UserError(f"There are no VGG16 weights at {path}; give a file that is on this disk.")
    return path


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name; nothing in the file is ever executed."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file raises depends on where it is damaged
        raise UserError(
            f"{path} cannot be opened as weights: it is damaged, or holds more than tensors."
        ) from error
    if not isinstance(tensors, dict):
        raise UserError(f"{path} is no VGG16 of torchvision: it holds no tensors by name.")
    return tensors
