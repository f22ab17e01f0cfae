import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from src.memory import keep_freed_memory
def faults(rounds=50):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(4096, 512)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
torch.set_num_threads(1)
usual = faults()
assert keep_freed_memory()
faults()
print(usual, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_a_freed_tensor_is_used_again_without_new_pages():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    usual, kept = map(int, done.stdout.split())
    assert usual > 1000  # otherwise there would be nothing to gain
    assert kept < usual / 20
