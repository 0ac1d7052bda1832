"""DPPO in TRL's loop: TRL's log is what the update of chapter 12 gives."""

import json
from functools import partial

import pytest
import torch

import trlib
from book.build.paths import NOTEBOOKS
from trbook.scale.elsewhere import Quiet, completions, verifier
from trlib.aggregation import aggregate
from trlib.algorithms import dppo_loss


def of_the_chapter(name):
    """A function that chapter 12 defines in a cell."""
    cells = json.loads((NOTEBOOKS / "12_at_scale.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ("\n" + "".join(cell["source"]) for cell in cells)
    (code,) = (source for source in sources if f"\ndef {name}(" in source)
    names = {"aggregate": aggregate, "completions": completions, "dppo_loss": dppo_loss}
    names |= {"partial": partial, "torch": torch, "verifier": verifier}
    exec(compile(code, "12_at_scale.ipynb", "exec"), names)
    return names[name]


@pytest.mark.filterwarnings("ignore")
def test_trl_s_first_updates_of_dial_are_ours_and_another_divisor_is_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task, lora = trlib.load_task("dial"), {"r": 4, "target_modules": "all-linear"}
    policy = trlib.load_policy("dial", lora=lora)
    train_in_trl, update_here = map(of_the_chapter, ("train_in_trl", "update_here"))
    start = policy.state()
    with Quiet():
        log, batches = train_in_trl(policy, task, 1, prompts=2, group=8, lr=3e-3)
    policy.model.eval()
    moved = policy.state()
    policy.load_state(start)
    here = update_here(policy, batches, lr=3e-3, horizon=task.max_tokens)
    assert len(log) == len(here) == 2 and here[0]["grad_norm"] > 1e-3
    for row, ours in zip(log, here, strict=True):
        assert {name: row[name] for name in ours} == pytest.approx(ours, rel=1e-3, abs=1e-5)
    for name, weight in policy.state().items():
        # AdamW divides by gradients that are nearly 0, so a weight here and there is off by more.
        assert (weight - moved[name]).abs().mean() < 1e-5 < (moved[name] - start[name]).abs().mean()
    policy.load_state(start)
    (wrong, _) = update_here(policy, batches, lr=3e-3, horizon=2 * task.max_tokens)
    assert wrong["grad_norm"] == pytest.approx(here[0]["grad_norm"] / 2, rel=1e-3)
