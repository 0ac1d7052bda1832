"""Exercises of chapter 4, PPO: the clipped weight, a penalty that adapts, three units, a broken
loop, and a loss that trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.training import trained, with_loss
from trlib.algorithms import PPO


def _weight(
    ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float, dual_clip: float
) -> Tensor:
    # Written out instead of calling `ppo_loss`, which refuses the impossible windows that misplaced
    # arguments make.
    silenced = torch.where(
        advantages > 0, ratio > 1 + eps_high, (ratio < 1 - eps_low) | (ratio > dual_clip)
    )
    return torch.where(silenced, 0.0, ratio * advantages)


def _tokens(draw: Draw) -> tuple[Tensor, Tensor, float, float, float]:
    """Tokens below the window and above it, most of them pushed outward, and none on an edge."""
    ratio = (
        torch.cat([draw.uniform(0.4, 1, 8), draw.uniform(1, 1.6, 8), draw.uniform(1.6, 5, 16)])
        + 0.005
    )
    sign = torch.tensor(
        6 * [-1.0] + 2 * [1.0] + 6 * [1.0] + 2 * [-1.0] + 15 * [-1.0] + [1.0], dtype=torch.float64
    )
    return (
        ratio,
        sign * draw.uniform(0.1, 2, 32),
        draw.number(0.1, 0.5),
        draw.number(0.1, 0.5),
        draw.number(1.6, 4.0),
    )


def _wrong_weight(ratio, advantages, eps_low, eps_high, dual_clip):
    every, up = (ratio, advantages, eps_low, eps_high), advantages > 0
    push, capped = ratio * advantages, ratio.clamp(1 - eps_low, 1 + eps_high) * advantages
    no_dual = _weight(*every, 1e9)
    right = _weight(ratio, advantages, eps_low, eps_high, dual_clip)
    return [
        (
            torch.where(
                torch.where(
                    up, ratio >= 1 + eps_high, (ratio <= 1 - eps_low) | (ratio >= dual_clip)
                ),
                0.0,
                push,
            ),
            "a ratio exactly on an edge is still inside, and its weight is r A: `>` and `<`, "
            "without the equals sign.",
        ),
        (
            no_dual,
            "where the advantage is negative and the ratio above `dual_clip`, the weight is 0 as "
            "well.",
        ),
        (
            torch.where((ratio >= 1 - eps_low) & (ratio <= 1 + eps_high), push, 0.0),
            "this clips every token outside the window. A token outside whose gradient moves it "
            "back keeps its weight: the minimum looks at the sign of the advantage.",
        ),
        (
            capped,
            "this clamps the weight, as CISPO does; PPO's is 0 where the clip acts, because a "
            "constant has no gradient.",
        ),
        (
            _weight(*every, 1 + dual_clip),
            "`dual_clip` is a ratio, not a distance from 1: the floor begins at r = c.",
        ),
        (
            torch.minimum(push, capped),
            "this is the objective, not its slope: where the objective is constant the weight is "
            "0, and the dual clip is still missing.",
        ),
        (
            torch.where(torch.where(up, ratio < 1 - eps_low, ratio > 1 + eps_high), 0.0, push),
            "the sides are exchanged: with A > 0 a token is clipped *above* the window, with A < 0 "
            "below it.",
        ),
        (
            _weight(ratio, advantages, 1 - eps_low, eps_high - 1, dual_clip),
            "the window lies around 1: from 1 - `eps_low` to 1 + `eps_high`.",
        ),
        (
            torch.where(~up & (ratio > dual_clip), dual_clip * advantages, no_dual),
            "above `dual_clip` the *loss* is held at a constant, and a constant has no gradient: "
            "the weight is 0.",
        ),
        (
            right * (ratio <= 1 + eps_high),
            "a token with A < 0 keeps its weight above the window, up to `dual_clip`.",
        ),
        (
            right / ratio,
            "the weight of a kept token is r A: the ratio's derivative in log π is the ratio "
            "itself.",
        ),
        (
            -right,
            "this is the loss's derivative; the weight is minus that, so the probability of a "
            "token with A > 0 increases.",
        ),
    ]


check_weight = Exercise(
    "Is `weight(ratio, advantages, eps_low, eps_high, dual_clip)` PPO's gradient weight, with a "
    "dual clip?",
    truth=_weight,
    inputs=_tokens,
    examples=[
        ([1.0, 1.5, 0.5, 1.5, 0.5, 5.0], [1.0, 1.0, 1.0, -1.0, -1.0, -1.0], 0.2, 0.3, 3.0),
        # On the window's edges and on the dual clip's, in binary fractions, which need no rounding.
        (
            [1.25, 0.75, 3.0, 1.375, 0.625, 3.125],
            [1.0, -1.0, -1.0, 1.0, -1.0, -1.0],
            0.25,
            0.25,
            3.0,
        ),
    ],
    wrong=_wrong_weight,
    praise="of the four corners outside the window two are clipped, and two move back towards it: one "
    "with a small weight (small r, A > 0), and one with a weight that grows with r, up to the "
    "dual clip (large r, A < 0).",
)


EPS = 0.2
"""The window's half-width in the two exercises about the loop."""


def _clipped(r: Tensor, A: Tensor) -> Tensor:
    """PPO's objective per token."""
    return torch.minimum(r * A, r.clamp(1 - EPS, 1 + EPS) * A)


def _log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """log π of each token, all sampled in one state."""
    return logits.log_softmax(-1)[tokens]


def _looped(
    objective: Callable[[Tensor, Tensor], Tensor] = _clipped,
    *,
    old: str = "the batch's",
    reduce: Callable[[Tensor], Tensor] = torch.mean,
    times: Callable[[int], int] = lambda epochs: epochs,
) -> Callable[..., Tensor]:
    """The loop of the exercise, or a broken one: whose log-probs are the old ones, and how often it
    runs."""

    def updates(
        logits: Tensor, tokens: Tensor, advantages: Tensor, epochs: int, lr: float
    ) -> Tensor:
        logp_old = _log_probs(logits, tokens)
        for _ in range(times(epochs)):
            logits = logits.detach().requires_grad_()
            logp = _log_probs(logits, tokens)
            if old == "the current":
                logp_old = logp.detach()
            loss = -reduce(objective(torch.exp(logp - logp_old), advantages))
            if old == "the last":
                logp_old = logp.detach()
            logits = logits - lr * torch.autograd.grad(loss, logits)[0]
        return logits.detach()

    return updates


def _small_batch(draw: Draw) -> tuple[Tensor, Tensor, Tensor, int, float]:
    """Six tokens sampled in one state: strong pushes carry some out of the window, and weak ones
    the wrong way."""
    order = torch.tensor([0, 1, 2, 3, 0, 2])
    advantages = draw.uniform(0.8, 1.2, 6) * torch.tensor(
        [3.0, 0.1, -2.0, 0.2, 2.0, -0.3], dtype=torch.float64
    )
    tokens = (order + int(draw.integers(0, 4, 1))) % 4
    return (
        draw.normal(4) / 2,
        tokens,
        advantages,
        int(draw.integers(6, 16, 1)),
        draw.number(0.3, 0.8),
    )


def _wrong_updates(logits, tokens, advantages, epochs, lr):
    batch = logits, tokens, advantages, epochs, lr
    return [
        (
            _looped(old="the current")(*batch),
            "the clip never acts. Print `r` in every update: what is it, and why?",
        ),
        (
            _looped(old="the last")(*batch),
            "the ratio is taken to the update before, so the window moves along with it. The old "
            "policy is the one that sampled the batch, in all epochs.",
        ),
        (
            _looped(lambda r, A: r * A)(*batch),
            "this is the surrogate without a clip: no token is ever clipped.",
        ),
        (
            _looped(lambda r, A: r.clamp(1 - EPS, 1 + EPS) * A)(*batch),
            "without the minimum a token that moved the wrong way is stopped too. Take the "
            "smaller of both terms.",
        ),
        (
            _looped(lambda r, A: torch.maximum(r * A, r.clamp(1 - EPS, 1 + EPS) * A))(*batch),
            "the larger of both terms clips the tokens that should move back, and never the "
            "others.",
        ),
        (
            _looped(lambda r, A: _clipped(1 / r, A))(*batch),
            "the ratio is upside down: new over old, so `exp(logp - logp_old)`.",
        ),
        (_looped(lambda r, A: -_clipped(r, A))(*batch), "this raises the loss: check both signs."),
        (
            _looped(reduce=torch.sum)(*batch),
            "the loss is the mean over the tokens, but this takes their sum.",
        ),
        (_looped(times=lambda epochs: 1)(*batch), "this makes one update, whatever `epochs` is."),
        (
            _looped(times=lambda epochs: epochs - 1)(*batch),
            "this makes one update fewer than `epochs` says.",
        ),
    ]


check_updates = Exercise(
    "Does `updates(logits, tokens, advantages, epochs, lr)` make PPO's updates on one batch?",
    truth=_looped(),
    inputs=_small_batch,
    wrong=_wrong_updates,
    praise="the old log-probs are taken once per batch, before the first update. Inside the loop "
    "every ratio would be 1, and PPO would be a policy gradient without a clip.",
)


def _masked(objective: Callable[[Tensor, Tensor], Tensor] = _clipped) -> Callable[..., Tensor]:
    def loss(logp: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        return -objective(torch.exp(logp - logp_old), advantages)[mask].mean()

    return loss


def _two_rows(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two completions of five tokens, some of them masked, with ratios on both sides of the
    window."""
    logp_old = -draw.uniform(1, 3, 2, 5)
    advantages = draw.uniform(0.2, 2, 2, 5) * torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    away = torch.tensor([-0.6, -0.3, 0.05, 0.3, 0.6], dtype=torch.float64)
    kept = (
        draw.integers(0, 2, 2, 5).bool() | torch.tensor([[1, 0, 0, 1, 0], [0, 1, 0, 0, 0]]).bool()
    )
    kept[1, 2] = False
    return logp_old + away + draw.uniform(-0.05, 0.05, 2, 5), logp_old, advantages, kept


def _trains(answer: Callable[..., Any]) -> str:
    """Trains with the reader's loss and with the library's, on `dial`."""
    return trained(with_loss(answer), PPO())


def _wrong_loss(logp, logp_old, advantages, mask):
    batch = logp, logp_old, advantages, mask
    return [
        (
            _masked()(logp, logp_old, advantages, torch.ones_like(mask)),
            "this counts every place, padding too: take only those where `mask` is True.",
        ),
        (
            _masked()(*batch) * mask.sum() / mask.numel(),
            "the padding is 0 but still counted: divide by the number of tokens, `mask.sum()`.",
        ),
        (
            _masked()(*batch) * mask.sum(),
            "this is the sum over the tokens; the loss is their mean.",
        ),
        (
            torch.stack(
                [
                    _masked()(logp[row], logp_old[row], advantages[row], mask[row])
                    for row in range(len(mask))
                    if mask[row].any()
                ]
            ).mean(),
            "this takes a mean per completion and then their mean, so tokens of short "
            "completions count more. Take one mean over all tokens.",
        ),
        (
            _masked(lambda r, A: r * A)(*batch),
            "the clip is missing: clamp the ratio to 0.8 and 1.2.",
        ),
        (
            _masked(lambda r, A: r.clamp(1 - EPS, 1 + EPS) * A)(*batch),
            "the minimum is missing: a token outside the window whose gradient moves it back "
            "must keep this gradient.",
        ),
        (
            _masked(lambda r, A: torch.maximum(r * A, r.clamp(1 - EPS, 1 + EPS) * A))(*batch),
            "PPO takes the smaller of the two terms, and the loss is minus that.",
        ),
        (
            _masked(lambda r, A: -_clipped(r, A))(*batch),
            "this is the objective; the loss is minus it.",
        ),
        (
            -_clipped(logp - logp_old, advantages)[mask].mean(),
            "the ratio is `exp(logp - logp_old)`; this clips its logarithm.",
        ),
        (
            -_clipped(logp / logp_old, advantages)[mask].mean(),
            "this divides log-probabilities; the ratio of probabilities is `exp(logp - logp_old)`.",
        ),
        (
            _masked(lambda r, A: torch.minimum(r * A, (r * A).clamp(1 - EPS, 1 + EPS)))(*batch),
            "the clip belongs to the ratio alone, before the advantage is multiplied.",
        ),
        (-(logp * advantages)[mask].mean(), "this is the policy gradient's loss, without a ratio."),
    ]


check_loss = Exercise(
    "Is `loss(logp, logp_old, advantages, mask)` PPO's loss of a batch, and does it train?",
    truth=_masked(),
    inputs=_two_rows,
    gradient="logp",
    wrong=_wrong_loss,
    then=_trains,
    praise="every token counts the same, whatever the length of its completion.",
)


check_units = Numbers(
    "What is the largest KL of a policy all of whose ratios lie in the window of 0.1, and which "
    "window holds TRPO's 0.01 nats?",
    kl=Number(
        -math.log(1 - 0.1**2) / 2,
        {
            -math.log(
                1 - 0.1
            ): "that takes every ratio to be 0.9; ratios average to 1, so half of the mass must "
            "go up.",
            math.log(1 - 0.1**2) / 2: "the sign is wrong: a KL is never negative.",
            0.1**2
            / 2: "that is the second-order value, ε²/2; the exact one is half of -log(1 - ε²).",
            -math.log(
                1 - 0.1**2
            ): "that is twice as much: half of the mass sits at each end of the window.",
            -math.log(1 - 0.1)
            / 2: "the other half of the mass sits at 1.1, and lowers the mean of -log r.",
            0.1**2: "that is ε²; the second-order value is half of it, and the exact one a little "
            "more.",
            -math.log(1 - 0.2**2) / 2: "that is for ε = 0.2.",
        },
    ),
    eps=Number(
        math.sqrt(1 - math.exp(-2 * 0.01)),
        {
            math.sqrt(
                2 * 0.01
            ): "that is the second-order answer, √(2δ); solve -log(1 - ε²)/2 = δ exactly.",
            0.01: "that is δ itself, in nats; ε is a ratio. Solve -log(1 - ε²)/2 = δ for ε.",
            math.sqrt(
                1 - math.exp(-0.01)
            ): "that is about the root of δ; the KL is *half* of -log(1 - ε²), so the "
            "exponent is 2 δ.",
            1 - math.exp(-2 * 0.01): "that is ε²; take its root.",
        },
    ),
    rtol=2.5e-3,  # three digits are enough, 0.141; the second-order answer, 0.1414, is not
    praise="so a window of 0.14 means the same as 0.01 nats, if every ratio stays inside; the clip "
    "does not promise that.",
)
