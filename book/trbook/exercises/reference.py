"""Exercises of chapter 14, the reference: the optimum of a penalty, a penalty in the reward, and the
β above which a text is not worth its distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers


def _optimum(logp_ref: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (logp_ref + rewards / beta).log_softmax(-1)


def _wrong_optimum(logp_ref, rewards, beta):
    return [
        (
            (logp_ref + beta * rewards).log_softmax(-1),
            "the reward is multiplied by β here. A larger β keeps the policy nearer to the reference, "
            "so divide.",
        ),
        (
            (rewards / beta).log_softmax(-1),
            "the reference is missing: this is the optimum where all texts were equally likely.",
        ),
        (
            logp_ref + rewards / beta,
            "the probabilities do not add up to 1: subtract `logsumexp`, or take `log_softmax`.",
        ),
        (
            (logp_ref + rewards / beta).softmax(-1),
            "these are probabilities; the exercise asks for their logarithms.",
        ),
        (
            (logp_ref + rewards).log_softmax(-1),
            "`beta` is missing: it is the price of a nat, and divides the reward.",
        ),
        (
            (logp_ref - rewards / beta).log_softmax(-1),
            "the sign is wrong: a text with a high reward becomes less likely here.",
        ),
        (
            (logp_ref / beta + rewards).log_softmax(-1),
            "β divides the reference here; it divides the reward.",
        ),
    ]


check_optimum = Exercise(
    "Is `optimum(logp_ref, rewards, beta)` the policy that maximises E[R] - β KL(π‖π_ref), as log-probs?",
    truth=_optimum,
    inputs=lambda draw: (
        draw.uniform(-3, 0, 5).log_softmax(-1),
        draw.uniform(-1, 2, 5),
        draw.number(0.2, 0.8),
    ),
    examples=[(torch.tensor([0.5, 0.25, 0.25]).double().log(), [1.0, 0.0, 0.0], 0.5)],
    wrong=_wrong_optimum,
    praise="the log-odds of two texts move by the difference of their rewards over β. A text that the "
    "reference cannot write stays impossible at any β.",
)


def _shaped(rewards: Tensor, logp: Tensor, logp_ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    return rewards - beta * ((logp - logp_ref) * mask).sum(1)


def _completions(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    mask = (torch.arange(6) < draw.integers(1, 7, 3, 1)).double()
    logp, ref = -draw.uniform(0.1, 3, 3, 6), -draw.uniform(0.1, 3, 3, 6)
    return draw.integers(0, 2, 3).double(), logp, ref, mask, draw.number(0.1, 0.9)


def _wrong_shaped(rewards, logp, logp_ref, mask, beta):
    d = (logp - logp_ref) * mask
    return [
        (
            rewards - beta * (logp - logp_ref).sum(1),
            "padding is counted too: multiply by `mask` before you add up.",
        ),
        (
            rewards - beta * d.sum(1) / mask.sum(1),
            "this is the mean over a completion's tokens; the divergence of a completion is their sum.",
        ),
        (
            rewards + beta * d.sum(1),
            "the sign is wrong: this pays the policy for its distance.",
        ),
        (
            rewards - beta * (torch.expm1(-d) + d).sum(1),
            "this is k3; in the reward only k1 has the gradient of the KL divergence.",
        ),
        (
            rewards - beta * (d.square() / 2).sum(1),
            "this is k2, which belongs into the loss; in the reward only k1 has the gradient of the KL "
            "divergence.",
        ),
        (
            rewards - beta * d.abs().sum(1),
            "a token's estimate may be negative: leave its sign as it is.",
        ),
        (rewards - d.sum(1), "`beta` is missing."),
    ]


check_shaped = Exercise(
    "Is `shaped(rewards, logp, logp_ref, mask, beta)` the reward of each completion less β times k1 of "
    "its tokens?",
    truth=_shaped,
    inputs=_completions,
    wrong=_wrong_shaped,
    praise="this is what TRL's RLOO does by default, and verl with `use_kl_in_reward`.",
)

GAIN, COST = 0.6, 11.0
check_price = Numbers(
    "Above which β is a second *oh happy day !* not worth its distance, and by which factor does the "
    "optimum at β = 0.03 make it more likely than one without?",
    price=Number(
        GAIN / COST,
        {
            COST / GAIN: "that is nats per reward; β is reward per nat.",
            GAIN * COST: "divide: β is the reward that a nat must bring.",
            GAIN / math.exp(COST): "the distance is 11 nats, not e^11.",
        },
    ),
    factor=Number(
        math.exp(GAIN / 0.03 - COST),
        {
            GAIN / 0.03 - COST: "that is the logarithm of the odds; take `exp`.",
            math.exp(
                GAIN / 0.03
            ): "this leaves out that the reference finds it unlikely: subtract 11 "
            "nats in the exponent.",
            math.exp(GAIN / 0.03 + COST): "the reference finds it *un*likely: subtract 11 nats.",
            math.exp(GAIN * 0.03 - COST): "β divides the reward.",
            math.exp(
                (GAIN - COST) / 0.03
            ): "β divides the reward alone: the optimum is π_ref exp(R/β) / "
            "Z, and the 11 nats are already in π_ref.",
            math.exp(
                COST - GAIN / 0.03
            ): "this is the story with one coda against the one with two.",
        },
    ),
    praise="the penalty at 0.1 keeps this text away, and the one at 0.03 asks for it. Whether a run finds "
    "it in time is another question: the optimum says where training leads.",
)
