"""Bugs as issue threads show them, typed into a file and held by the command: one sentence names
each, in the words that the reader of the line sees.
"""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from tests.by_day import by_day
from tests.typed import typed

FILE = """
import math

import torch


def mean(loss, mask):
    return (loss * mask).sum() / mask.sum().clamp(min=1)


def clipped(r, a, low=0.2, high=0.2):
    return -torch.min(r * a, r.clamp(1 - low, 1 + high) * a)


def without_the_clip(logp, logp_old, advantages, mask):
    return mean(-(logp - logp_old).exp() * advantages, mask)


def clipped_without_its_advantage(logp, logp_old, advantages, mask):
    r = (logp - logp_old).exp()
    return mean(-torch.min(r * advantages, r.clamp(0.8, 1.2)), mask)


def cispo_as_a_clip(logp, logp_old, advantages, mask):  # torchrl, 2026-08
    return mean(-(logp - logp_old).clamp(math.log(0.8), math.log(1.2)).exp() * advantages, mask)


def corrected_twice(logp, logp_old, logp_rollout, advantages, mask):  # slime#1912, verl#3996
    ratio, tis = (logp - logp_rollout).exp(), (logp_old - logp_rollout).exp().clamp(max=2.0)
    return mean(clipped(ratio, advantages) * tis, mask)


def its_own_old_policy(logp, logp_old, advantages, mask):  # trl#3120: the ratio is always 1
    return mean(clipped((logp - logp.detach()).exp(), advantages), mask)


def mean_of_everything(logp, logp_old, advantages, mask):
    return (clipped((logp - logp_old).exp(), advantages) * mask).mean()


def shifted(logp, logp_old, advantages, mask):
    return mean(clipped((logp - logp_old.roll(1, -1)).exp(), advantages), mask)


def ipo_for_dppo(logp, logp_old, advantages, mask):  # prime-rl#3418
    bad = (logp.exp() - logp_old.exp()).abs() > 0.15
    weight = (logp - logp_old).clamp(max=20).exp().detach()
    return -(weight * logp * advantages).masked_fill(bad, 0) * mask


def dppo_around_the_learner(logp, logp_old, logp_rollout, advantages, mask):  # verl
    moved, weight = (logp.exp() - logp_old.exp()).detach(), (logp - logp_old).clamp(max=20).exp().detach()
    bad = torch.where(advantages > 0, moved > 0.15, -moved > 0.15)
    return -(weight * logp * advantages).masked_fill(bad, 0) * mask


def whitened_again(logp, logp_old, advantages, mask):
    inside = advantages[mask]
    a = (advantages - inside.mean()) / (inside.std() + 1e-8) if len(inside) > 1 else advantages
    return mean(clipped((logp - logp_old).exp(), a), mask)


def dual_clip_for_all(logp, logp_old, advantages, mask):
    return mean(torch.min(clipped((logp - logp_old).exp(), advantages), -3 * advantages), mask)


def clipped_in_logs(logp, logp_old, advantages, mask):
    d = logp - logp_old
    return mean(-torch.min(d.exp() * advantages, d.clamp(-0.2, 0.2).exp() * advantages), mask)


def mask_one_early(logp, logp_old, advantages, mask):
    moved = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], -1)
    return mean(clipped((logp - logp_old).exp(), advantages), moved)


def rounded(logp, logp_old, advantages, mask):
    r = (logp.bfloat16().double() - logp_old.bfloat16().double()).exp()
    return mean(clipped(r, advantages), mask)


def in_bfloat16(logp, logp_old, advantages, mask):
    r = (logp.bfloat16() - logp_old.bfloat16()).exp()
    return mean(clipped(r, advantages), mask)


def cispo_of_ratios(logp, logp_old, advantages, mask):
    r = (logp - logp_old).exp()
    return mean(-r.clamp(0.8, 1.2).detach() * advantages * r, mask)


def divided_twice(logp, logp_old, advantages, mask):
    each, n = clipped((logp - logp_old).exp(), advantages) * mask, mask.sum(-1).clamp(min=1)
    return (each.sum(-1) / n / n).sum() / mask.any(-1).sum().clamp(min=1)


def gspo_of_a_sum(logp, logp_old, advantages, mask):
    d = ((logp - logp_old) * mask).where(mask, 0).sum(-1, keepdim=True)
    s = (d.detach() + logp - logp.detach()).exp()
    each = (clipped(s, advantages, 3e-4, 4e-4) * mask).sum(-1) / mask.sum(-1).clamp(min=1)
    return each.sum() / mask.any(-1).sum().clamp(min=1)


def gspo_by_index(logp, logp_old, advantages, mask):
    row = torch.arange(len(mask)).unsqueeze(-1).expand_as(mask)[mask]
    n = torch.zeros(len(mask), dtype=logp.dtype).index_add(0, row, torch.ones_like(logp[mask]))
    total = torch.zeros(len(mask), dtype=logp.dtype).index_add(0, row, (logp - logp_old)[mask])
    each = clipped((total / n.clamp(min=1)).exp(), advantages[:, 0], 3e-4, 4e-4)
    return each[n > 0].sum() / (n > 0).sum().clamp(min=1)


def with_verls_names(old_log_prob, log_prob, advantages, response_mask):
    return mean(clipped((log_prob - old_log_prob).exp(), advantages), response_mask)


def with_verls_config(
    old_log_prob, log_prob, advantages, response_mask, loss_agg_mode, config, rollout_is_weights
):
    low, high = config.clip_ratio_low, config.clip_ratio_high
    each = clipped((log_prob - old_log_prob).exp(), advantages, low, high)
    return mean(each, response_mask), {}


def with_trls_names(per_token_logps, old_per_token_logps, advantages, completion_mask):
    return mean(clipped((per_token_logps - old_per_token_logps).exp(), advantages), completion_mask)


def advantages_late(logp, logp_old, advantages, mask):
    a = torch.cat([torch.zeros_like(advantages[:, :1]), advantages[:, :-1]], 1)
    return mean(clipped((logp - logp_old).exp(), a), mask)


def gspo_over_padding(logp, logp_old, advantages, mask):
    s = (logp - logp_old).masked_fill(~mask, 0.0).mean(-1, keepdim=True).exp()
    each = (clipped(s, advantages, 3e-4, 4e-4) * mask).sum(-1) / mask.sum(-1).clamp(min=1)
    return each.sum() / mask.any(-1).sum().clamp(min=1)


def ppo_as_a_mask_on_the_gradient(logp, logp_old, advantages, mask):
    ratio = torch.exp(logp - logp_old)
    silent = ((advantages > 0) & (ratio > 1.2)) | ((advantages < 0) & (ratio < 0.8))
    return mean(-torch.where(silent, ratio.detach().clamp(0.8, 1.2), ratio) * advantages, mask)


def gspo_as_verl_writes_it(logp, logp_old, advantages, mask):
    n = mask.sum(-1).clamp(min=1)
    d = ((logp - logp_old) * mask).sum(-1) / n
    s = torch.exp(torch.clamp(logp - logp.detach() + d.detach().unsqueeze(-1), max=10.0))
    each = torch.maximum(-advantages * s, -advantages * torch.clamp(s, 1 - 3e-4, 1 + 4e-4))
    return mean((each * mask).sum(-1) / n, mask.any(-1))


def dppo_summed_over_its_horizon(logp, logp_rollout, advantages, mask, horizon):
    ratio, delta = torch.exp((logp - logp_rollout).clamp(max=20.0)), logp.exp() - logp_rollout.exp()
    out = (delta.abs() > 0.15) & (torch.sign(delta) == torch.sign(advantages))
    return -((ratio * advantages * (~out) * mask).sum(-1) / horizon).mean()


def cispo_bounded_above_only(logp, logp_old, advantages, mask):
    with torch.no_grad():
        weight = torch.exp(logp - logp_old).clamp(max=1.28)
    return mean(-weight * advantages * logp, mask)


def the_others_and_itself(rewards, group):
    means = torch.stack([rewards[group == g].mean() for g in group])
    return rewards - means


def turned_around(logp_old, logp_rollout, mask, cap=2.0):
    return (logp_rollout - logp_old).exp().clamp(max=cap)


def kl_without_a_graph(logp, logp_old):
    d = (logp_old - logp).detach()
    return d.exp() - d - 1


def over_the_batchs_deviation(rewards, group):
    count = torch.zeros(int(group.max()) + 1, dtype=rewards.dtype).index_add(0, group, rewards * 0 + 1)
    total = torch.zeros_like(count).index_add(0, group, rewards)
    return (rewards - (total / count)[group]) / (rewards.std() + 1e-4)
"""
BUGS = {
    "without_the_clip": ("ppo", "computes another loss, pg_is: L = -r A"),
    "clipped_without_its_advantage": ("ppo", "forgets the advantage in the clipped term"),
    "cispo_as_a_clip": (
        "cispo",
        "differentiates the bounded weight itself: where the bound holds, there is no gradient",
    ),
    "corrected_twice": (
        "ppo",
        "at most 2: together with a ratio to the sampler this counts their mismatch twice",
    ),
    "its_own_old_policy": (
        "ppo",
        "to the current policy itself, so it is always 1 and nothing is ever clipped",
    ),
    "mean_of_everything": (
        "ppo",
        "divides by the number of all positions, padding included (expected token-mean)",
    ),
    "shifted": ("ppo", "reads the old log-probs one token late: those of t - 1 at t"),
    "ipo_for_dppo": (
        "dppo_tv",
        "masks every token past the threshold, also one on its way back",
    ),
    "dppo_around_the_learner": ("dppo_tv", "draws its region around the recomputed old policy"),
    "whitened_again": ("ppo", "whitens the advantages over the batch's unmasked tokens"),
    "dual_clip_for_all": ("ppo", "applies the dual clip at 3 |A| whatever the sign of A"),
    "clipped_in_logs": ("ppo", "clips the log-ratio, not the ratio"),
    "rounded": ("ppo", "rounds log-probs to bfloat16"),
    "in_bfloat16": ("ppo", "relative, as bfloat16 would"),
    "cispo_of_ratios": ("cispo", "puts the ratio in the place of log π"),
    "divided_twice": (
        "grpo",
        "divides each row by its length twice, then averages over rows",
    ),
    "gspo_of_a_sum": (
        "gspo --aggregation seq-mean-token-mean",
        "  takes the product of a row's ratios, not their geometric mean\n",
    ),
    "over_the_batchs_deviation": (
        "group_std",
        "divides by the standard deviation of the whole batch's rewards, not the group's",
    ),
    "advantages_late": ("ppo", "takes the advantages one token late: those of t - 1 at t"),
    "gspo_over_padding": (
        "gspo --aggregation seq-mean-token-mean",
        "divides a row's log-ratio by the padded width",
    ),
    "the_others_and_itself": ("leave_one_out", "is group_mean, not leave_one_out"),
    "turned_around": ("tis", "takes the ratio upside down, μ/π_old"),
    "kl_without_a_graph": ("k3", "carries no gradient to the current log-probs"),
    "mask_one_early": ("ppo", "reads the mask one token early: that of t + 1 at t"),
}


@pytest.fixture
def held(tmp_path, monkeypatch, capsys):
    """A function of a file of one's own, by the command: its status and its line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trcheck.cli.conformance.Timer", MagicMock())

    def hold(text, name, more):
        Path("typed.py").write_text(text)
        monkeypatch.delitem(__import__("sys").modules, "typed", raising=False)
        address = "typed.py" if name == "shifted" else "typed"
        status = typed(f"conformance --function {address}:{name} {more}")
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return status, captured.out + captured.err

    return hold


@pytest.mark.parametrize(
    "name", by_day(BUGS, *[*BUGS][::3], later=BUGS, reason="a search for each")
)
def test_a_slip_is_named_in_a_sentence(name, held):
    loss, words = BUGS[name]
    anchor = "--anchor rollout" if name == "ipo_for_dppo" else ""
    status, line = held(FILE, name, f"--loss {loss} {anchor}")
    unexplained = name == "in_bfloat16"  # it says how far, not why
    assert status == 3 and words in line and ("none of" in line) == unexplained
    assert line.count("\n") == 2
    assert "its gradient is explained" not in line  # an explanation explains the value, too


@pytest.mark.test_all("a search for each")
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("gspo_by_index", "--loss gspo --aggregation seq-mean-token-mean"),
        ("with_verls_names", "--loss ppo"),
        ("with_verls_config", "--loss ppo"),
        ("with_trls_names", "--loss ppo"),
        ("ppo_as_a_mask_on_the_gradient", "--loss ppo"),
        ("gspo_as_verl_writes_it", "--loss gspo"),
        ("dppo_summed_over_its_horizon", "--loss dppo_tv"),
        ("cispo_bounded_above_only", "--loss cispo_upper"),
    ],
)
def test_a_right_loss_in_another_style_or_with_a_librarys_names_passes(name, asked, held):
    status, line = held(FILE, name, asked)
    assert status == 0 and "differs  " not in line, line


HEAD = "import sys\nimport torch\ndef loss(logp, logp_old, advantages, mask):\n    "
PPO = (
    "r = (logp - logp_old).exp()\n    each = -torch.min(r * advantages, r.clamp(0.8, 1.2) * "
    "advantages) * mask\n    "
)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (
            PPO + "return each.float().bfloat16().sum()",
            3,
            "returns torch.bfloat16, whose rounding hides what is compared",
        ),
        ("sys.exit('no GPU')", 3, "raises SystemExit (no GPU)"),
        ("torch.set_grad_enabled(False)\n    " + PPO + "return each", 3, "carries no gradient"),
    ],
    ids=[
        "bfloat16",
        "an exit",
        "no grad",
    ],
)
def test_a_loss_that_behaves_oddly_is_a_line(body, status, words, held):
    import torch

    try:
        found, line = held(HEAD + body + "\n", "loss", "--loss ppo")
        assert torch.is_grad_enabled(), "what a loss switches off is on again"
    finally:
        torch.set_grad_enabled(True)
    assert (found, words in line) == (status, True), line
