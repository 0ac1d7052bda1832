"""The files for other libraries' maintainers: each runs as a process, imports torch alone, and says of
the library, or of this package, what it should."""

import ast
import math
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from book.build.paths import ROOT
from trlib import corrections
from trlib.algorithms import cispo_loss

FOLDER = ROOT / "examples" / "upstream"
FILES = sorted(path.name for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_it_runs_alone_and_imports_torch_only(name, tmp_path):
    text = (FOLDER / name).read_text(encoding="utf-8")
    roots = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert roots <= {"torch", "math", "collections"} and "trlib" not in text
    done = subprocess.run(
        [sys.executable, FOLDER / name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout and not done.stderr, done.stderr


def test_ours_passes_cispos_test_and_torchrls_fails_in_four_corners():
    check = runpy.run_path(str(FOLDER / "cispo_gradient.py"))["check_cispo_gradient"]

    def ours(log_weight, advantage):
        mask = torch.ones(1, 6, dtype=torch.bool)
        old = torch.full((1, 6), -2.0, dtype=log_weight.dtype)
        logp, credit = old + log_weight, {"advantages": advantage[None], "mask": mask}
        return cispo_loss(logp, old, **credit).per_token

    check(ours)
    llm = pytest.importorskip("torchrl.objectives.llm", reason="torchrl is not installed")
    bounds = SimpleNamespace(_clip_bounds=(math.log(0.8), math.log(1.2)))

    def theirs(log_weight, advantage):
        return llm.CISPOLoss._compute_policy_objective(bounds, log_weight, advantage)[0]

    with pytest.raises(AssertionError) as said:
        check(theirs)
    assert all(corner in str(said.value) for corner in ("(0.5, 1.0)", "(0.5, -1.0)"))
    assert all(corner in str(said.value) for corner in ("(2.0, 1.0)", "(2.0, -1.0)"))


def test_raw_ratios_by_hand():
    raw = runpy.run_path(str(FOLDER / "trl_raw_ratios.py"))["raw_ratios"]
    ratio = torch.tensor([[0.5, 4.0, 9.0], [1.0, 1.0, 1.0]])
    sampler = torch.tensor([[-1.0, -1.0, -1.0], [-1.0, math.nan, -1.0]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    old = torch.where(sampler.isnan(), -1.0, sampler) + ratio.log()
    found = raw(old, sampler, mask)
    values = [0.5, 4.0, 1.0, 1.0]
    assert found["sampling/raw_ratio/mean"] == pytest.approx(sum(values) / 4)
    assert found["sampling/raw_ratio/max"] == pytest.approx(4)
    assert found["sampling/raw_ratio/above_cap"] == 0.25
    whole = raw(old, sampler, mask, level="sequence")
    assert whole["sampling/raw_ratio/max"] == pytest.approx(2)
    assert raw(old, sampler, mask * 0) == {}


@pytest.mark.parametrize("how", ["truncate", "mask"])
def test_the_expected_weight_is_this_packages(how):
    theirs = runpy.run_path(str(FOLDER / "expected_weight.py"))["expected_weight"]
    for lengths in (100, [100, 2000, 30000]):
        ours = corrections.expected_weight(0.05, lengths, how, 2.0)
        assert theirs(0.05, lengths, how, 2.0) == pytest.approx(ours, rel=1e-9)
