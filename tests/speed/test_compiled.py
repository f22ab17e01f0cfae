"""A compiled step draws the same pictures, and a new prompt is no new graph.

In a process of its own: the checks that tests put on annotated functions are in a compiler's way.
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


@pytest.mark.slow
def test_another_prompt_is_no_other_graph_and_no_other_picture():
    asked = [sys.executable, "-c", SCRIPT, json.dumps(TINY)]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["same"] == [True] * 3
    # both sides of guidance in one pass, and the prompt alone where the other is known already
    assert told["graphs"] <= 2
    assert told["breaks"] == 0
