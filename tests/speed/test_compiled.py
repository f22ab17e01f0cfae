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
