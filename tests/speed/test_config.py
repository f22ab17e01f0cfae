"""What cannot be computed is refused before anything is opened."""

import pytest

from src.compose import composed
from src.errors import UserError


@pytest.mark.parametrize(
    ("told", "match"),
    [
        (["+exp=evaluate", "speed.weights=int2"], "speed.weights='int2' is unknown"),
        (["+exp=evaluate", "speed.weights=int8", "speed.is_offloaded=true"], "give one of them"),
        (["+exp=finetune_256_lora", "speed.weights=int4"], "has no place in train_uvit"),
        (["+exp=publish", "speed.weights=int8"], "give speed.weights=full"),
        (["+exp=memorise", "speed.is_offloaded=true"], "give speed.is_offloaded=false"),
        (["+exp=bench_generate", "adapter=a.safetensors"], "times amused_256 on random weights"),
        (["+exp=report_latency", "variant=fp16", "model=amused_256"], "on random weights"),
        (["+exp=bench_generate", "sampler=shortcut/guided_to_0.9"], "sampler.guidance_"),
        (["+exp=report_latency", "sampler.name=halton"], "sampler.name has no effect"),
        (["+exp=profile", "sampler.stop_entropy=1"], "stop_entropy has no place in profile"),
        (["+exp=bench_scaling", "sampler.full_step_every=2"], "counted for whole steps"),
        (["+exp=profile", "sampler.then=entropy_bounded"], "sampler.then has no place in profile"),
        (["+exp=bench_decode", "dtype=float16"], "decodes in float32"),
        (["+exp=bench_decode", "speed.is_compiled=true"], "is_compiled=true has no place"),
        (
            ["+exp=finetune_256_lora", "speed.is_compiled=true"],
            "speed.is_compiled=true has no place in train_uvit",
        ),
        (
            ["+exp=evaluate", "speed.is_compiled=true", "sampler.full_step_every=2"],
            "sampler.full_step_every=2 are both given",
        ),
    ],
)
def test_refused_in_a_sentence(told, match):
    with pytest.raises(UserError, match=match):
        composed(told)


def test_a_timing_takes_what_it_can_measure():
    composed(["+exp=profile", "sampler=shortcut/guided_to_0.9"])
    composed(["+exp=bench_decode", "speed.decoder=bfloat16"])
    composed(["+exp=bench_generate", "sampler.num_steps=3", "sampler.guidance_scale=1"])
