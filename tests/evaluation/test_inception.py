"""Inception by torch-fidelity: opened safely, named by what it is, and refused where it is not."""

import io
import socket
import threading
import time

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.evaluation.extractor import Extractor, SeesClasses, open_extractor
from src.evaluation.inception import URL, _download


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of the published layout with random weights."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.manual_seed(0)
    real, torch.load = torch.load, lambda *_, **__: None
    try:
        loads = FeatureExtractorInceptionV3.load_state_dict
        FeatureExtractorInceptionV3.load_state_dict = lambda self, tensors: None
        network = FeatureExtractorInceptionV3("made", ["2048"], "nothing")
    finally:
        torch.load = real
        FeatureExtractorInceptionV3.load_state_dict = loads
    torch.save(network.state_dict(), path)
    return path


def opened(weights, **settings):
    config = EvaluationConfig(extractor="inception", extractor_weights=str(weights), **settings)
    return open_extractor(config, "cpu")


def test_features_and_class_logits_are_torch_fidelitys(weights):
    eyes = opened(weights, batch_size=2)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8)
    features = eyes.picture_features(pixels)
    network = FeatureExtractorInceptionV3("x", ["2048", "logits_unbiased"], str(weights))
    expected, logits = network(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(eyes.class_logits(features), logits.numpy(), rtol=1e-3, atol=1e-5)
    assert features.dtype == np.float64
    assert isinstance(eyes, Extractor)
    assert isinstance(eyes, SeesClasses)


def test_only_the_published_weights_bear_the_name_alone(weights):
    eyes = opened(weights)
    assert eyes.name == f"inception-{eyes.weights_hash[:8]}"
    assert not eyes.weights_hash.startswith("6726825d")
    assert "6726825d" in URL


def pickled_code() -> bytes:
    buffer = io.BytesIO()
    torch.save({"x": np.random.default_rng}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not weights", "holds no weights of the Inception network"),
        (b"", "holds no weights of the Inception network"),
        (b"a\nb\n", "holds no weights of the Inception network"),  # an unpickler's own commands
        (pickled_code(), "holds no weights of the Inception network"),
    ],
    ids=["text", "empty", "commands", "code"],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, content, why):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(UserError, match=why) as told:
        opened(tmp_path / "x.pth")
    assert "x.pth" in str(told.value)
    assert URL in str(told.value)
    assert "\n" not in str(told.value)


def test_weights_of_another_network_and_a_missing_file_are_refused(tmp_path):
    torch.save({5: torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth holds no weights of the Inception network"):
        opened(tmp_path / "other.pth")
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth holds no weights of the Inception network"):
        opened(tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"nowhere\.pth is no file"):
        opened(tmp_path / "nowhere.pth")


def test_without_a_file_or_a_network_it_says_where_to_get_it(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route to the host")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(UserError, match=r"could not be downloaded .*evaluation\.extractor_weights"):
        open_extractor(EvaluationConfig(extractor="inception"), "cpu")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids it"):
        open_extractor(EvaluationConfig(extractor="inception"), "cpu")


@pytest.fixture
def served():
    """The address of a host on this machine that answers with `answer`, or never."""
    listening = socket.create_server(("127.0.0.1", 0))
    held = []

    def start(answer: bytes | None) -> str:
        def serve() -> None:
            connection, _ = listening.accept()
            held.append(connection)
            if answer is not None:
                connection.recv(4096)
                connection.sendall(answer)
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/weights.pth"

    yield start
    for each in (*held, listening):
        each.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "timed out"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", "invalid hash"),
    ],
    ids=["silence", "no file", "another file"],
)
def test_a_download_that_fails_is_told_at_once_and_leaves_nothing(
    served, tmp_path, monkeypatch, answer, why
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    before = socket.getdefaulttimeout()
    started = time.monotonic()
    with pytest.raises(UserError, match=f"could not be downloaded .*{why}") as told:
        _download(tmp_path / "cache" / "weights.pth", served(answer), 0.3)
    assert time.monotonic() - started < 5
    assert URL in str(told.value)
    assert list((tmp_path / "cache").iterdir()) == []
    assert socket.getdefaulttimeout() == before
