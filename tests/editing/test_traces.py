"""Edits draw again from their trace, resume from every step, and take other edits in the middle."""

import pytest
import torch

from src.editing.regions import Region
from src.interpret.branch import branch_of
from src.interpret.edits import Edits
from src.interpret.replay import differences, replay
from src.interpret.resume import resume
from src.interpret.trace_file import load_trace, save_trace
from src.sampler.config import CorrectorConfig, RemaskConfig, SamplerConfig
from tests.editing.conftest import PROMPTS, picture, rectangle

ONE, OTHER = picture(1), picture(2)
LEFT, RIGHT = rectangle(0, 2, 5, 12), rectangle(3, 0, 12, 9)
TWO = [Region("sun", LEFT, 2), Region("snow", RIGHT, 1.5)]
EDITS = {
    "vary": lambda system, **how: system.vary([ONE, OTHER], PROMPTS[:2], 0.6, **how),
    "inpaint": lambda system, **how: system.inpaint(ONE, [LEFT, RIGHT], "sun", feather=1, **how),
    "outpaint": lambda system, **how: system.outpaint([ONE, OTHER], "sun", left=3, **how),
    "regions": lambda system, **how: system.edit_regions(ONE, TWO, num_images_per_prompt=2, **how),
    "mix": lambda system, **how: system.mix([ONE, OTHER], ONE, PROMPTS[:2], **how),
    "frame": lambda system, **how: system.video(PROMPTS[:2], 2, (3, 0), **how).frames[1],
}
SAMPLERS = {
    "confidence": SamplerConfig(num_steps=4),
    "all laws": SamplerConfig(
        name="halton",
        then="margin",
        num_steps=4,
        schedule="by_hand:0.7/0.5/0.2/0",
        guidance="cosine",
        guidance_from=0.9,
        guidance_to=0.1,
        sampling_temperature_end=0.5,
        corrector=CorrectorConfig(2),
    ),
    "loop": SamplerConfig(
        name="remask",
        num_steps=4,
        schedule="by_hand:0.7/0.5/0.2/0",
        remask=RemaskConfig("loop", loop_from=0.2, loop_to=0.6),
    ),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_drawn_again_from_its_trace_file_to_the_last_bit(
    system, edit, sampler, tmp_path
):
    generation = EDITS[edit](system, sampler=SAMPLERS[sampler], seeds=[3, 4])
    assert not generation.trace.is_given.all()
    save_trace(tmp_path / "a.safetensors", generation, system)
    saved = load_trace(tmp_path / "a.safetensors")
    again = replay(saved, system)
    assert saved.recipe == generation.recipe
    assert differences(saved, again) == []
    assert torch.equal(again.token_ids, generation.token_ids)
    assert again.images == generation.edited.decoded


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_taken_up_after_any_step_ends_as_it_did(system, edit):
    generation = EDITS[edit](system, num_steps=4, seeds=[3, 4])
    branch = branch_of(generation, system.transformer.mask_token_id, 1)
    for step in range(branch.num_steps + 1):
        again = resume(system, branch, step)
        assert torch.equal(again.trace.token_ids, branch.trace.token_ids)
        assert torch.equal(again.trace.confidence, branch.trace.confidence)
    assert torch.equal(again.token_ids[0], generation.token_ids[1])


@pytest.mark.parametrize("edit", EDITS)
def test_a_pinned_token_stays_where_it_was_put_in_an_edit(system, edit):
    generation = EDITS[edit](system, num_steps=4, seeds=[3, 4])
    branch = branch_of(generation, system.transformer.mask_token_id)
    row, column = generation.edited.is_hidden[0].nonzero()[0].tolist()
    code = (int(branch.token_ids[0, row, column]) + 1) % 40
    other = resume(system, branch, 0, Edits(pinned={(row, column): code}))
    assert (other.trace.token_ids[:, 0, row, column] == code).all()
    is_kept = branch.trace.is_given[0]
    assert torch.equal(other.token_ids[0][is_kept], branch.token_ids[0][is_kept])
    assert not torch.equal(other.token_ids, branch.token_ids)
