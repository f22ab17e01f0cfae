"""The published Inception network, by torch-fidelity: the eyes of every FID there is.

Dimensions: batch, height, width, dim (2048), classes (1008).
"""

import hashlib
import io
import socket
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import constants
from jaxtyping import Float, UInt8

from src.errors import UserError
from src.evaluation.config import EvaluationConfig

URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
PUBLISHED = "6726825d"  # the first digits of the file's SHA-256
PATIENCE = 10.0  # seconds without an answer from there
DIM = 2048
RESIZER = "TensorFlow 1's bilinear to 299, without averaging"


class InceptionEncoder:
    """Features before the last layer, in float64.

    It is `inception` by name only with the published weights; any other file of the same layout is
    `inception-` and its hash.
    """

    dim = DIM
    resizer = RESIZER

    def __init__(self, weights: bytes, device: str, batch_size: int, place: str):
        """weights: a state dict in torch's format. place: names it in a sentence."""
        digest = hashlib.sha256(weights).hexdigest()
        self.weights_hash = digest[:12]
        self.fingerprint = f"{digest}, {RESIZER}"  # nothing else of it can be set
        is_published = digest.startswith(PUBLISHED)
        self.name = "inception" if is_published else f"inception-{digest[:8]}"
        self.device, self.batch_size = device, batch_size
        self.network = _network(weights, place).to(device)

    def picture_features(
        self, pixels: UInt8[np.ndarray, "batch height width 3"]
    ) -> Float[np.ndarray, "batch dim"]:
        """Features of 8-bit pictures of any size."""
        parts = []
        for start in range(0, len(pixels), self.batch_size):
            images = torch.from_numpy(pixels[start : start + self.batch_size]).permute(0, 3, 1, 2)
            parts.append(self._features(images).double().cpu().numpy())
        return np.concatenate(parts)

    def class_logits(
        self, features: Float[np.ndarray, "batch dim"]
    ) -> Float[np.ndarray, "batch classes"]:
        """The last layer without its bias, as the Inception score has been read since 2016."""
        weight = self.network.fc.weight.detach().cpu()
        return (torch.from_numpy(features).float() @ weight.T).numpy()

    @torch.no_grad()
    def _features(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images.to(self.device))[0]


def open_inception(config: EvaluationConfig, device: str) -> InceptionEncoder:
    """The network with the weights of `evaluation.extractor_weights`, or those downloaded once.

    Raises:
        UserError: no such file, one that holds something else, or no way to download it.
    """
    path = config.extractor_weights
    place = f"evaluation.extractor_weights={path}"
    if path is None:
        path = str(Path(torch.hub.get_dir()) / "checkpoints" / Path(URL).name)
        place = path
        _download(Path(path), URL, PATIENCE)
    if not Path(path).is_file():
        raise UserError(f"{place} is no file; give the Inception weights of {URL}.")
    return InceptionEncoder(Path(path).read_bytes(), device, config.batch_size, place)


def _download(path: Path, url: str, patience: float) -> None:
    """Fetch the published file, whole or not at all; a host that says nothing is given up."""
    if path.is_file():
        return
    usual = socket.getdefaulttimeout()
    try:
        if constants.HF_HUB_OFFLINE:  # 1, ON, YES or TRUE, as for everything from the Hub
            raise OSError("HF_HUB_OFFLINE forbids it")
        path.parent.mkdir(parents=True, exist_ok=True)
        socket.setdefaulttimeout(patience)  # torch.hub sets none of its own
        torch.hub.download_url_to_file(url, str(path), hash_prefix=PUBLISHED, progress=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"The Inception weights could not be downloaded ({str(error).splitlines()[0]}); fetch "
            f"{URL} on another machine and give evaluation.extractor_weights=FILE."
        ) from error
    finally:
        socket.setdefaulttimeout(usual)


def _network(weights: bytes, place: str) -> torch.nn.Module:
    """torch-fidelity's network; it unpickles what it is given, so it is given what we have read."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        given = io.BytesIO(weights)
        tensors = torch.load(given, map_location="cpu", weights_only=True)
        if not isinstance(tensors, dict) or not all(isinstance(key, str) for key in tensors):
            raise RuntimeError("it holds no names of tensors")
        checked = io.BytesIO()
        torch.save(tensors, checked)
        checked.seek(0)
        return FeatureExtractorInceptionV3("inception", [str(DIM)], checked)
    except Exception as error:  # damaged bytes fail in many ways, and for the user all are one
        raise UserError(
            f"{place} holds no weights of the Inception network; give the file of {URL}."
        ) from error
