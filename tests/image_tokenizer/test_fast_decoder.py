"""The decoder in strips gives the plain decoder's pictures, and steps aside where it must."""

import copy
import subprocess
import sys

import pytest
import torch

from src import onednn, prepared
from src.amused import Amused
from src.image_tokenizer import fast_decoder
from src.image_tokenizer.config import preset
from src.image_tokenizer.fast_decoder import FastDecoder
from src.image_tokenizer.pictures import decode_pixels
from src.image_tokenizer.vqgan import VQGAN

SAME = {"rtol": 0, "atol": 1e-4}  # of pixels, which lie in 0..1
GIB = 2**30


@pytest.fixture
def wide(tiny_config, rng):
    """Wide enough for Winograd at its larger levels, with a level that grows in the middle."""
    return VQGAN(tiny_config(block_out_channels=[16, 32, 24]), "random", rng).eval()


@pytest.fixture(autouse=True)
def narrow_decoders_too(monkeypatch):
    """Or toys would be left to the plain decoder."""
    monkeypatch.setattr(fast_decoder, "FEWEST_CHANNELS", 8)


def both(vqgan, token_ids, **how):
    """The pixels of the plain decoder and of the fast one."""
    with torch.no_grad():
        latents = vqgan.from_codes(vqgan.quantizer.look_up(token_ids))
        return vqgan.decoder(latents), FastDecoder(vqgan.decoder, **how)(latents)


@pytest.mark.parametrize("grid", [(16, 16), (1, 9), (13, 4), (8, 30), (1, 1)])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("strip_pixels", [1, 100, 333, None])
def test_the_pictures_are_the_plain_decoders(wide, rng, grid, batch, strip_pixels):
    token_ids = torch.randint(20, (batch, *grid), generator=rng)
    plain, fast = both(wide, token_ids, strip_pixels=strip_pixels)
    assert plain.std() > 0.05
    torch.testing.assert_close(fast, plain, **SAME)


def test_they_are_without_onednns_operations_too(wide, rng, monkeypatch):
    monkeypatch.setattr(onednn, "HAS_OPERATIONS", False)
    token_ids = torch.randint(20, (2, 12, 12), generator=rng)
    plain, fast = both(wide, token_ids)
    torch.testing.assert_close(fast, plain, **SAME)


def test_the_embedded_models_are():
    vqgan = Amused.embedded().image_tokenizer
    token_ids = torch.arange(64).view(1, 8, 8) % vqgan.codebook_size
    plain, fast = both(vqgan, token_ids)
    torch.testing.assert_close(fast, plain, **SAME)


def test_bfloat16_moves_the_embedded_models_pixels_by_less_than_3_of_255(rng):
    vqgan = Amused.embedded().image_tokenizer
    token_ids = torch.randint(vqgan.codebook_size, (4, 8, 8), generator=rng)
    exact = decode_pixels(vqgan, token_ids)
    vqgan.decoder_precision = "bfloat16"
    moved = (decode_pixels(vqgan, token_ids) - exact).abs().max()
    assert 0 < moved < 3 / 255


def test_tf32_is_float32_on_a_processor(wide, rng):
    token_ids = torch.randint(20, (1, 8, 8), generator=rng)
    _, exact = both(wide, token_ids)
    assert torch.equal(both(wide, token_ids, precision="tf32")[1], exact)


def test_a_picture_does_not_depend_on_its_company(wide, rng):
    token_ids = torch.randint(20, (3, 8, 16), generator=rng)
    together = decode_pixels(wide, token_ids)
    alone = [decode_pixels(wide, row) for row in token_ids.split(1)]
    assert torch.equal(together, torch.cat(alone))


def test_changed_weights_are_seen(wide, rng):
    token_ids = torch.randint(20, (1, 16, 16), generator=rng)
    before = both(wide, token_ids)[1]
    with torch.no_grad():
        wide.decoder.levels[1].blocks[0].conv_2.weight.mul_(1.5)
        wide.decoder.levels[2].blocks[1].conv_1.bias.add_(1.0)
    plain, after = both(wide, token_ids)
    torch.testing.assert_close(after, plain, **SAME)
    assert not torch.allclose(after, before, **SAME)
    for times in (1.1, 1.2):  # never changed in place: only where they lie tells them apart
        other = {name: each * times for name, each in wide.state_dict().items()}
        wide.load_state_dict(other, assign=True)
        torch.testing.assert_close(*both(wide, token_ids)[::-1], **SAME)


def test_what_is_kept_is_outside_the_model(wide, rng):
    names, token_ids = list(wide.state_dict()), torch.randint(20, (1, 8, 8), generator=rng)
    decode_pixels(wide, token_ids)
    assert list(wide.state_dict()) == names
    twin = copy.deepcopy(wide)
    assert not any(conv in prepared._MADE for conv in twin.modules())
    assert torch.equal(decode_pixels(twin, token_ids), decode_pixels(wide, token_ids))


@torch.no_grad()
def test_it_steps_aside_for_gradients_training_and_hooks(wide):
    assert FastDecoder.serves(wide.decoder)
    with torch.enable_grad():
        assert not FastDecoder.serves(wide.decoder)
    assert not FastDecoder.serves(wide.train().decoder)
    seen = []
    wide.eval().decoder.levels[0].blocks[0].conv_1.register_forward_hook(
        lambda module, given, out: seen.append(out.shape)
    )
    assert not FastDecoder.serves(wide.decoder)
    wide.decode(torch.zeros(1, 2, 2, dtype=torch.int64))
    assert seen == [(1, 24, 2, 2)]


@torch.no_grad()
def test_a_narrow_decoder_is_left_to_itself_unless_it_is_to_be_less_exact(wide, monkeypatch):
    monkeypatch.setattr(fast_decoder, "FEWEST_CHANNELS", 64)
    assert not FastDecoder.serves(wide.decoder)
    assert FastDecoder.serves(wide.decoder, "bfloat16")


def test_a_decoder_in_bfloat16_is_served(wide, rng):
    wide.bfloat16()
    token_ids = torch.randint(20, (1, 8, 8), generator=rng)
    exact = copy.deepcopy(wide).float()
    moved = (decode_pixels(wide, token_ids) - decode_pixels(exact, token_ids)).abs().max()
    assert moved < 3 / 255


@torch.no_grad()
def test_it_steps_aside_for_parts_of_another_kind(wide):
    wide.decoder.norm = torch.nn.InstanceNorm2d(16)
    assert not FastDecoder.serves(wide.decoder)


@pytest.mark.slow
def test_at_full_size_they_are_and_bfloat16_keeps_within_3_of_255(rng):
    vqgan = VQGAN(preset("amused"), "random", rng).eval()
    token_ids = torch.randint(8192, (1, 16, 16), generator=rng)
    plain, fast = both(vqgan, token_ids)
    torch.testing.assert_close(fast, plain, **SAME)
    half = both(vqgan, token_ids, precision="bfloat16")[1]
    assert (half.clamp(0, 1) - plain.clamp(0, 1)).abs().max() < 3 / 255


MEASURE = """
import resource, torch
from src.image_tokenizer.config import preset
from src.image_tokenizer.pictures import decode_pixels
from src.image_tokenizer.vqgan import VQGAN
from src.memory import keep_freed_memory
keep_freed_memory()
vqgan = VQGAN(preset("amused"), "random", torch.Generator().manual_seed(0)).eval()
decode_pixels(vqgan, torch.zeros(1, 16, 16, dtype=torch.int64))  # prepares the weights
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode_pixels(vqgan, torch.zeros(1, 64, 64, dtype=torch.int64))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_1024_pixels_take_at_most_2_gib_beside_the_weights():
    """The maps of its widest level are 1.5 GiB; the plain decoder takes twice as much."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) * 1024 < 2 * GIB
