import os
import subprocess
import sys

import pytest

from src.memory import free_memory

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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_free_memory_is_some_and_not_more_than_there_is():
    page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    assert 2**20 < free_memory("cpu") < page * pages
