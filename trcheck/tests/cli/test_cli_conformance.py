"""`trlib conformance`: what it prints, what it returns, what it complains of."""

import json
from pathlib import Path

import pytest

from tests.typed import typed

OURS = "trlib.algorithms:ppo_loss"
CAPPED = "keeps the log-ratio within ±20 and lets the gradient pass"
HELD = "held to 1e-06 relative in float64, 0.0001 in float32; vectors version 4\n"


def test_a_function_that_differs_is_status_3_and_says_in_what(capsys):
    line = (
        f"conformance --function {OURS} --loss ppo --set eps_high=.3 --set eps_low=.3 "
        "--set dual_clip=none"
    )
    assert typed(line) == 3
    assert (
        capsys.readouterr().out
        == f"ppo_loss as ppo  differs  {CAPPED}; clips the ratio at 1 - 0.3 and 1 + 0.3\n" + HELD
    )
    assert typed(f"{line} --json") == 3
    document = json.loads(capsys.readouterr().out)
    assert (document["signature"], document["vectors"]) == ("plain", 4)
    (finding,) = document["findings"]
    assert [d["point"] for d in finding["deviations"]] == ["cap", "window"] and finding["seen"]


OF_ONES_OWN = """
import torch

def icepop(old_log_probs, rollout_log_probs):
    ratio = (old_log_probs - rollout_log_probs).exp()
    return ratio * ((ratio >= 0.5) & (ratio <= 5))

def late(logp_old, logp_rollout, mask, cap):
    return (logp_old - logp_rollout).clamp(max=cap).exp()

def whole(logp_old, logp_rollout, mask, cap):
    log_ratio = (logp_old - logp_rollout).where(mask, 0).sum(-1, keepdim=True)
    return log_ratio.clamp(-20, 20).exp().clamp(max=cap)

def bounded(logp, logp_old):
    d = logp_old - logp
    return (d.exp() - d - 1).clamp(-10, 10)

def skyrls(logp, logp_old, advantages, mask):
    bad = (logp.exp() - logp_old.exp()).abs() > 0.15
    bad &= torch.where(advantages > 0, logp > logp_old, logp < logp_old)
    return -((logp - logp_old).clamp(max=20).exp() * advantages).masked_fill(bad, 0)
"""


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        # Names of a loss with its aggregation, and the nearest loss.
        (f"{OURS} --loss grpo", 0, f"ppo_loss as ppo  same gradient, other value  {CAPPED}"),
        (f"{OURS} --loss dapo --set eps_high=0.28", 0, "ppo_loss as ppo_clip_higher  same"),
        ("trlib.algorithms:gspo_loss", 0, "gspo_loss as gspo  agrees\n" + HELD),
        (
            "mine:skyrls --loss dppo_tv --anchor rollout",
            0,
            "same gradient, other value  writes -r A",
        ),
        # Estimators and advantages, asked for and found.
        ("trlib.divergences:k3 --loss k3", 0, "k3  agrees"),
        ("mine:bounded --kind kl", 3, "bounds the estimate at 10"),
        ("trlib.advantages:group_relative --loss group_mean --set scale=none", 0, "agrees"),
        ("trlib.advantages:group_relative --kind advantage", 0, "as group_std  agrees"),
        # Corrections.
        ("trlib.corrections:truncated_importance --loss tis", 0, "as token truncate  agrees"),
        ("trlib.corrections:truncated_importance --loss tis_seq --set level=sequence", 0, "agrees"),
        ("trlib.corrections:truncated_importance --loss mis", 3, "differs"),
        ("trlib.corrections:truncated_importance --loss icepop --set how=mask", 0, "agrees"),
        ("mine:icepop --loss icepop", 0, "icepop as token window  agrees"),
        ("mine:whole --loss tis_seq", 0, "whole as sequence truncate  agrees"),
    ],
)
def test_a_function_is_held_and_found(asked, status, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(OF_ONES_OWN)
    assert typed(f"conformance --function {asked}") == status
    assert words in capsys.readouterr().out
