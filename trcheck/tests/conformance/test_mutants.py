"""A correct loss with one bug: the report names the bug, and where it first shows."""

import math
from functools import partial

import pytest
import torch

from tests.by_day import by_day
from trcheck.conformance import functions, vectors
from trlib.algorithms import (
    cispo_loss,
    dppo_loss,
    gmpo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
    pspo_loss,
)

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


def given(loss, **change):
    """The loss, and what its arguments are turned into first: name=(argument, mask) -> argument."""

    def mutant(logp, logp_old, advantages, mask):
        found = {"logp_old": logp_old, "advantages": advantages}
        found |= {name: turn(found[name], mask) for name, turn in change.items()}
        return loss(logp, found["logp_old"], advantages=found["advantages"], mask=mask)

    return mutant


def of(loss, **settings):
    return lambda logp, logp_old, advantages, mask: loss(
        logp, logp_old, advantages=advantages, mask=mask, **settings
    )


def negated(a, mask):
    return -a


def unmasked(loss, mask):
    return loss.mean()


def half_masked(loss, mask):
    return loss.sum() / mask.sum().clamp(min=1)


def inverted(new, old):
    return (old - new).exp()


def unsigned(logp, logp_old, advantages, mask):
    r = (logp - logp_old).exp()
    return -torch.min(r, r.clamp(0.8, 1.2)) * advantages


def cispo_without_a_stop(logp, logp_old, advantages, mask):
    return -(logp - logp_old).exp().clamp(0.8, 1.2) * advantages * logp


def gspo_by_hand(length):
    """GSPO whose exponent is the row's summed log-ratio over `length(mask)`."""

    def loss(logp, logp_old, advantages, mask):
        d = (logp - logp_old).masked_fill(~mask, 0.0)
        whole = (d.sum(-1, keepdim=True) / length(mask)).detach().clamp(max=10.0)
        s = (whole + logp - logp.detach()).exp()
        return -torch.min(s * advantages, s.clamp(1 - 3e-4, 1 + 4e-4) * advantages)

    return loss


def dppo_by_ratio(delta, form):
    """DPPO whose mask looks at |ratio - 1|."""

    def loss(logp, logp_old, advantages, mask):
        r = (logp - logp_old).clamp(max=20).exp()
        bad = ((r - 1).abs() > delta).detach() & torch.where(advantages > 0, r > 1, r < 1)
        return -((r if form == "ratio" else r.detach() * logp) * advantages).masked_fill(bad, 0)

    return loss


def dppo_as_a_ratio(logp, logp_old, advantages, mask, *, penalty=0.0, most=20.0):
    """DPPO as SkyRL and prime-rl write it: -(r A), masked; prime-rl adds a penalty on the squared
    log-ratio."""
    d = logp - logp_old
    bad = ((logp.exp() - logp_old.exp()).abs() > 0.15).detach() & torch.where(
        advantages > 0, d > 0, d < 0
    )
    return -(d.clamp(max=most).exp() * advantages).masked_fill(bad, 0) + penalty * d.square()


MUTANTS = {
    "both epsilons": ("ppo", partial(ppo, low=0.2137, high=0.2137), "1 - 0.2137 and 1 + 0.2137"),
    "inverted ratio": ("ppo", partial(ppo, ratio=inverted), "inverts the ratio"),
    "detached ratio": (
        "ppo",
        partial(ppo, ratio=lambda new, old: (new - old).exp().detach()),
        "detaches the ratio",
    ),
    "max for min": ("ppo", partial(ppo, least=torch.max), "max for min"),
    "added k1": ("ppo", partial(ppo, add=0.013), "adds 0.013 times k1"),
    "forgotten mask": ("ppo", partial(ppo, mean=unmasked), "masked or not"),
    "mask forgotten in the sum": (
        "ppo",
        partial(ppo, mean=half_masked),
        "sums over every position, masked or not",
    ),
    "cispo: epsilon": (
        "cispo",
        of(cispo_loss, eps_high=0.21),
        "bounds the weight from above at 1.21",
    ),
    "dppo: delta": ("dppo_tv", of(dppo_loss, delta_tv=0.16), "takes 0.16 for its threshold"),
    "dppo: weight's bound": (
        "dppo_tv",
        of(dppo_loss, delta_tv=0.15, max_ratio=7.5),
        "bounds the importance weight at 7.5",
    ),
    "gspo: epsilon": ("gspo", of(gspo_loss, eps_high=5e-4), "1 - 0.0003 and 1 + 0.0005"),
    "gmpo: epsilon": ("gmpo", of(gmpo_loss, eps_log=0.41), "-0.41 and 0.41"),
    "ppo: the minimum without the sign": (
        "ppo",
        unsigned,
        "takes the smaller of the two ratios before it multiplies by the advantage",
    ),
    "cispo: no stop-gradient": ("cispo", cispo_without_a_stop, "forgets the stop-gradient"),
    "gspo: a product": (
        "gspo",
        gspo_by_hand(lambda mask: 1),
        "takes the product of a row's ratios",
    ),
    "dppo: a ratio's threshold": (
        "dppo_tv",
        dppo_by_ratio(0.15, "log"),
        "holds its threshold against |ratio - 1|, as PPO does",
    ),
    "dppo, KL: total variation": (
        "dppo_kl",
        of(dppo_loss, delta_tv=0.05),
        "against the total variation, not the binary KL",
    ),
    "gspo: tokens": (
        "gspo",
        of(ppo_loss, eps_low=3e-4, eps_high=4e-4),
        "clips each token's own ratio, not its row's",
    ),
    "ppo: no bound above": (
        "ppo",
        partial(ppo, high=math.inf),
        "clips the ratio on one side only, at 1 - 0.2",
    ),
    "reinforce: a ratio": (
        "reinforce",
        of(pg_is_loss),
        "weighs by the ratio to the recomputed old policy",
    ),
    "pspo: alpha": ("pspo", of(pspo_loss, alpha=0.11), "the weight 0.11"),
}


def finding_of(function, loss):
    (finding,) = functions.hold(V, function, loss=loss)
    return finding


SEARCHED = {"dppo: delta", "gmpo: epsilon"}


@pytest.mark.parametrize(
    "name", by_day(MUTANTS, *(MUTANTS.keys() - SEARCHED), reason="searches for seconds")
)
def test_the_bug_is_named_and_nothing_else(name):
    loss, mutant, words = MUTANTS[name]
    finding = finding_of(mutant, loss)
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
    ("loss", "function", "words"),
    [
        (
            "dppo_tv",
            partial(dppo_as_a_ratio, penalty=1e-3),
            {"writes -r A for -sg", "adds 0.002 times k2"},
        ),
        (
            "dppo_tv",
            dppo_by_ratio(0.2, "log"),
            {"against |ratio - 1|", "takes 0.2 for its threshold"},
        ),
    ],
    ids=["prime-rl", "a ratio within .2"],
)
def test_two_deviations_are_both_named(loss, function, words):
    finding = finding_of(function, loss)
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
    finding = finding_of(given(partial(ppo, mean=unmasked), advantages=negated), "ppo")
    assert {d.point for d in finding.deviations} == {"aggregation", "advantage"}
