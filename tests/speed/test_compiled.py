"""A compiled step draws the same pictures, and a new prompt is no new graph.

In processes of their own: the checks that tests put on annotated functions are in a compiler's way,
and after torch has compiled, a process that has trained can fork no other that trains.
"""

import json
import subprocess
import sys

import pytest

from src.experiments import ROOT
from tests.conftest import TINY

SCRIPT = """
import json, sys, torch
from torch._dynamo.utils import counters
from src.amused import Amused

amused = Amused.from_config(json.loads(sys.argv[1]), seed=1)
prompts = ["a small red star", "a large blue anchor", "a green heart"]
plain = [amused.generate(prompt, seeds=3, num_steps=4) for prompt in prompts]
amused.compile()
found = [amused.generate(prompt, seeds=3, num_steps=4) for prompt in prompts]
graphs, breaks = counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())
same = [torch.equal(one.token_ids, two.token_ids) for one, two in zip(plain, found)]
print(json.dumps({"same": same, "graphs": graphs, "breaks": breaks}))
"""


LIBRARY_MAP = """
import sys, torch
from src.amused import Amused

few = Amused.embedded().quantize(sys.argv[1]).transformer.layers[0].feed_forward.out.map
rows = torch.randn(64, 512, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    compiled = torch.compile(few, fullgraph=True)(rows)
    assert torch.allclose(compiled, few(rows), rtol=1e-3, atol=1e-3)
"""

COPY = """
import json, sys, torch
from torch._dynamo.utils import counters
from torch.optim.swa_utils import AveragedModel
from src.amused import Amused

one, two = (Amused.from_config(json.loads(sys.argv[1]), seed=seed) for seed in (1, 2))
def drawn(amused):
    return amused.generate("a green heart", seeds=3, num_steps=4).token_ids
plain = drawn(one), drawn(two)
one.compile()
assert torch.equal(drawn(one), plain[0])
before = counters["stats"]["unique_graphs"]
average = AveragedModel(one.transformer).module
average.load_state_dict(two.transformer.state_dict())
assert torch.equal(drawn(Amused(average, *two._parts[1:])), plain[1])
assert torch.equal(drawn(one), plain[0])
assert not torch.equal(*plain) and before > 0
"""

DECODER = """
import json, sys, torch
from copy import deepcopy
from torch._dynamo.utils import counters
from src.amused import Amused
from src.speed.compiled import compile_decoder

one, two = (
    Amused.from_config(json.loads(sys.argv[1]), seed=seed).image_tokenizer for seed in (1, 2)
)
token_ids = torch.arange(16).view(1, 4, 4)
@torch.no_grad()
def shown(vqgan, precision="float32"):
    vqgan.decoder_precision = precision
    return vqgan.decode(token_ids)
def near(found, expected):
    return torch.allclose(found, expected, atol=1e-5)
exact, rounded, other = shown(one), shown(one, "bfloat16"), shown(two)
assert not near(exact, rounded) and not near(exact, other)
compile_decoder(one)
assert near(shown(one), exact)
assert counters["stats"]["unique_graphs"] == 1
assert torch.equal(shown(one, "bfloat16"), rounded)
assert counters["stats"]["unique_graphs"] == 1
copied = deepcopy(one)
copied.load_state_dict(two.state_dict())
assert near(shown(copied), other)
"""

REFUSED = """
import json, sys, torch
from src.adapters.config import LoraConfig
from src.adapters.lora import add_lora
from src.amused import Amused
from src.errors import UserError
from src.sampler.config import SamplerConfig

plain, compiled = (Amused.from_config(json.loads(sys.argv[1]), seed=1) for _ in range(2))
compiled.compile()
add_lora(plain, LoraConfig(rank=2), torch.Generator())
for ask in (
    lambda: compiled.load_lora("a_folder"),
    lambda: add_lora(compiled, LoraConfig(rank=2), torch.Generator()),
    lambda: compiled.quantize("int8"),
    lambda: compiled.generate("a red heart", sampler=SamplerConfig(full_step_every=2)),
    plain.compile,
):
    try:
        ask()
        print("taken")
    except UserError as error:
        print(error)
"""


def ended(script, *told):
    """What a process of its own said."""
    asked = [sys.executable, "-c", script, *told]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_another_prompt_is_no_other_graph_and_no_other_picture():
    told = json.loads(ended(SCRIPT, json.dumps(TINY)).splitlines()[-1])
    assert told["same"] == [True] * 3
    # both sides of guidance in one pass, and the prompt alone where the other is known already
    assert 1 <= told["graphs"] <= 2
    assert told["breaks"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_a_quantized_map_compiles_into_one_graph_and_says_the_same(weights):
    ended(LIBRARY_MAP, weights)


@pytest.mark.slow
def test_a_copy_of_a_compiled_model_draws_by_its_own_weights():
    ended(COPY, json.dumps(TINY))


@pytest.mark.slow
def test_a_compiled_decoder_decodes_in_the_precision_that_is_asked_for_and_a_copy_by_its_own():
    ended(DECODER, json.dumps(TINY))


def test_what_exchanges_a_compiled_models_maps_is_refused():
    said = ended(REFUSED, json.dumps(TINY)).splitlines()
    expected = [
        *("an adapter cannot be put on the model, for its step is compiled",) * 2,
        "weights=int8: the model cannot be quantized, for its step is compiled",
        "full_step_every=2 asks a compiled model for local steps",
        "the model carries an adapter: call merge_lora() first, then compile()",
    ]
    assert [one.startswith(two) for one, two in zip(said, expected, strict=True)] == [True] * 5
