"""Edits in upstream's mode against diffusers' img2img and inpainting, which serve the tests only.

Twenty random systems, each opened there from a checkpoint that was written here, with random
strengths, steps, guidance, pictures and masks: the same generator has to give the same token ids.
"""

import numpy as np
import pytest
import torch
from PIL import Image

from src.amused import Amused
from src.errors import UserError
from tests.parity.test_system import NUM_SYSTEMS, PROMPTS, random_settings

STRENGTHS = (0.0, 0.2, 0.5, 0.7, 0.9, 1.0)  # 0 leaves no step there, 1 hides nothing in img2img


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("systems")


def opened(folder, seed: int):
    from diffusers import AmusedImg2ImgPipeline, AmusedInpaintPipeline

    path = folder / str(seed)
    system = Amused.from_config(random_settings(seed), seed=seed)
    if not path.exists():
        system.save_pretrained(path)
    pipelines = [
        kind.from_pretrained(path) for kind in (AmusedImg2ImgPipeline, AmusedInpaintPipeline)
    ]
    for pipeline in pipelines:
        pipeline.set_progress_bar_config(disable=True)
    return system, *pipelines


def drawn(system: Amused, seed: int) -> dict:
    """A picture a prompt, a mask each, and settings."""
    rng = np.random.default_rng([seed, 1])
    # a grid that its mask processor does not cut: multiples of the downscale in tokens too
    unit = system.image_tokenizer.downscale**2
    width, height = (unit * int(each) for each in rng.integers(1, 4, size=2))
    count = int(rng.integers(1, 4))
    # sides that are no multiples of a token are resized, here as there
    extra = int(rng.integers(0, system.image_tokenizer.downscale))
    shape = (height + extra, width + extra)
    pictures = [
        Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)) for _ in range(count)
    ]
    masks = []
    for _ in range(count):
        mask = np.zeros(shape, dtype=np.uint8)
        top, left = (int(rng.integers(0, side)) for side in shape)
        mask[top : top + int(rng.integers(1, shape[0] + 1)), left:] = 255
        masks.append(Image.fromarray(mask))
    return {
        "pictures": pictures,
        "masks": masks,
        "prompts": PROMPTS[:count],
        "num_steps": int(rng.integers(2, 9)),
        "strength": STRENGTHS[seed % len(STRENGTHS)],
        "guidance_scale": float(rng.choice([1.0, 3.0, 10.0])),
    }


def there(pipeline, told: dict, **pictures) -> torch.Tensor:
    return pipeline(
        prompt=told["prompts"],
        strength=told["strength"],
        num_inference_steps=told["num_steps"],
        guidance_scale=told["guidance_scale"],
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
        **pictures,
    ).images


def settings(told: dict) -> dict:
    return {
        "num_steps": told["num_steps"],
        "guidance_scale": told["guidance_scale"],
        "generator": torch.Generator().manual_seed(5),
        "mode": "upstream",
    }


@pytest.mark.parametrize("seed", range(NUM_SYSTEMS))
def test_upstreams_variation_and_inpainting_are_reproduced_draw_for_draw(seed, folder):
    system, img2img, inpainting = opened(folder, seed)
    told = drawn(system, seed)
    pictures, masks, strength = told["pictures"], told["masks"], told["strength"]
    varied = system.vary(pictures, told["prompts"], strength, **settings(told))
    assert torch.equal(varied.token_ids, there(img2img, told, image=pictures))
    if int(told["num_steps"] * strength) == 0:  # its own decoder fails on what is still hidden
        with pytest.raises(UserError, match="leaves mode=upstream none of"):
            system.inpaint(pictures, masks, told["prompts"], strength, **settings(told))
        return
    painted = system.inpaint(pictures, masks, told["prompts"], strength, **settings(told))
    assert torch.equal(painted.token_ids, there(inpainting, told, image=pictures, mask_image=masks))


def test_several_pictures_of_one_input_share_its_coins(folder):
    system, img2img, _ = opened(folder, 3)
    told = drawn(system, 3) | {"prompts": PROMPTS[:1]}
    picture = told["pictures"][0]
    ours = system.vary(picture, PROMPTS[0], 0.5, num_images_per_prompt=3, **settings(told))
    told["strength"] = 0.5
    theirs = there(img2img, told, image=picture, num_images_per_prompt=3)
    assert torch.equal(ours.token_ids, theirs)
    assert torch.equal(ours.edited.is_hidden[0], ours.edited.is_hidden[2])


def test_the_pixels_agree_too(folder):
    system, img2img, _ = opened(folder, 8)
    told = drawn(system, 8)
    ours = system.vary(told["pictures"], told["prompts"], told["strength"], **settings(told))
    theirs = img2img(
        prompt=told["prompts"],
        image=told["pictures"],
        strength=told["strength"],
        num_inference_steps=told["num_steps"],
        guidance_scale=told["guidance_scale"],
        generator=torch.Generator().manual_seed(5),
        output_type="np",
    ).images
    mine = np.stack([np.asarray(image) for image in ours.images]) / 255
    assert np.abs(mine - theirs).max() <= 1 / 255
