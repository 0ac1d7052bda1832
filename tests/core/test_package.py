"""The house's rules: the loop leaves the gallery out, and the contract's signatures."""

import subprocess
import sys
from pathlib import Path

import pytest

import trlib
from trlib.algorithms import ALGORITHMS, Method

ROOT = Path(trlib.__file__).parent


@pytest.mark.test_all("trains in a process of its own")
def test_the_loop_leaves_the_gallery_out():
    code = """
import sys, trlib
policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
run = trlib.train(policy, task, trlib.algorithms.GRPO(), steps=1, prompts=2, group=2, probe=0, progress=False)
assert len(run.history) == 1
sys.exit(", ".join(m for m in sys.modules if m.startswith("trlib.relatives")) or 0)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent
    )
    assert result.returncode == 0, f"a batch of GRPO: {result.stderr.strip()}"


def test_public_names_are_loaded_when_they_are_used():
    assert set(trlib.__all__) <= set(dir(trlib))
    assert trlib.aggregation.aggregate is sys.modules["trlib.aggregation"].aggregate
    with pytest.raises(AttributeError, match="module 'trlib' has no attribute 'agregation'"):
        _ = trlib.agregation


def test_every_method_has_a_key_and_can_be_made_with_its_defaults():
    for key, cls in ALGORITHMS.items():
        method = cls()
        assert key == key.lower() and isinstance(method, Method), key
        assert cls() == method and hash(cls()) == hash(method), key
        with pytest.raises(AttributeError):
            method.aggregation = "token-mean"
