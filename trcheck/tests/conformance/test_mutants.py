"""A correct loss with one bug: the report names the bug, and where it first shows."""

import math
from functools import partial

import pytest
import torch

from trcheck.conformance import functions, vectors

V = vectors.load()


def ppo(
    logp,
    logp_old,
    advantages,
    mask,
    *,
    low=0.2,
    high=0.2,
    ratio=lambda new, old: (new - old).exp(),
    least=torch.min,
    add=0.0,
    mean=lambda loss, mask: (loss * mask).sum() / mask.sum().clamp(min=1),
):
    """PPO as people write it, with a place for every bug."""
    r = ratio(logp, logp_old)
    loss = -least(r * advantages, r.clamp(1 - low, 1 + high) * advantages)
    return mean(loss + add * (logp - logp_old), mask)


def dppo_by_ratio(logp, logp_old, advantages, mask):
    """DPPO whose mask looks at |ratio - 1|."""
    r = (logp - logp_old).clamp(max=20).exp().detach()
    bad = ((r - 1).abs() > 0.2) & torch.where(advantages > 0, r > 1, r < 1)
    return -(r * logp * advantages).masked_fill(bad, 0)


def dppo_as_a_ratio(logp, logp_old, advantages, mask, *, penalty=0.0, most=20.0):
    """DPPO as SkyRL and prime-rl write it: -(r A), masked; prime-rl adds a penalty on the squared
    log-ratio."""
    d = logp - logp_old
    bad = ((logp.exp() - logp_old.exp()).abs() > 0.15).detach() & torch.where(
        advantages > 0, d > 0, d < 0
    )
    return -(d.clamp(max=most).exp() * advantages).masked_fill(bad, 0) + penalty * d.square()


MUTANTS = {
    "another window": (partial(ppo, high=0.3), "1 - 0.2 and 1 + 0.3"),
    "added k1": (partial(ppo, add=0.013), "adds 0.013 times k1"),
}


def finding_of(function, loss):
    (finding,) = functions.hold(V, function, loss=loss)
    return finding


@pytest.mark.parametrize("name", MUTANTS)
def test_the_bug_is_named_and_nothing_else(name):
    mutant, words = MUTANTS[name]
    finding = finding_of(mutant, "ppo")
    assert finding.status == "differs" and len(finding.deviations) == 1, finding.words
    assert words in finding.deviations[0].words, finding.words
    assert finding.first is not None


@pytest.mark.parametrize("most", [20.0, math.inf], ids=["ratios below e^20", "any ratio"])
def test_a_loss_with_the_reference_s_gradient_and_another_value_trains_alike(most):
    finding = finding_of(partial(dppo_as_a_ratio, most=most), "dppo_tv")
    assert finding.status == "same gradient, other value"
    form = "writes -r A for -sg[r] A log π: another value, the same gradient where nothing bounds r"
    assert [d.words for d in finding.deviations] == [
        *["does not clamp the log-ratio"] * (most > 20),
        form,
    ]
    assert finding.notes[0] == "the gradient differs at ratios of e^10 and beyond only"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (partial(dppo_as_a_ratio, penalty=1e-3), {"writes -r A for -sg", "adds 0.002 times k2"}),
        (dppo_by_ratio, {"against |ratio - 1|", "takes 0.2 for its threshold"}),
    ],
    ids=["prime-rl", "a ratio within .2"],
)
def test_two_deviations_are_both_named(function, words):
    finding = finding_of(function, "dppo_tv")
    assert finding.status == "differs" and len(finding.deviations) == 2, finding.words
    assert all(word in finding.words for word in words), finding.words


def test_a_loss_without_a_graph_fails_and_says_what_is_detached():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: ppo(logp.detach(), logp_old, advantages, mask),
        "ppo",
    )
    assert finding.status == "fails" and [d.words[:18] for d in finding.deviations] == [
        "detaches the ratio"
    ]
    assert "carries no gradient to the current log-probs" in finding.words


def test_two_slips_of_different_kinds_are_both_named():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: ppo(
            logp, logp_old, -advantages, mask, mean=lambda loss, mask: loss.mean()
        ),
        "ppo",
    )
    assert {d.point for d in finding.deviations} == {"aggregation", "advantage"}
