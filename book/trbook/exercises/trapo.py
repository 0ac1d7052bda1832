"""Exercises of chapter 10, TRAPO: the capped weight, its loss, what it converges to, and who is given a prefix."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib.algorithms.trapo import truncated_expert


def _weight(p: Tensor, alpha: float) -> Tensor:
    return (p / alpha).clamp(max=1.0)


check_capped_weight = Exercise(
    "Is `capped_weight(p, alpha)` TrSFT's gradient weight of an expert's token of probability p?",
    truth=_weight,
    inputs=lambda draw: (torch.cat([draw.uniform(0.01, 0.08, 3), draw.uniform(0.6, 1, 3)]), draw.number(0.1, 0.5)),
    examples=[([0.01, 0.05, 0.1, 0.5, 1.0], 0.1)],
    mistakes=[
        Mistake("no cap", lambda p, alpha: p / alpha, "this grows beyond 1: above alpha the weight is 1, as in SFT."),
        Mistake(
            "a mask",
            lambda p, alpha: (p >= alpha).double(),
            "this is a mask, all or nothing; below alpha the weight fades in proportion to p.",
        ),
        Mistake("SFT's", lambda p, alpha: torch.ones_like(p), "a weight of 1 everywhere is SFT's."),
        Mistake(
            "turned around",
            lambda p, alpha: (alpha / p).clamp(max=1.0),
            "turned around: this fades the tokens that the policy finds likely.",
        ),
        Mistake(
            "capped at alpha",
            lambda p, alpha: p.clamp(max=alpha),
            "this is min(p, alpha); divide by alpha, so that the weight ends at 1.",
        ),
        Mistake("p itself", lambda p, alpha: p, "this is the weight at alpha = 1."),
        Mistake(
            "over p",
            lambda p, alpha: 1 / p.clamp(min=alpha),
            "this is dφ/dp; the weight is dφ/dlog p, which is p times it.",
        ),
        Mistake(
            "the larger",
            lambda p, alpha: (p / alpha).clamp(min=1.0),
            "this is the larger of 1 and p/alpha; the weight is the smaller.",
        ),
        Mistake(
            "a minus",
            lambda p, alpha: -_weight(p, alpha),
            "this is the slope of the loss; the weight is minus that slope, so that a token that is taught has a "
            "positive one.",
        ),
    ],
    praise="a token at a hundredth of alpha is pushed a hundredth as hard: it is not silenced, and comes back as soon "
    "as the policy says it more often.",
)


def _trsft(logp: Tensor, alpha: float) -> Tensor:
    p = logp.exp()
    return -p / p.detach().clamp(min=alpha)


def _potential(logp: Tensor, alpha: float) -> Tensor:
    p = logp.exp()
    return -torch.where(p >= alpha, logp, p / alpha - 1 + math.log(alpha))


check_trsft = Exercise(
    "Is `trsft(logp, alpha)` TrSFT's loss of every token, with its gradient?",
    truth=_trsft,
    gradient="logp",
    inputs=lambda draw: (torch.cat([draw.uniform(-6, -3, 3), draw.uniform(-0.6, -0.05, 3)]), draw.number(0.1, 0.5)),
    examples=[([-4.0, -3.0, -2.0, -0.5, -0.1], 0.1)],
    mistakes=[
        Mistake(
            "no minus",
            lambda logp, alpha: -_trsft(logp, alpha),
            "this is to be raised; a loss, to be lowered, has a minus.",
        ),
        Mistake(
            "forgot exp",
            lambda logp, alpha: -logp / logp.detach().clamp(min=alpha),
            "`logp` is the logarithm; p is `logp.exp()`.",
        ),
        Mistake("SFT's", lambda logp, alpha: -logp, "this is SFT's loss; TrSFT's has no logarithm at all."),
        Mistake(
            "the weight before logp",
            lambda logp, alpha: -_weight(logp.exp().detach(), alpha) * logp,
            "the gradient is TrSFT's and the value is another; written with p itself the loss is "
            "-p / stop-gradient of max(p, alpha).",
        ),
        Mistake(
            "the potential",
            _potential,
            "this is the potential -φ, which has the same gradient; the loss that is asked for is "
            "-p / stop-gradient of max(p, alpha).",
        ),
        Mistake(
            "smaller of the two",
            lambda logp, alpha: -logp.exp() / logp.exp().detach().clamp(max=alpha),
            "the divisor is the larger of p and alpha; here it is the smaller.",
        ),
        Mistake(
            "always over alpha",
            lambda logp, alpha: -logp.exp() / alpha,
            "above alpha p is divided by itself, so that the weight stays 1; here it is always divided by alpha.",
        ),
    ],
    praise="the loss of every token above alpha is -1 whatever p is, and its gradient is SFT's: do not read progress "
    "off this loss.",
)


def _truncated(expert: Tensor, alpha: float) -> Tensor:
    return truncated_expert(expert, alpha=alpha)


def _kept(expert: Tensor, alpha: float, *, itself: bool = True) -> Tensor:
    """Which tokens stay, in the expert's own order: by the mass above each, with or without `itself`."""
    e, order = expert.sort(descending=True)
    mass = e.cumsum(0) - (0 if itself else e)
    return torch.zeros_like(expert, dtype=torch.bool).scatter(0, order, e >= alpha * mass)


def _over(expert: Tensor, kept: Tensor) -> Tensor:
    return expert * kept / (expert * kept).sum()


def _experts(draw: Draw) -> tuple[Tensor, float]:
    """An expert of six tokens, none alike, in any order."""
    counts = torch.tensor([36, 25, 17, 11, 7, 3], dtype=torch.float64) + draw.integers(0, 3, 6)
    return (counts / counts.sum())[draw.uniform(0, 1, 6).argsort()], draw.number(0.05, 0.3)


check_truncated = Exercise(
    "Is `truncated(expert, alpha)` what TrSFT converges to for an expert's distribution over tokens?",
    truth=_truncated,
    inputs=_experts,
    examples=[([0.06, 0.5, 0.1, 0.3, 0.04], 0.1), ([0.095, 0.6, 0.305], 0.1), ([0.28, 0.46, 0.26], 0.4)],
    mistakes=[
        Mistake("the expert", lambda expert, alpha: expert, "this is the expert himself, which is where SFT ends."),
        Mistake(
            "the largest alone",
            lambda expert, alpha: _over(expert, expert == expert.max()),
            "only the largest stays here; that is the limit for alpha = 1.",
        ),
        Mistake(
            "e below alpha",
            lambda expert, alpha: _over(expert, expert >= alpha),
            "a token is compared with alpha times the mass of all that are at least as likely, not with alpha.",
        ),
        Mistake(
            "the mass before",
            lambda expert, alpha: _over(expert, _kept(expert, alpha, itself=False)),
            "the mass that a kept token is compared with holds the token itself: e_k with alpha times S_k.",
        ),
        Mistake(
            "the largest as measure",
            lambda expert, alpha: _over(expert, expert >= alpha * expert.max()),
            "a token is compared with alpha times the mass of all that are at least as likely, not of the largest "
            "alone.",
        ),
        Mistake(
            "not renormalised",
            lambda expert, alpha: expert * _kept(expert, alpha),
            "the kept shares are right and do not sum to 1: the dropped mass goes to them, in proportion.",
        ),
        Mistake(
            "no remainder",
            lambda expert, alpha: _over(expert, _kept(expert, alpha)),
            "the first token that is dropped is compared once more, with alpha times the mass of those before it: "
            "where it is larger, it keeps a rest below alpha.",
        ),
        Mistake(
            "sorted",
            lambda expert, alpha: truncated_expert(expert.sort(descending=True).values, alpha=alpha),
            "these are the right numbers in falling order; put them back where their tokens stand.",
        ),
    ],
    praise="no more than 1/alpha tokens stay, because each that stays has at least alpha, one rest aside.",
    rtol=1e-3,
)


def _shares(right_of_4: Tensor, right_of_6: Tensor, right_of_7: Tensor) -> Tensor:
    return torch.stack([0.25 * (right_of_4 < 2), 0.5 * (right_of_6 < 4), 1.0 * (right_of_7 < 7)], -1)


def _counts(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """How many are right after four, six and seven completions, with the edges of every threshold among them."""
    four = torch.cat([torch.tensor([1, 2, 3, 4]), draw.integers(0, 5, 4)])
    six = four + torch.cat([torch.tensor([2, 2, 1, 2]), draw.integers(0, 3, 4)])
    seven = six + torch.cat([torch.tensor([0, 1, 1, 1]), draw.integers(0, 2, 4)])
    order = draw.uniform(0, 1, 8).argsort()
    return four[order].double(), six[order].double(), seven[order].double()


check_prefix_shares = Exercise(
    "Does `prefix_shares(right_of_4, right_of_6, right_of_7)` say which share of the answer each later group begins "
    "with?",
    truth=_shares,
    inputs=_counts,
    examples=[([1.0, 2.0, 2.0, 3.0, 4.0], [3.0, 4.0, 2.0, 4.0, 6.0], [3.0, 5.0, 2.0, 5.0, 7.0])],
    mistakes=[
        Mistake(
            "at most",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [0.25 * (right_of_4 <= 2), 0.5 * (right_of_6 <= 4), 1.0 * (right_of_7 <= 7)], -1
            ),
            "a prefix is given below the threshold, not at it: two right of four need none.",
        ),
        Mistake(
            "always",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [0.25 + 0 * right_of_4, 0.5 + 0 * right_of_6, 1.0 + 0 * right_of_7], -1
            ),
            "these are the shares where a prefix is given; a prompt that goes well gets none.",
        ),
        Mistake(
            "where it goes well",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [0.25 * (right_of_4 >= 2), 0.5 * (right_of_6 >= 4), 1.0 * (right_of_7 >= 7)], -1
            ),
            "turned around: the prefix is for prompts that go badly.",
        ),
        Mistake(
            "flags",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [1.0 * (right_of_4 < 2), 1.0 * (right_of_6 < 4), 1.0 * (right_of_7 < 7)], -1
            ),
            "right about who gets one; the share is 0.25, 0.5 or 1.",
        ),
        Mistake(
            "shares as thresholds",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [0.25 * (right_of_4 < 1), 0.5 * (right_of_6 < 3), 1.0 * (right_of_7 < 7)], -1
            ),
            "the thresholds are 2 of 4, 4 of 6 and 7 of 7, not the shares.",
        ),
        Mistake(
            "half right",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [0.25 * (right_of_4 < 2), 0.5 * (right_of_6 < 3), 1.0 * (right_of_7 < 3.5)], -1
            ),
            "half right is the threshold of the second group alone; the third asks for 4 of 6, the last for 7 of 7.",
        ),
        Mistake(
            "all right",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [0.25 * (right_of_4 < 4), 0.5 * (right_of_6 < 6), 1.0 * (right_of_7 < 7)], -1
            ),
            "only the last group asks for all; the second asks for 2 of 4, the third for 4 of 6.",
        ),
        Mistake(
            "of those that had one",
            lambda right_of_4, right_of_6, right_of_7: torch.stack(
                [
                    0.25 * (right_of_4 < 2),
                    0.5 * ((right_of_4 < 2) & (right_of_6 < 4)),
                    1.0 * ((right_of_4 < 2) & (right_of_6 < 4) & (right_of_7 < 7)),
                ],
                -1,
            ),
            "each group is decided by the sum so far alone: one that was free may be followed by one with a prefix.",
        ),
    ],
    praise="seven of seven is a high bar: one failure among the first seven, and the last completion is the expert's "
    "whole answer.",
)

check_price = Numbers(
    "With alpha = 0.1: the most that leaving out one of the expert's tokens can cost, in nats; tokens that can keep at "
    "least alpha.",
    nats=Number(
        1 + math.log(10),
        {
            math.log(10): "that is the cost at p = alpha, -log 0.1; below it φ falls by 1 more.",
            1.0: "that is how far φ falls below alpha; from 1 down to alpha it has fallen by log 10 already.",
            0.1: "that is alpha; the cost is -φ(0).",
            math.log(10) - 1: "the 1 is subtracted in φ, so it adds to the cost.",
            10.0: "that is the largest slope dφ/dp, 1/alpha.",
            -1 - math.log(10): "that is φ(0); its price is -φ(0), which is positive.",
        },
    ),
    tokens=Number(
        10.0,
        {
            9.0: "ten tokens of exactly 0.1 each sum to 1.",
            11.0: "eleven tokens of at least 0.1 sum to more than 1.",
            1.0: "that is so at alpha = 1.",
            0.1: "that is alpha; how many shares of 0.1 fit into 1?",
        },
    ),
    praise="SFT's cost of leaving a token out is infinite, so it leaves none out. That is the whole difference.",
)

check_alpha_one = Numbers(
    "A token of the expert has p = 0.01. How many times as hard does TrSFT push it at alpha = 0.1 as at alpha = 1?",
    times=Number(
        10.0,
        {
            0.1: "turned around: a smaller alpha pushes harder.",
            1.0: "both are above p, so both fade the token, and by different factors.",
            100.0: "that is SFT's weight over the one at alpha = 1; at alpha = 0.1 the weight is 0.1, not 1.",
            0.09: "that is the difference of the two weights; divide one by the other.",
            0.01: "that is the weight at alpha = 1; how many times as large is the other?",
        },
    ),
    praise="at alpha = 1 the weight is p itself, which is the policy gradient of saying what the expert said.",
)
