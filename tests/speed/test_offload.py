"""Parts that come in turns; the coming and going itself is seen only where there is a GPU."""

import pytest
import torch

from src.amused import Amused
from src.compose import composed
from src.errors import UserError
from src.speed.offload import take_turns
from src.tasks.inputs import made_smaller

PROMPT = "a red star on a yellow background"


def test_each_part_comes_in_when_it_is_used_and_the_picture_stays():
    expected = Amused.embedded().generate(PROMPT, seeds=1, num_steps=4)
    model = Amused.embedded()
    turns = take_turns(model, "cpu")
    present = [turns.present]
    model.encode_prompts(PROMPT)
    present.append(turns.present)
    found = model.generate(
        PROMPT, seeds=1, num_steps=4, progress=lambda *step: present.append(turns.present)
    )
    present.append(turns.present)
    model.encode_images(found.images)
    model.encode_prompts(PROMPT)
    present.append(turns.present)
    clip, uvit = model.text_encoder.clip, model.transformer
    assert present == [None, clip, *[uvit] * 4, model.image_tokenizer, clip]
    assert torch.equal(found.token_ids, expected.token_ids)
    assert found.images[0].tobytes() == expected.images[0].tobytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_only_the_part_at_work_is_on_the_gpu():
    model = Amused.embedded().offload("cuda")
    model.generate(PROMPT, seeds=1, num_steps=4)
    at = {part.layers[0].feed_forward.out.weight.device.type for part in [model.transformer]}
    assert at == {"cpu"}
    assert next(model.image_tokenizer.decoder.parameters()).device.type == "cuda"
    assert model.device.type == model.text_encoder.device.type == "cuda"


def test_without_a_gpu_there_is_nothing_to_offload_from():
    with pytest.raises(UserError, match="name a GPU"):
        Amused.embedded().offload("cpu")
    config = composed(["+exp=generate", "prompts=[a]", "speed.is_offloaded=true"]).config
    with pytest.raises(UserError, match="needs a GPU to spare"):
        made_smaller(None, config.speed, "cpu")
