"""Exercises of chapter 13, long, stale and noisy: a broken mean, three sizes, four strange logs, and a
correction that chooses its level and trains on stale completions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.training import trained, with_loss


def _log_ratio(logp: Tensor, logp_mu: Tensor, mask: Tensor) -> Tensor:
    return (logp - logp_mu) * mask


def _turns(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Three completions of seven tokens, in which some places, always the fourth among them, belong
    to tools or padding."""
    mask = draw.integers(0, 2, 3, 7).double()
    mask[:, 0], mask[:, 3] = 1.0, 0.0
    logp_mu = -draw.uniform(0.2, 3, 3, 7)
    return logp_mu + draw.uniform(-0.4, 0.4, 3, 7), logp_mu, mask


_COMPLETIONS, _TOKENS, _SPREAD = 512, 4096, 0.03


@cache
def shown(completions: int, deviation: float) -> float:
    """The mean of (ΣW)²/ΣW² over batches of N completions, where log W is normal with this standard
    deviation.

    1 + N (N - 1) ∫ E[W e^{-t W²}]² E[e^{-t W²}]^(N-2) dt,   t from 0 to ∞

    Derived here: 1/ΣW² is ∫ e^{-t ΣW²} dt; the squares of (ΣW)² then add up to 1, and each pair of
    completions to the integral. In units of W's median, t runs over powers of e."""
    z = torch.linspace(-9, 9 + 2 * deviation, 500, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    W = (deviation * z).exp()
    log_t = torch.linspace(
        -20 - 2 * deviation * (9 + deviation), 20 + 2 * deviation * 9, 500, dtype=torch.float64
    )
    fade = torch.exp(-log_t.exp()[:, None] * W.square())
    pairs = (fade @ (density * W)).square() * (fade @ density) ** (completions - 2) * log_t.exp()
    return 1 + completions * (completions - 1) * float(pairs.sum() * (log_t[1] - log_t[0]))


check_sizes = Numbers(
    "How much of 512 completions of 4,096 tokens does the formula leave at a spread of 0.03, how "
    "much does a batch of 512 show on average, and at which horizon is half left?",
    left=Number(
        _COMPLETIONS * math.exp(-_TOKENS * _SPREAD**2),
        {
            math.exp(
                -_TOKENS * _SPREAD**2
            ): "that is the share; times 512 it is a number of completions.",
            _COMPLETIONS
            * math.exp(
                -_TOKENS * _SPREAD**2 / 2
            ): "the exponent is T σ², not half of it: the weight is squared.",
            _COMPLETIONS * math.exp(-_TOKENS * _SPREAD): "the spread enters squared: T σ².",
            _COMPLETIONS
            * math.exp(-math.sqrt(_TOKENS) * _SPREAD): "it is T σ² that counts, not σ √T.",
            _COMPLETIONS
            / (
                1 + _TOKENS * _SPREAD**2
            ): "that is for small T σ²; here it is 3.7: take the exponential.",
            _COMPLETIONS
            * math.exp(-(_SPREAD**2)): "that is for one token; a completion has 4,096.",
        },
    ),
    shows=Number(
        shown(_COMPLETIONS, _SPREAD * math.sqrt(_TOKENS)),
        {
            _COMPLETIONS
            * math.exp(
                -_TOKENS * _SPREAD**2
            ): "that is the formula's; draw 512 weights and compute "
            "(ΣW)²/ΣW² of them, many times over.",
            shown(_COMPLETIONS, _SPREAD * math.sqrt(_TOKENS))
            / _COMPLETIONS: "that is the share; times 512 it is a number of completions.",
            shown(
                _COMPLETIONS, _SPREAD
            ): "those are weights of one token; a completion's log W has the variance T σ².",
            shown(
                _COMPLETIONS, _TOKENS * _SPREAD**2
            ): "T σ² is the variance of log W; its square root is the standard deviation.",
            1.0: "that is one batch's smallest possible value; what is the mean over many batches?",
        },
        rtol=0.08,
    ),
    half=Number(
        math.log(2) / _SPREAD**2,
        {
            math.log(2) / _SPREAD: "the spread enters squared: solve T σ² = log 2.",
            math.log(2): "that is T σ²; divide by σ².",
            2 * math.log(2) / _SPREAD**2: "the exponent is T σ², not half of it.",
            0.5 / _SPREAD**2: "solve exp(-T σ²) = 1/2 exactly: the logarithm of 2 is 0.69.",
            math.log2(2) / _SPREAD**2: "the logarithm is the natural one.",
        },
    ),
    rtol=5e-3,
    praise="so a spread that no token's clip would notice leaves a dozen completions of 512, and "
    "the batch that you look at shows three times as many.",
)

_CAUSES = {
    1: "ratios that multiply",
    2: "tokens that the policy did not write",
    3: "a router",
    4: "log-probs of the sampler that nobody kept",
}


def _cause(right: int, clue: str) -> Number:
    return Number(
        right,
        {other: f"not {text}: {clue}" for other, text in _CAUSES.items() if other != right},
    )


check_logs = Numbers(
    "Four strange logs: which is the product of ratios, which tools, which a router, which "
    "missing log-probs?",
    calm=_cause(
        4,
        "the data are eight versions old and yet every ratio of the first update is exactly 1.",
    ),
    agent=_cause(
        2,
        "the largest ratios grow with the number of calls, and a completion without a call is fine.",
    ),
    sparse=_cause(
        3,
        "with a learning rate of 0 nothing is old, and yet a few tokens are far off while the "
        "others are not.",
    ),
    book=_cause(1, "no token is far off, and yet one completion outweighs all others."),
    rtol=1e-6,
    praise="each of the four needs a different remedy, and a wider clip is none of them.",
)


def _mean(logp: Tensor, logp_mu: Tensor, mask: Tensor) -> Tensor:
    return (_log_ratio(logp, logp_mu, mask).sum(1) / mask.sum(1)).exp()


def _wrong_mean(logp, logp_mu, mask):
    log_ratio = _log_ratio(logp, logp_mu, mask)
    return [
        (
            (logp - logp_mu).mean(1).exp(),
            "this is the loop as it was: it counts the tools' tokens and the padding, above and "
            "below the fraction line.",
        ),
        (
            log_ratio.mean(1).exp(),
            "the sum is right, but it is divided by the padded width; divide by the tokens of "
            "the policy, `mask.sum(1)`.",
        ),
        (
            ((logp - logp_mu).sum(1) / mask.sum(1)).exp(),
            "the number of tokens is right, but the sum still contains the tools' log-ratios.",
        ),
        (
            log_ratio.sum(1).exp(),
            "this is the product; the geometric mean divides the logarithm by the number of tokens.",
        ),
        (
            (log_ratio.sum() / mask.sum()).exp().expand(3).clone(),
            "this is one mean over the batch; every completion has its own.",
        ),
        (
            (log_ratio.exp() * mask).sum(1) / mask.sum(1),
            "this is the arithmetic mean of the ratios; take the mean of their logarithms, then "
            "`exp`.",
        ),
        (log_ratio.sum(1) / mask.sum(1), "this is the mean log-ratio: take `exp`."),
    ]


check_mean = Exercise(
    "Is `mean(logp, logp_mu, mask)` the geometric mean of each completion's own ratios?",
    truth=_mean,
    inputs=_turns,
    wrong=_wrong_mean,
    praise="before, the many tokens of a tool moved the mean ratio of every completion towards 1, "
    "so that the window never clipped.",
)

CAP, MOST = 2.0, 1.0
"""The largest weight in the last exercise, and the largest T σ² at which a completion has one."""


def _loss(
    weigh: Callable[[Tensor], Tensor] = lambda ratio: ratio.clamp(max=CAP),
    *,
    most: float = MOST,
    size: Callable[[Tensor], Tensor] = lambda log_ratio: (log_ratio.exp() - 1).square(),
    per_token: bool = False,
    sign: float = -1.0,
) -> Callable[..., Tensor]:
    def loss(logp: Tensor, logp_mu: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        log_ratio = torch.where(mask, logp - logp_mu, 0.0)
        noise = size(log_ratio).sum(1).mean() / (mask.sum(1).double().mean() if per_token else 1)
        total = log_ratio.sum(1, keepdim=True)
        weight = weigh((total if noise <= most else log_ratio).exp())
        return sign * (weight.detach() * advantages * logp)[mask].mean()

    return loss


def _two_kinds(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four completions of six tokens, some heavier than the cap; T σ² is far below 1, above 1, or so far
    that σ² is, too."""
    logp_mu = -draw.uniform(3, 4, 4, 6)
    far = draw.integers(0, 3, 1).double()
    drift = torch.tensor([[0.17], [-0.3], [0.05], [0.15]], dtype=torch.float64) * (1 + 3 * far)
    mask = draw.integers(0, 2, 4, 6).bool()
    mask[:, :4], mask[:, 5] = True, torch.tensor([False, False, True, False])
    advantages = draw.uniform(0.2, 2, 4, 1) * torch.tensor(
        [[1.0], [-1.0], [1.0], [-1.0]], dtype=torch.float64
    )
    return (
        logp_mu + drift + draw.uniform(-0.02, 0.02, 4, 6),
        logp_mu,
        advantages.expand(4, 6).clone(),
        mask,
    )


def _trains(answer: Callable[..., Any]) -> str:
    """Trains on `relay` with data two batches old, with the reader's loss and with ours."""
    # Ratios are relative to the policy that sampled.
    yours, ours = (with_loss(loss, "logp_rollout") for loss in (answer, _loss()))
    return trained(yours, ours, task="relay", horizon=16, lag=2)


def _wrong_loss(logp, logp_mu, advantages, mask):
    batch = logp, logp_mu, advantages, mask
    return [
        (
            _loss(most=-1)(*batch),
            "these are weights of tokens, and here T σ² is small: sum the log-ratios of a completion "
            "before `exp`.",
        ),
        (
            _loss(most=math.inf)(*batch),
            "this is one weight per completion, and here T σ² is above 1: give every token its own.",
        ),
        (
            _loss(per_token=True)(*batch),
            "this compares σ² of a token with 1: sum (r - 1)² over the tokens of a completion.",
        ),
        (
            -(
                (logp - logp_mu).sum(1, keepdim=True).exp().clamp(max=CAP).detach()
                * advantages
                * logp
            )[mask].mean(),
            "padding is in the product: only tokens where `mask` is True count.",
        ),
        (
            _loss(lambda ratio: ratio)(*batch),
            "the weight has no upper bound: `clamp(max=2)` it, or a single completion decides.",
        ),
        (
            _loss(lambda ratio: ratio * (ratio <= CAP))(*batch),
            "this drops what is heavy; truncation keeps it, with a weight of 2.",
        ),
        (
            _loss(lambda ratio: ratio.clamp(1 / CAP, CAP))(*batch),
            "there is no lower bound: what became unlikely weighs little.",
        ),
        (
            _loss()(*batch) * mask.sum() / mask.numel(),
            "padding is 0 but still counted: the mean is over tokens where `mask` is True.",
        ),
        (_loss(sign=1.0)(*batch), "this is what should rise; the loss is minus that."),
        (
            _loss(lambda ratio: (1 / ratio).clamp(max=CAP))(*batch),
            "the ratio is upside down: learner over sampler.",
        ),
        (_loss(torch.ones_like)(*batch), "this is the loss without a correction."),
    ]


check_loss = Exercise(
    "Does `loss(logp, logp_mu, advantages, mask)` choose its level by T σ², and does it train?",
    truth=_loss(),
    inputs=_two_kinds,
    gradient="logp",
    wrong=_wrong_loss,
    then=_trains,
    praise="the batch itself says how much of it a product would leave.",
)
