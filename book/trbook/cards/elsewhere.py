"""Methods that have a place among the others and no code here: what a reader of 2026 meets beside the book's.

Read in abstracts, or in the libraries' sources where no paper is named; thresholds are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from trbook.cards.card import Action, Level, Ratio


@dataclass(frozen=True)
class Elsewhere:
    """One method, by its place on the four axes."""

    title: str
    how: str
    """In a line, as the table of all methods tells it."""
    ratio: Ratio
    level: Level
    action: Action
    signed: bool | None
    arxiv: str = ""
    where: str = ""
    """Where it is found, without a paper of its own."""


ELSEWHERE = (
    Elsewhere(
        "IcePop",
        "beside PPO's clip a weight π_old/μ, and no gradient where it is outside a window",
        "π_old/μ",
        "token",
        "mask",
        False,
        "2510.18855",
    ),
    Elsewhere(
        "M2PO",
        "the tokens of largest log² r are left out, where an update would take them further, until the "
        "mean of the rest is at most 0.04",
        "π/μ",
        "batch",
        "mask",
        True,
        "2510.01161",
    ),
    Elsewhere(
        "OPSM",
        "a completion with A < 0 is dropped once its mean KL passes a threshold",
        "π/μ",
        "completion",
        "drop",
        True,
        "2512.02556",
    ),
    Elsewhere(
        "TRM",
        "a completion is dropped if any of its tokens leaves the region",
        "π/μ",
        "completion",
        "drop",
        False,
        "2512.23075",
    ),
    Elsewhere(
        "CPPO (prefix)",
        "a threshold that depends on the position, and a budget of divergence for the whole prefix",
        "π/μ",
        "prefix",
        "mask",
        True,
        "2606.10968",
    ),
    Elsewhere(
        "CTPO",
        "PPO's clip on the product of the ratios so far, in a window that widens with √t",
        "π/π_old",
        "prefix",
        "clip",
        True,
        "2605.07331",
    ),
    Elsewhere(
        "PNPO", "the geometric mean of the ratios so far, with rejection", "π/μ", "prefix", "mask", False, "2608.01418"
    ),
    Elsewhere(
        "DRPO",
        "−A r + |A| μ (r − 1)² / (2δ): a penalty that weighs a token by its probability",
        "π/μ",
        "token",
        "penalise",
        False,
        "2606.09821",
    ),
    Elsewhere(
        "CFPO",
        "−A r + |A| (r − 1)² / (2ε): the same penalty on every token alike",
        "π/π_old",
        "token",
        "penalise",
        False,
        "2601.22801",
    ),
    Elsewhere(
        "VESPO",
        "the product of a completion's ratios enters through w^k exp(λ(1 − w)), detached",
        "π/μ",
        "completion",
        "soften",
        False,
        "2602.10693",
    ),
    Elsewhere(
        "TPO", "fits a target ∝ π_old exp(u/η) over the group", "π/π_old", "group", "regress", False, "2604.06159"
    ),
    Elsewhere("VACO", "a filter of tokens by a bound on total variation", "π/μ", "batch", "mask", True, "2603.01365"),
    Elsewhere(
        "clip-cov",
        "a few tokens, drawn where log-prob and advantage vary together, lose their gradient",
        "π/π_old",
        "batch",
        "mask",
        True,
        where="verl",
    ),
    Elsewhere(
        "kl-cov",
        "the few tokens that vary together most pay |log r|",
        "π/π_old",
        "batch",
        "penalise",
        True,
        where="verl",
    ),
    Elsewhere(
        "TOPR",
        "ratios of wrong answers are tapered to [0, 1], right answers are imitated",
        "π/μ",
        "completion",
        "clamp",
        True,
        "2503.14286",
    ),
    Elsewhere(
        "OPMD (Kimi)",
        "log r of the completion regresses on the centred reward",
        "π/π_old",
        "completion",
        "regress",
        False,
        "2501.12599",
    ),
    Elsewhere(
        "VCPO",
        "the learning rate is scaled by the batch's effective sample size",
        "π/μ",
        "batch",
        "bound the step",
        None,
        "2602.17616",
    ),
)
